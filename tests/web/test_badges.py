"""Cards for a unit: who may issue, revoke and print them, and what each says no to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance import badge_reports
from attendance.people import person_id
from tests.web.nodes import Client, add_user, client, make_node, plant, serving
from venues.tree import Venue
from web.node import Node
from web.policy import Role

PEOPLE = "number,name,venue\n1,张伟,520102001001\n2,王芳,520102001001\n3,李娜,520302\n"
ZHANG, LI = person_id("1"), person_id("3")


@dataclass
class Scene:
    node: Node
    venues: dict[str, Venue]
    organizer: Client
    county: Client
    operator: Client


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    node = make_node(tmp_path)
    async with (
        serving(node) as server,
        client(server.url) as one,
        client(server.url) as two,
        client(server.url) as three,
    ):
        venues = await plant(node)
        await node.people.import_csv(PEOPLE.encode())
        await add_user(node, "organizer", Role.ORGANIZER, venues["52"].id)
        await add_user(node, "county", Role.ORGANIZER, venues["520102"].id)
        await add_user(node, "operator", Role.OPERATOR, venues["52"].id)
        scene = Scene(node=node, venues=venues, organizer=one, county=two, operator=three)
        for name in ("organizer", "county", "operator"):
            await getattr(scene, name).sign_in(name)
        yield scene


async def test_a_unit_gets_cards_and_prints_them(scene: Scene) -> None:
    village = scene.venues["520102001001"].id
    before = (await scene.county("GET", f"/api/badges?venue={village}")).body
    assert (before["people"], before["with_card"]) == (2, 0)
    assert (await scene.county("GET", f"/api/badges/sheet.pdf?venue={village}")).code == "badge_unknown"
    done = await scene.county("POST", "/api/badges", {"venue": village})
    assert (done.status, done.body) == (201, {"issued": 2, "revoked": 0})
    after = (await scene.county("GET", "/api/badges?limit=1&offset=1")).body  # its own venue
    assert (after["people"], after["with_card"]) == (2, 2)
    (holder,) = after["holders"]
    assert (holder["number"], holder["name"], holder["home"]) == ("2", "王芳", village)
    assert len(holder["card"]) == 19
    answer = await scene.county.session.get(f"{scene.county.url}/api/badges/sheet.pdf?venue={village}")
    assert answer.content_type == "application/pdf"
    assert (await answer.read()).startswith(b"%PDF")
    assert await answer.read() != b""
    one = await scene.county.session.get(f"{scene.county.url}/api/badges/sheet.pdf?person={ZHANG}")
    assert one.status == 200


async def test_a_lost_card_is_revoked_and_replaced(scene: Scene) -> None:
    issued = await scene.county("POST", "/api/badges", {"person": ZHANG})
    assert issued.body == {"issued": 1, "revoked": 0}
    card = (await scene.county("GET", "/api/badges")).body["holders"][0]["card"]
    revoked = await scene.county("POST", "/api/badges/revoke", {"card": card, "reason": "丢失"})
    assert revoked.body == {"revoked": True}
    again = await scene.county("POST", "/api/badges/revoke", {"card": card, "reason": "丢失"})
    assert again.body == {"revoked": False}
    assert (await scene.county("POST", "/api/badges", {"person": ZHANG})).body == {"issued": 1, "revoked": 0}
    assert (await scene.county("POST", "/api/badges", {"person": ZHANG})).body == {"issued": 1, "revoked": 1}
    renewed = await scene.county("POST", "/api/badges", {"venue": scene.venues["520102"].id, "renew": True})
    assert renewed.body == {"issued": 2, "revoked": 1}


async def test_nobody_reaches_beyond_the_own_venues(scene: Scene) -> None:
    elsewhere, root = scene.venues["520302"].id, scene.venues["52"].id
    await scene.organizer("POST", "/api/badges", {"venue": root})
    holder = await badge_reports.holder(scene.node.db, LI)
    assert holder is not None
    card = f"{holder.card:019d}"
    for method, path, body in (
        ("GET", f"/api/badges?venue={elsewhere}", None),
        ("GET", f"/api/badges?venue={root}", None),
        ("POST", "/api/badges", {"venue": root}),
        ("POST", "/api/badges", {"person": LI}),
        ("POST", "/api/badges/revoke", {"card": card, "reason": "x"}),
        ("GET", f"/api/badges/sheet.pdf?venue={elsewhere}", None),
        ("GET", f"/api/badges/sheet.pdf?person={LI}", None),
    ):
        assert (await scene.county(method, path, body)).code == "outside_subtree", path
        assert (await scene.operator(method, path, body)).code == "wrong_role", path


async def test_what_is_asked_wrongly_is_said(scene: Scene) -> None:
    ask = scene.organizer
    assert (await ask("POST", "/api/badges", {})).code == "invalid"
    assert (await ask("POST", "/api/badges", {"venue": 1, "person": ZHANG})).code == "invalid"
    assert (await ask("POST", "/api/badges", {"person": "nobody"})).code == "person_unknown"
    assert (await ask("POST", "/api/badges", {"venue": 999})).code == "venue_unknown"
    assert (await ask("POST", "/api/badges/revoke", {"card": "0" * 19, "reason": "x"})).code == "badge_unknown"
    assert (await ask("POST", "/api/badges/revoke", {"card": "12", "reason": "x"})).code == "invalid"
    assert (await ask("GET", "/api/badges/sheet.pdf")).code == "invalid"
