"""Policies by version, a person's whole history, and corrections: as the API and the pages have them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance.people import person_id
from tests.web.nodes import Client, add_user, client, eventually, make_node, plant, serving
from venues.tree import Venue
from web.node import Node
from web.policy import Role

PEOPLE = "编号,姓名,所属场所\n0001,张秀英,52\n0002,王建国,520302\n"
ZHANG, WANG = person_id("0001"), person_id("0002")


@dataclass
class Scene:
    node: Node
    venues: dict[str, Venue]
    lecture: str
    caller: Client

    @property
    def path(self) -> str:
        return f"/api/lectures/{self.lecture}/people/"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as caller:
        venues = await plant(node)
        for name, role, code in [
            ("organizer", Role.ORGANIZER, "52"),
            ("operator", Role.OPERATOR, "52"),
            ("elsewhere", Role.ORGANIZER, "5201"),
        ]:
            await add_user(node, name, role, venues[code].id)
        await node.people.import_csv(PEOPLE.encode())
        lecture = await node.lectures.create("党课", venues["52"].id)
        await node.lectures.start(lecture.id)
        await caller.sign_in("organizer")
        yield Scene(node, venues, lecture.id, caller)


async def test_a_history_tells_everything_and_a_correction_stands_over_it(scene: Scene) -> None:
    caller, path = scene.caller, scene.path + ZHANG
    tick = await caller("POST", f"/api/lectures/{scene.lecture}/check-ins", {"person": ZHANG})
    before = (await caller("GET", path)).body
    assert (before["status"], before["name"], before["home"]["code"]) == ("present", "张秀英", "52")
    assert [entry["kind"] for entry in before["entries"]] == ["check_in"]
    wrong = await caller("POST", path + "/corrections", {"state": "absent", "reason": ""})
    assert wrong.status == 422
    done = await caller("POST", path + "/corrections", {"state": "absent", "reason": "查证未到"})
    assert (done.status, done.body["kind"]) == (201, "correction")
    after = (await caller("GET", path)).body
    assert after["status"] == "absent"
    entry = after["entries"][1]
    assert (entry["operator"], entry["reason"], entry["data"]) == ("organizer", "查证未到", {"state": "absent"})
    for event in (done.body["event"], tick.body["event"]):
        undone = await caller("POST", path + "/undo", {"event": event, "reason": "误记"})
        assert undone.status == 201
    last = (await caller("GET", path)).body
    assert last["status"] is None
    assert [(entry["kind"], entry["undone"]) for entry in last["entries"]] == [
        ("check_in", True),
        ("correction", True),
        ("undo", False),
        ("undo", False),
    ]


async def test_somebody_who_was_never_seen_can_be_excused_and_is_counted_at_home(scene: Scene) -> None:
    done = await scene.caller("POST", scene.path + WANG + "/corrections", {"state": "leave", "reason": "住院"})
    assert done.status == 201
    found = (await scene.caller("GET", scene.path + WANG)).body
    assert (found["status"], found["attended_venue"]["code"]) == ("leave", "520302")


async def test_the_history_says_that_leave_was_entered_too_late(scene: Scene) -> None:
    caller, node = scene.caller, scene.node
    rules = (await caller("GET", "/api/policies")).body["policies"][0]["rules"]
    assert (rules["leave_whenever"], rules["leave_hours"]) == (True, 0)
    entered = await caller("POST", f"/api/lectures/{scene.lecture}/leaves", {"person": ZHANG, "reason": "住院"})
    assert entered.status == 201
    assert not (await caller("GET", scene.path + ZHANG)).body["entries"][0]["too_late"]
    await caller("POST", "/api/policies", {"name": "从严", "rules": rules | {"leave_whenever": False}})
    await node.lectures.stop(scene.lecture)
    await caller("PUT", f"/api/lectures/{scene.lecture}/policy", {"version": 2})

    async def absent() -> bool:
        return bool((await caller("GET", scene.path + ZHANG)).body["status"] == "absent")

    await eventually(absent)
    (entry,) = (await caller("GET", scene.path + ZHANG)).body["entries"]
    assert (entry["kind"], entry["too_late"]) == ("leave", True)
    page = await caller("GET", f"/lectures/{scene.lecture}/people/{ZHANG}", headers={"Accept": "text/html"})
    assert "Entered too late to count as leave" in page.body
    assert (
        "Leave: entered by the venue before the beginning"
        in (await caller("GET", "/policies", headers={"Accept": "text/html"})).body
    )
    await caller("POST", scene.path + ZHANG + "/corrections", {"state": "leave", "reason": "有住院证明"})
    found = (await caller("GET", scene.path + ZHANG)).body
    assert (found["status"], [one["too_late"] for one in found["entries"]]) == ("leave", [True, False])


async def test_who_may_see_and_correct(scene: Scene) -> None:
    caller, wang = scene.caller, scene.path + WANG
    assert (await caller("GET", scene.path + "nobody")).code == "person_not_in_lecture"
    await caller.sign_in("operator")
    assert (await caller("GET", wang)).status == 200
    assert (await caller("POST", wang + "/corrections", {"state": "leave", "reason": "x"})).status == 403
    await caller.sign_in("elsewhere")
    assert (await caller("GET", wang)).status == 403


async def test_a_lecture_is_judged_under_the_version_that_is_chosen(scene: Scene) -> None:
    caller, node = scene.caller, scene.node
    listed = (await caller("GET", "/api/policies")).body["policies"]
    assert [policy["version"] for policy in listed] == [1]
    strict = listed[0]["rules"] | {"least_percent": 100, "tick_counts_whole": False}
    made = await caller("POST", "/api/policies", {"name": "从严", "rules": strict})
    assert (made.status, made.body["version"], made.body["made_by"]) == (201, 2, "organizer")
    refused = await caller("POST", "/api/policies", {"name": "从严", "rules": strict | {"least_percent": 101}})
    assert refused.status == 422
    await caller("POST", f"/api/lectures/{scene.lecture}/check-ins", {"person": ZHANG})
    await node.lectures.stop(scene.lecture)

    async def judged_under(version: int) -> bool:
        found = (await caller("GET", scene.path + ZHANG)).body
        return bool(found["policy"] == version)

    await eventually(lambda: judged_under(1))
    chosen = await caller("PUT", f"/api/lectures/{scene.lecture}/policy", {"version": 2})
    assert chosen.status == 200
    await eventually(lambda: judged_under(2))
    assert (await caller("PUT", f"/api/lectures/{scene.lecture}/policy", {"version": 7})).code == "policy_unknown"


async def test_after_closing_the_organizer_corrects_and_the_operator_is_told_so(scene: Scene) -> None:
    caller, path = scene.caller, scene.path + ZHANG
    statements = f"/api/lectures/{scene.lecture}/statements"
    await caller.sign_in("operator")
    before = await caller("POST", statements, {"person": ZHANG, "state": "leave", "reason": "住院"})
    assert before.status == 201
    assert (await caller("POST", f"/api/lectures/{scene.lecture}/closing", {})).status == 201
    refused = await caller("POST", statements, {"person": ZHANG, "state": "present", "reason": "来了"})
    assert (refused.status, refused.code) == (409, "attendance_closed")
    assert "handed in" in refused.body["error"]["message"]
    await caller.sign_in("organizer")
    after = await caller("POST", path + "/corrections", {"state": "present", "late": True, "reason": "查证到场"})
    assert after.status == 201
    found = (await caller("GET", path)).body
    assert (found["status"], found["late"]) == ("present", True)
    assert [(entry["operator"], entry["reason"]) for entry in found["entries"]] == [
        ("operator", "住院"),
        ("organizer", "查证到场"),
    ]
    assert (await caller("POST", path + "/undo", {"event": after.body["event"], "reason": "误记"})).status == 201
    assert (await caller("GET", path)).body["status"] == "leave"
    row = (await caller("GET", f"/api/lectures/{scene.lecture}/report")).body["rows"][0]
    assert row["state"] == "final"  # what the organizer wrote afterwards leaves the closing complete


async def test_the_page_of_a_person_says_when_each_entry_arrived(scene: Scene) -> None:
    await scene.caller("POST", f"/api/lectures/{scene.lecture}/check-ins", {"person": ZHANG})
    page = await scene.caller("GET", f"/lectures/{scene.lecture}/people/{ZHANG}")
    assert page.status == 200
    assert "arrived here" in page.body


async def test_a_check_in_before_a_sign_out_can_be_taken_back_as_the_page_offers(scene: Scene) -> None:
    caller, lecture = scene.caller, f"/api/lectures/{scene.lecture}"
    page = f"/lectures/{scene.lecture}/people/{ZHANG}"
    tick = await caller("POST", lecture + "/check-ins", {"person": ZHANG})
    await caller("POST", lecture + "/sign-outs", {"person": ZHANG})
    offered = re.findall(r'name="event" value="([^"]+)"', (await caller("GET", page)).body)
    assert len(offered) == 2
    assert offered[0] == tick.body["event"]
    form = {"csrf": caller.csrf, "event": offered[0], "reason": "不是本人"}
    assert (await caller("POST", page + "/undo", data=form | {"reason": " "})).status == 422
    sent = await caller("POST", page + "/undo", data=form)
    assert (sent.status, sent.headers["Location"]) == (303, page)
    found = (await caller("GET", scene.path + ZHANG)).body
    assert (found["status"], [entry["undone"] for entry in found["entries"]]) == (None, [True, False, False])
    row = (await caller("GET", lecture + "/roll-call")).body["people"][0]
    assert (row["name"], row["state"], row["present"]) == ("张秀英", "", False)
    again = await caller("POST", lecture + "/check-ins", {"person": ZHANG})
    assert (again.status, (await caller("GET", scene.path + ZHANG)).body["status"]) == (201, "present")


async def test_the_page_opens_whatever_was_stated_and_leads_to_all_that_the_person_attended(scene: Scene) -> None:
    page = f"/lectures/{scene.lecture}/people/{ZHANG}"
    for state in ("present", "present-late", "leave", "makeup", "absent"):
        form = {"csrf": scene.caller.csrf, "state": state, "reason": f"核实 {state}"}
        sent = await scene.caller("POST", page + "/correct", data=form)
        assert (sent.status, sent.headers["Location"]) == (303, page)
        shown = await scene.caller("GET", page)
        assert shown.status == 200
        assert f"核实 {state}" in shown.body
    assert f'href="/people/{ZHANG}/record"' in shown.body
    assert (await scene.caller("GET", f"/people/{ZHANG}/record")).status == 200
    await scene.caller.sign_in("operator")
    assert "/record" not in (await scene.caller("GET", page)).body


async def test_the_page_leads_back_to_the_report_that_one_came_from(scene: Scene) -> None:
    page = f"/lectures/{scene.lecture}/people/{ZHANG}?venue=7"
    report = f'href="/lectures/{scene.lecture}/report?venue=7"'
    assert report in (await scene.caller("GET", page)).body
    form = {"csrf": scene.caller.csrf, "state": "leave", "reason": "x"}
    sent = await scene.caller("POST", page.replace("?", "/correct?"), data=form)
    assert (sent.status, sent.headers["Location"]) == (303, page)


async def test_a_page_that_grew_too_old_is_not_called_forbidden(scene: Scene) -> None:
    form = {"csrf": "old", "state": "leave", "reason": "x"}
    scene.caller.csrf = ""
    sent = await scene.caller("POST", f"/lectures/{scene.lecture}/people/{ZHANG}/correct", data=form)
    assert sent.status == 403
    assert "That did not work" in sent.body
    assert "This is not yours to open" not in sent.body
