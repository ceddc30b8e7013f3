"""The roll-call over HTTP: leave, sign-out, statements, many at once, headcount and presence check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attendance.event import Method
from attendance.people import person_id
from tests.web.nodes import Answer, Client, add_user, client, make_node, plant, serving
from web.node import Node
from web.policy import Role

PEOPLE = "编号,姓名,所属场所\n0001,张秀英,52\n0002,单雄信,52\n0003,李桂芳,52\n"
ZHANG, SHAN, LI = (person_id(f"000{n}") for n in (1, 2, 3))


@dataclass
class Scene:
    node: Node
    caller: Client
    path: str

    async def __call__(self, path: str, body: object) -> Answer:
        return await self.caller("POST", self.path + path, body)

    async def roll(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.caller("GET", self.path + "/roll-call")).body
        return found

    async def row(self, name: str) -> dict[str, Any]:
        return next(row for row in (await self.roll())["people"] if row["name"] == name)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as caller:
        venues = await plant(node)
        await add_user(node, "operator", Role.OPERATOR, venues["52"].id)
        await node.people.import_csv(PEOPLE.encode())
        lecture = await node.lectures.create("党课", venues["52"].id)
        await node.lectures.start(lecture.id)
        await caller.sign_in("operator")
        yield Scene(node, caller, f"/api/lectures/{lecture.id}")


async def test_from_tick_to_sign_out_and_back(scene: Scene) -> None:
    tick = await scene("/check-ins", {"person": ZHANG})
    assert (await scene("/sign-outs", {"about": tick.body["event"]})).status == 201
    row = await scene.row("张秀英")
    assert (row["state"], row["present"], row["until"] is not None) == ("signed_out", False, True)
    assert (await scene("/undo", {"event": row["event"]})).status == 201
    assert (await scene.row("张秀英"))["state"] == "present"
    assert (await scene("/sign-outs", {"person": LI})).code == "not_checked_in"
    assert (await scene("/sign-outs", {})).status == 422


async def test_events_say_nothing_of_the_operators_browser(scene: Scene) -> None:
    agent = {"User-Agent": "Mozilla/5.0 (Linux; Android 14; SM-A155F)"}
    tick = await scene.caller("POST", scene.path + "/check-ins", {"person": ZHANG}, headers=agent)
    undone = {"event": tick.body["event"], "reason": "点错"}
    for path, body in (("/leaves", {"person": SHAN, "reason": "住院"}), ("/undo", undone), ("/closing", {})):
        answer = await scene.caller("POST", scene.path + path, body, headers=agent)
        assert answer.status == 201, answer.body
    devices = "SELECT device FROM event"
    found = await scene.node.db.read(lambda connection: connection.exec_driver_sql(devices).scalars().all())
    assert found == [None] * 4


async def test_leave_needs_a_reason_and_can_be_taken_back(scene: Scene) -> None:
    assert (await scene("/leaves", {"person": SHAN, "reason": ""})).status == 422
    assert (await scene("/leaves", {"person": SHAN, "reason": "住院"})).status == 201
    roll = await scene.roll()
    row = roll["people"][1]
    assert (roll["leave"], row["state"], row["reason"]) == (1, "leave", "住院")
    assert "sxx" in row["spellings"].split(" ")
    for reason in ({}, {"reason": " "}):
        refused = await scene("/undo", {"event": row["event"], **reason})
        assert (refused.status, refused.code) == (422, "reason_missing")
    assert (await scene.row("单雄信"))["state"] == "leave"
    for _ in ("once", "again"):
        assert (await scene("/undo", {"event": row["event"], "reason": "来了"})).status in (200, 201)
    assert (await scene.row("单雄信"))["state"] == ""


async def test_the_operator_states_until_the_attendance_is_handed_in(scene: Scene) -> None:
    stated = await scene("/statements", {"person": LI, "state": "present", "late": True, "reason": "雨大路滑"})
    assert stated.status == 201
    row = await scene.row("李桂芳")
    assert (row["state"], row["late"], row["present"]) == ("present", True, True)
    assert (await scene("/undo", {"event": row["event"]})).code == "reason_missing"
    await scene("/closing", {})
    late = await scene("/statements", {"person": LI, "state": "absent", "reason": "x"})
    assert (late.status, late.code) == (409, "attendance_closed")


async def test_many_at_once_are_answered_one_by_one_and_a_repeat_changes_nothing(scene: Scene) -> None:
    mine = "01890a5d-ac96-774b-bcce-00000000000{}"
    people = [{"person": who, "event": mine.format(n)} for n, who in enumerate((ZHANG, "nobody", LI))]
    first = (await scene("/check-ins/many", {"people": people})).body["results"]
    again = (await scene("/check-ins/many", {"people": people})).body["results"]
    assert first == again
    assert [one["code"] for one in first] == [None, "person_unknown", None]
    assert [one["event"] for one in first] == [mine.format(0), None, mine.format(2)]
    assert first[1]["message"] == "This person is not on the roster here."
    assert (await scene.roll())["present"] == 2


async def test_headcount_and_presence_check_stand_beside_the_sum(scene: Scene) -> None:
    roll = await scene.roll()
    assert (roll["headcount"], roll["check_at"], roll["check_open"]) == (None, None, False)
    await scene("/headcounts", {"people": 9})
    tick = await scene("/check-ins", {"person": ZHANG})
    await scene("/check-ins", {"name": "过路客"})
    assert (await scene("/presence-checks", {})).status == 201
    await scene("/presence-checks/seen", {"about": tick.body["event"]})
    roll = await scene.roll()
    assert (roll["headcount"], roll["check_open"], roll["seen"], roll["present"]) == (9, True, 1, 2)
    assert [row["seen"] for row in roll["people"]] == [True, False, False, False]


async def test_who_scans_again_during_a_check_was_seen(scene: Scene) -> None:
    lecture = scene.path.rpartition("/")[2]
    screen = (await scene.caller("GET", "/api/screen")).body
    code = screen["code_url"].rpartition("/c/")[2]
    phone = {"code": code, "number": "0001", "name": "张秀英"}
    await scene.node.log.capture(lecture=lecture, number="0001", name="张秀英", method=Method.CODE)
    assert (await scene.caller("POST", "/api/check-in", phone)).body["already"]
    assert (await scene.roll())["seen"] == 0  # no check was held
    await scene("/presence-checks", {})
    assert (await scene.caller("POST", "/api/check-in", phone)).body["already"]
    assert (await scene.roll())["seen"] == 1


async def test_who_scans_again_after_the_venue_has_handed_in_is_told_that_all_is_well(scene: Scene) -> None:
    code = (await scene.caller("GET", "/api/screen")).body["code_url"].rpartition("/c/")[2]
    phone = {"code": code, "number": "0001", "name": "张秀英"}
    assert not (await scene.caller("POST", "/api/check-in", phone)).body["already"]
    await scene("/presence-checks", {})
    handed_in = await scene("/closing", {})
    again = await scene.caller("POST", "/api/check-in", phone)
    assert (again.status, again.body["already"]) == (201, True)
    late = await scene.caller("POST", "/api/check-in", {"code": code, "number": "0003", "name": "李桂芳"})
    assert (late.status, late.code) == (409, "attendance_closed")
    assert (await scene.roll())["seen"] == 0  # what was handed in stays as it was
    assert (await scene("/closing", {})).body["event"] == handed_in.body["event"]
