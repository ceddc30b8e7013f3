"""The page of cards: for whole units and single people, and what it offers where."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance import badge_reports
from attendance.badge import card_text
from attendance.people import person_id
from attendance.tables import person
from tests.web.nodes import Answer, Client, add_user, client, make_node, plant, serving
from venues.tree import Venue
from web.node import Node
from web.policy import Role

PEOPLE = "number,name,venue\n1,张伟,520102001001\n2,王芳,520102001001\n3,李娜,520302\n"


@dataclass
class Scene:
    node: Node
    venues: dict[str, Venue]
    organizer: Client
    county: Client

    async def post(self, who: Client, path: str, **fields: object) -> Answer:
        return await who("POST", path, data={"csrf": who.csrf} | fields)

    async def card(self, number: str) -> int:
        found = await badge_reports.holder(self.node.db, person_id(number))
        assert found is not None
        assert found.card is not None
        return found.card


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as one, client(server.url) as two:
        venues = await plant(node)
        await node.people.import_csv(PEOPLE.encode())
        await add_user(node, "organizer", Role.ORGANIZER, venues["52"].id)
        await add_user(node, "county", Role.ORGANIZER, venues["520102"].id)
        for caller, name in ((one, "organizer"), (two, "county")):
            await caller.sign_in(name)
        yield Scene(node=node, venues=venues, organizer=one, county=two)


def figures(page: Answer) -> tuple[str, str]:
    with_card = re.search(r'id="with-card">([\d,]+)<', page.body)
    without = re.search(r'id="without-card">([\d,]+)<', page.body)
    assert with_card
    assert without
    return with_card[1], without[1]


async def test_a_unit_gets_cards_and_sees_how_many_each_venue_below_has(scene: Scene) -> None:
    county = scene.venues["520102"].id
    assert figures(await scene.organizer("GET", "/badges")) == ("0", "3")
    done = await scene.post(scene.county, "/badges", venue=county)
    assert (done.status, done.headers["Location"]) == (303, f"/badges?venue={county}&issued=2&revoked=0")
    page = await scene.county("GET", done.headers["Location"])
    assert figures(page) == ("2", "0")
    assert "Cards issued: 2." in page.body
    assert f"/api/badges/sheet.pdf?venue={county}&amp;offset=0" in page.body
    top = (await scene.organizer("GET", "/badges")).body
    row = top[top.index(f'/badges?venue={scene.venues["5201"].id}"') :]
    assert re.findall(r'data-label="[^"]*">(\d+)<', row)[:3] == ["2", "2", "0"]


async def test_whom_to_list_can_be_chosen(scene: Scene) -> None:
    await scene.node.badges.issue(by="x", person=person_id("2"))
    for query, names in (
        ("which=with", ["王芳"]),
        ("which=without", ["张伟", "李娜"]),
        ("q=3", ["李娜"]),
        ("q=%E5%BC%A0&which=with", []),
        ("offset=2", ["李娜"]),
    ):
        page = (await scene.organizer("GET", f"/badges?{query}")).body
        assert re.findall(r'<a href="/people/[^"]+">([^<]+)</a>', page) == names, query


async def test_a_lost_card_is_replaced_at_once(scene: Scene) -> None:
    await scene.node.badges.issue(by="x", person=person_id("1"))
    lost, village = await scene.card("1"), scene.venues["520102001001"].id
    fields = {"venue": village, "card": card_text(lost), "reason": "lost", "again": "yes"}
    done = await scene.post(scene.county, "/badges/revoke", **fields)
    assert done.headers["Location"] == f"/badges?venue={village}&issued=1&revoked=1"
    assert await scene.card("1") != lost
    (revoked,) = await badge_reports.revocations(scene.node.db, village, limit=9)
    assert (revoked.card, revoked.reason, revoked.revoked_by) == (lost, "lost", "county")
    page = await scene.county("GET", f"/badges?venue={village}", headers={"Accept-Language": "zh-CN"})
    assert "遗失" in page.body
    again = await scene.post(scene.county, "/badges/revoke", **(fields | {"again": "", "reason": "<b>"}))
    assert again.headers["Location"].endswith("issued=0&revoked=0")
    await scene.post(scene.county, "/badges", venue=village, renew="yes")
    reasons = [each.reason for each in await badge_reports.revocations(scene.node.db, village, limit=9)]
    assert sorted(reasons) == ["a new card was issued", "lost"]


async def test_who_is_off_the_list_gets_no_card(scene: Scene) -> None:
    village = scene.venues["520102001001"].id
    await scene.node.badges.issue(by="x", venue_id=village)
    gone = person.update().where(person.c.id == person_id("1")).values(gone_at=scene.node.now())
    await scene.node.db.write(lambda connection: connection.execute(gone))
    assert figures(await scene.county("GET", f"/badges?venue={village}")) == ("1", "0")
    assert (await scene.node.badges.issue(by="x", person=person_id("1"))).issued == 0
    printed = await badge_reports.to_print(scene.node.db, venue_id=village, limit=9)
    assert [card.name for card in printed] == ["王芳"]


async def test_nobody_reaches_beyond_the_own_venues_or_asks_nonsense(scene: Scene) -> None:
    root, zunyi = scene.venues["52"].id, scene.venues["520302"].id
    await scene.node.badges.issue(by="x", person=person_id("3"))
    card = card_text(await scene.card("3"))
    for answer in (
        await scene.county("GET", f"/badges?venue={zunyi}"),
        await scene.post(scene.county, "/badges", venue=root),
        await scene.post(scene.county, "/badges", venue=root, person=person_id("3")),
        await scene.post(scene.county, "/badges/revoke", venue=root, card=card, reason="lost"),
    ):
        assert answer.status == 403
    for answer in (
        await scene.post(scene.county, "/badges", venue="x"),
        await scene.post(scene.county, "/badges", venue=root, person="nobody"),
        await scene.post(scene.county, "/badges/revoke", venue=root, card="x", reason="lost"),
    ):
        assert answer.status == 404
    assert await scene.card("3") == int(card)
