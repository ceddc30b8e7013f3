"""The pages and API of personal data and of what is kept aside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance.event import to_wire
from tests.attendance.world import an_event
from tests.web.nodes import Client, add_user, client, eventually, make_node, plant, serving
from venues.tree import Venue
from web.node import Node
from web.policy import Role

PAGE = {"Accept": "text/html"}


@dataclass
class Stage:
    node: Node
    venues: dict[str, Venue]
    url: str

    async def keep_aside(self, venue: str, **raw: object) -> None:
        child = self.venues[venue].id
        await self.node.log.ingest([to_wire(an_event(venue=child)) | {"shoe": 42} | raw], child)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    node = make_node(tmp_path)
    async with serving(node) as server:
        venues = await plant(node)
        await node.people.import_csv("number,name,venue\nA1,张三,5201\nB1,李四,5203\n".encode())
        for name, code in (("province", "52"), ("city", "5201")):
            await add_user(node, name, Role.ORGANIZER, venues[code].id)
        yield Stage(node=node, venues=venues, url=server.url)


async def organizer(caller: Client, name: str) -> Client:
    assert (await caller.sign_in(name)).status == 201
    return caller


async def erase(caller: Client, number: str) -> int:
    form = {"number": number, "sure": number, "reason": "left", "csrf": caller.csrf}
    return (await caller("POST", "/privacy", data=form, headers=PAGE)).status


async def test_what_is_kept_aside_is_shown_to_those_above_it(stage: Stage) -> None:
    async with client(stage.url) as province, client(stage.url) as city:
        await organizer(province, "province")
        await organizer(city, "city")
        assert "Nothing is kept aside" in (await city("GET", "/quarantine", headers=PAGE)).body
        assert 'id="aside"' not in (await city("GET", "/", headers=PAGE)).body
        await stage.keep_aside("5203", name="<b>赵敏</b>", more="\ud800")
        await stage.keep_aside("520102")
        assert (await province("GET", "/api/quarantine")).body["total"] == 2
        ((group),) = (await city("GET", "/api/quarantine")).body["groups"]
        assert (group["code"], group["venue_name"], group["count"]) == ("event_field_unknown", "南明区", 1)
        assert group["why"].startswith("The event says something")
        ((entry),) = (await city("GET", "/api/quarantine/entries")).body["entries"]
        assert '"shoe": 42' in entry["raw"]
        assert (await city("GET", f"/api/quarantine/entries?venue={stage.venues['5203'].id}")).body["entries"] == []
        assert 'id="aside"' in (await city("GET", "/", headers=PAGE)).body
        place = f"/quarantine?code=event_field_unknown&venue={stage.venues['5203'].id}"
        shown = (await province("GET", place, headers=PAGE)).body
        assert "&lt;b&gt;赵敏" in shown
        assert "<b>赵敏" not in shown
        assert "赵敏" not in (await city("GET", place, headers=PAGE)).body


async def test_a_person_is_erased_by_who_is_above_the_home(stage: Stage) -> None:
    async with client(stage.url) as caller:
        await organizer(caller, "city")
        assert await erase(caller, "B1") == 403
        assert (await caller("POST", "/api/people/erasures", {"number": "B1"})).code == "outside_subtree"
        assert (await caller("POST", "/api/people/erasures", {"number": "never seen"})).code == "outside_subtree"
        assert (await caller("POST", "/api/people/erasures", {"number": "A1"})).status == 201
        assert (await caller("GET", "/api/people/erasures")).code == "outside_subtree"
    async with client(stage.url) as caller:
        await organizer(caller, "province")
        assert await erase(caller, "never seen") == 404
        assert await erase(caller, "") == 422
        assert await erase(caller, "B1") == 200

        async def done() -> bool:
            listed = (await caller("GET", "/api/people/erasures")).body
            return len(listed["erasures"]) == 2 and bool(listed["files_done"])

        await eventually(done)
        page = (await caller("GET", "/privacy", headers=PAGE)).body
        assert "Has left the organization" in page
        assert "李四" not in page
        assert await stage.node.people.export(stage.venues["52"].id) == []


async def test_who_is_to_be_erased_is_named_before_anything_is_erased(stage: Stage) -> None:
    async with client(stage.url) as caller:
        await organizer(caller, "province")
        form = {"number": "B1", "reason": "left", "csrf": caller.csrf}
        asked = await caller("POST", "/privacy", data=form, headers=PAGE)
        assert asked.status == 200
        assert all(word in asked.body for word in ("李四", "遵义市", 'name="sure" value="B1"', "Entries here"))
        unknown = await caller("POST", "/privacy", data=form | {"number": "B2"}, headers=PAGE)
        assert (unknown.status, "Nothing is known here of this person." in unknown.body) == (404, True)
        assert (await caller("POST", "/privacy", data=form | {"sure": "A1"}, headers=PAGE)).status == 200
        assert (await caller("GET", "/api/people/erasures")).body["erasures"] == []
        assert (await caller("POST", "/privacy", data=form | {"sure": "B1"}, headers=PAGE)).status == 200
        assert len((await caller("GET", "/api/people/erasures")).body["erasures"]) == 1


async def test_either_a_number_or_a_guest(stage: Stage) -> None:
    async with client(stage.url) as caller:
        await organizer(caller, "province")
        for body in ({}, {"number": "A1", "guest": an_event().id}, {"guest": "x"}):
            assert (await caller("POST", "/api/people/erasures", body)).status == 422
        assert (await caller("POST", "/api/people/erasures", {"guest": an_event().id})).code == "nobody_to_erase"
