"""A card before the kiosk: who it is, what is refused and why, and a card from elsewhere that gets its name above."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attendance import badge, badge_reports
from attendance.lectures import Lecture
from attendance.people import person_id
from tests.attendance.test_camera import HIGH, WIDE, seen
from tests.web.nodes import Answer, Client, add_user, cheap, client, plant, serving, settings
from tests.web.test_screen import START, Clock
from venues.identity import NodeKey
from web.current import door_state
from web.node import Node
from web.policy import Role

PEOPLE = "number,name,venue\n1,张伟,52\n2,王芳,52\n3,李娜,520302\n"


@dataclass
class Scene:
    node: Node
    operator: Client
    clock: Clock
    lecture: Lecture
    payloads: dict[str, str]

    async def show(self, who: str, **more: Any) -> Answer:
        payload = self.payloads.get(who, who)
        return await self.operator("POST", "/api/kiosk/check-ins", {"payload": payload} | more)

    async def state(self) -> dict[str, Any]:
        answer = await self.operator("GET", "/api/kiosk")
        assert answer.status == 200, answer.body
        body: dict[str, Any] = answer.body
        return body


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = Clock()
    node = Node(settings(tmp_path), now=clock, passwords=cheap())
    async with serving(node) as server, client(server.url) as operator:
        venues = await plant(node)
        await node.people.import_csv(PEOPLE.encode())
        await add_user(node, "operator", Role.OPERATOR, venues["52"].id)
        await operator.sign_in("operator")
        await node.badges.issue(by="org", venue_id=venues["52"].id)
        lecture = await node.lectures.create("党课", venues["52"].id, START + dt.timedelta(hours=3))
        cards = await badge_reports.to_print(node.db, venue_id=venues["52"].id, limit=10)
        payloads = {card.name: card.payload for card in cards}
        yield Scene(node=node, operator=operator, clock=clock, lecture=lecture, payloads=payloads)


async def test_a_card_at_the_kiosk_says_nothing_of_its_browser(scene: Scene) -> None:
    await scene.node.lectures.start(scene.lecture.id)
    assert (await scene.show("张伟")).status == 201
    devices = "SELECT device FROM event"
    found = await scene.node.db.read(lambda connection: connection.exec_driver_sql(devices).scalars().all())
    assert found == [None]


async def test_a_card_checks_its_bearer_in_once(scene: Scene) -> None:
    await scene.node.lectures.start(scene.lecture.id)
    first = await scene.show("张伟")
    assert (first.status, first.body["outcome"], first.body["name"]) == (201, "new", "张伟")
    assert (first.body["home"]["name"], first.body["home_above"]) == ("贵州省", "")
    again = await scene.show("张伟")
    assert (again.status, again.body["outcome"], again.body["event"]) == (200, "already", first.body["event"])
    guest = await scene.show("李娜")
    assert (guest.body["outcome"], guest.body["home"]["name"]) == ("guest", "红花岗区")
    assert guest.body["home_above"] == "遵义市"
    state = await scene.state()
    assert (state["state"], state["present"], state["guests"], state["expected"]) == ("open", 2, 1, 2)
    assert (state["pending_events"], state["oldest_pending_s"]) == (0, None)
    entries = (await scene.operator("GET", f"/api/lectures/{scene.lecture.id}/people/{person_id('1')}")).body["entries"]
    assert [(one["method"], one["operator"]) for one in entries] == [("kiosk", None)]
    assert entries[0]["data"]["card"] == first.body["card"]


async def test_the_repeat_of_a_lost_answer_is_answered_as_the_first_one_was(scene: Scene) -> None:
    await scene.node.lectures.start(scene.lecture.id)
    event = "01890a5d-ac96-774b-bcce-000000000001"
    for status in (201, 200):
        answer = await scene.show("张伟", event=event)
        assert (answer.status, answer.body["outcome"]) == (status, "new")


async def test_a_card_that_waited_is_not_taken_for_another_lecture(scene: Scene) -> None:
    await scene.node.lectures.start(scene.lecture.id)
    assert (await scene.show("王芳", lecture="of yesterday")).code == "kiosk_shut"
    assert (await scene.show("王芳", lecture=scene.lecture.id)).status == 201


async def test_what_is_refused_says_why(scene: Scene) -> None:
    await scene.node.lectures.start(scene.lecture.id)
    good = scene.payloads["张伟"]
    read = badge.parse(good)
    forged = badge.payload(read.key, read.card, NodeKey.make(bytes(32)))
    strange = badge.payload(9, read.card, NodeKey.make(bytes(32)))
    digit = "1" if good[50] != "1" else "2"
    for payload, status, code in (
        ("6901234567892", 422, "badge_foreign"),
        (good[:50] + digit + good[51:], 422, "badge_misread"),
        (good[:-3], 422, "badge_misread"),
        (strange, 403, "badge_key_unknown"),
        (forged, 403, "badge_forged"),
    ):
        answer = await scene.show(payload)
        assert (answer.status, answer.code) == (status, code)
    await scene.node.badges.revoke(read.card, reason="lost", by="org")
    assert (await scene.show("张伟")).code == "badge_revoked"
    chinese = await scene.operator(
        "POST", "/api/kiosk/check-ins", {"payload": good}, headers={"Accept-Language": "zh-CN"}
    )
    assert chinese.body["error"]["message"] == "这张卡已作废，请用新卡，或按姓名签到。"
    assert (await scene.state())["present"] == 0


async def test_the_door_opens_two_hours_before_and_shuts_when_the_venue_has_handed_in(scene: Scene) -> None:
    assert (await scene.state())["state"] == "early"
    assert (await scene.show("张伟")).code == "kiosk_shut"
    scene.clock.forward(3600)
    assert (await scene.state())["state"] == "open"
    assert (await scene.show("张伟")).status == 201
    await scene.node.log.close(lecture=scene.lecture.id)
    assert (await scene.state())["state"] == "closed"
    assert (await scene.show("王芳")).code == "attendance_closed"
    await scene.node.lectures.start(scene.lecture.id)
    await scene.node.lectures.stop(scene.lecture.id)
    assert (await scene.state())["state"] == "no_lecture"
    assert (await scene.show("王芳")).code == "kiosk_shut"
    assert door_state(None, START) == "no_lecture"


async def test_a_good_card_that_nobody_knows_here_is_a_fact_all_the_same(scene: Scene) -> None:
    """As at a village that a member of another one visits: signed with the root's key, not in this subtree."""
    await scene.node.lectures.start(scene.lecture.id)
    key = NodeKey.make(bytes(range(32)))
    content = {"keys": [[1, key.public]], "cards": [], "revoked": [badge.card_text(7)]}
    await scene.node.badges.replace(content)
    answer = await scene.show(badge.payload(1, 4821, key))
    assert (answer.status, answer.body["outcome"], answer.body["home"]) == (201, "guest", None)
    assert answer.body["name"] == "持卡人 …4821"
    assert (await scene.show(badge.payload(1, 4821, key))).body["outcome"] == "already"
    assert (await scene.show(badge.payload(1, 7, key))).code == "badge_revoked"
    roll = (await scene.operator("GET", f"/api/lectures/{scene.lecture.id}/roll-call")).body
    guest = next(row for row in roll["people"] if row["present"])
    assert (guest["name"], guest["guest"], guest["person"]) == ("持卡人 …4821", True, None)
    undone = await scene.operator("POST", f"/api/lectures/{scene.lecture.id}/undo", {"event": guest["event"]})
    assert undone.status == 201
    assert (await scene.state())["present"] == 0


