"""Cards on real nodes: verified where the link is down, refused as soon as the revocation is heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attendance import badge, badge_reports
from attendance.badge import BadgeRevoked
from tests.web.nodes import Client, add_user, client, eventually, make_node, plant, serving
from tests.web.test_tree import child_node, enrol_at
from venues.link import LinkState
from web.node import Node
from web.policy import Role

PEOPLE = "number,name,venue\n1,张伟,5201\n2,王芳,5201\n3,李娜,5203\n".encode()


async def _show(caller: Client, payload: str) -> Any:
    answer = await caller("POST", "/api/kiosk/check-ins", {"payload": payload})
    return answer.body.get("outcome") or answer.code


async def test_a_venue_that_is_cut_off_verifies_cards_and_a_revocation_reaches_it_with_the_link(tmp_path: Path) -> None:
    async with serving(make_node(tmp_path / "root")) as root:
        venues = await plant(root.node)
        await root.node.people.import_csv(PEOPLE)
        await add_user(root.node, "operator", Role.OPERATOR, venues["5201"].id)
        await add_user(root.node, "organizer", Role.ORGANIZER, venues["52"].id)
        lecture = await root.node.lectures.create("党课", venues["52"].id)
        await root.node.lectures.start(lecture.id)
        await root.node.badges.issue(by="organizer", venue_id=venues["52"].id)
        printed = await badge_reports.to_print(root.node.db, venue_id=venues["52"].id, limit=9)
        cards = {card.name: card.payload for card in printed}
        await enrol_at(root, venues["5201"], tmp_path / "city")
        city = child_node(tmp_path / "city", root)
        async with serving(city), client(root.url) as organizer:
            await eventually(lambda: _knows(city, cards["张伟"]))
            await eventually(lambda: _has_lecture(city, lecture.id))
            await organizer.sign_in("organizer")
            lost = {"card": badge.card_text(badge.parse(cards["王芳"]).card), "reason": "lost"}
            assert (await organizer("POST", "/api/badges/revoke", lost)).status == 200
            await eventually(lambda: _refuses(city, cards["王芳"]))
    # The root is gone, and the city's machine is started anew.
    async with serving(child_node(tmp_path / "city", root)) as alone, client(alone.url) as kiosk:
        assert alone.node.uplink.state != LinkState.CONNECTED
        assert (await kiosk.sign_in("operator")).status == 201
        assert await _show(kiosk, cards["张伟"]) == "new"
        assert await _show(kiosk, cards["李娜"]) == "guest"  # of another city: valid, though nobody knows the name here
        assert await _show(kiosk, cards["王芳"]) == "badge_revoked"
        state = (await kiosk("GET", "/api/kiosk")).body
        assert (state["present"], state["guests"], state["expected"]) == (2, 1, 2)
        assert state["pending_events"] == 2


async def _knows(node: Node, payload: str) -> bool:
    try:
        return (await node.badges.check(payload)).person is not None
    except badge.BadgeKeyUnknown:
        return False


async def _has_lecture(node: Node, lecture: str) -> bool:
    return await node.lectures.get(lecture) is not None and await node.users.get("operator") is not None


async def _refuses(node: Node, payload: str) -> bool:
    try:
        await node.badges.check(payload)
    except BadgeRevoked:
        return True
    return False