async def test_an_operator_reads_a_card_too(scene: Scene) -> None:
    path = f"/api/lectures/{scene.lecture.id}/badges"
    answer = await scene.operator("POST", path, {"payload": scene.payloads["张伟"]})
    assert (answer.status, answer.body["outcome"]) == (201, "new")
    entries = (await scene.operator("GET", f"/api/lectures/{scene.lecture.id}/people/{person_id('1')}")).body["entries"]
    assert [(one["method"], one["operator"]) for one in entries] == [("badge", "operator")]


async def test_a_camera_frame_is_read_by_the_node(scene: Scene) -> None:
    async def send(frame: bytes, width: int = WIDE) -> Answer:
        path = f"/api/kiosk/frames?width={width}&height={HIGH}"
        return await scene.operator("POST", path, data=frame, headers={"Content-Type": "application/octet-stream"})

    payload = scene.payloads["王芳"]
    assert (await send(seen(payload))).body == {"payload": payload}
    assert (await send(bytes(WIDE * HIGH))).body == {"payload": None}
    assert (await send(bytes(10))).code == "frame_invalid"
    assert (await send(bytes(10), 9999)).code == "invalid"


async def test_only_the_venue_s_own_people_may(scene: Scene) -> None:
    async with client(scene.operator.url) as stranger:
        assert (await stranger("GET", "/api/kiosk")).code == "unauthenticated"
        assert (await stranger("POST", "/api/kiosk/check-ins", {"payload": "1"})).code == "unauthenticated"
        assert (await stranger("POST", "/api/kiosk/frames?width=1&height=1", data=b"1")).code == "unauthenticated"


async def test_a_node_without_a_tree_says_what_it_waits_for(tmp_path: Path) -> None:
    node = Node(settings(tmp_path), passwords=cheap())
    async with serving(node) as server, client(server.url) as operator:
        await add_user(node, "operator", Role.OPERATOR, 1)
        await operator.sign_in("operator")
        state = (await operator("GET", "/api/kiosk")).body
        assert (state["state"], state["venue"]) == ("no_venue", None)
        assert "import" in state["sentence"]
        assert (await operator("POST", "/api/kiosk/check-ins", {"payload": "1"})).code == "not_ready"
