"""Which hop is slow: the API, the lecturer's desk and the page of venues."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.venues.world import report
from tests.web.nodes import Client, add_user, client, make_node, plant, serving
from venues.status import NodeReport, Presence, StatusChange, StreamReport, StreamState
from venues.tree import Venue
from web.node import Node
from web.policy import Role


@dataclass
class Scene:
    node: Node
    client: Client
    venues: dict[str, Venue]
    lecture: str

    def flowing(self, loss: float, round_trip_ms: float | None, delay_ms: float | None = None) -> NodeReport:
        stream = StreamReport(
            lecture=self.lecture,
            kbit_s=1.0,
            loss=loss,
            viewers=0,
            round_trip_ms=round_trip_ms,
            jitter_ms=3.0,
            delay_ms=delay_ms,
        )
        return report(stream_state=StreamState.LIVE, stream=stream)

    async def tell(self) -> None:
        """Province and city get all of it; a tenth is lost to the county, whose street is far away."""
        now = self.node.now()
        below = [
            StatusChange(
                revision=revision,
                venue_id=self.venues[code].id,
                presence=Presence.CONNECTED,
                since=now,
                last_seen=now,
                report=said,
            )
            for revision, (code, said) in enumerate(
                [("520102", self.flowing(0.1, 12.0, 480.0)), ("520102001", self.flowing(0.1, 650.4))], start=1
            )
        ]
        await self.node.health.heard(self.venues["52"].id, self.flowing(0.0, None))
        await self.node.health.heard(self.venues["5201"].id, self.flowing(0.0, 8.0), below)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    node = make_node(tmp_path, heartbeat={"interval_s": 600, "silent_after_s": 3600})
    async with serving(node) as server, client(server.url) as caller:
        venues = await plant(node)
        for role in (Role.ORGANIZER, Role.LECTURER):
            await add_user(node, role.value, role, venues["52"].id)
        await add_user(node, "of the county", Role.LECTURER, venues["520102"].id)
        lecture = await node.lectures.create("党课", venues["52"].id)
        yield Scene(node, caller, venues, lecture.id)


async def test_the_api_names_the_worst_hops_of_the_callers_subtree(scene: Scene) -> None:
    path = f"/api/lectures/{scene.lecture}/hops"
    await scene.client.sign_in("lecturer")
    assert (await scene.client("GET", path)).body == {"hops": []}
    await scene.tell()
    found = (await scene.client("GET", path)).body["hops"]
    assert [(each["above"] and each["above"]["name"], each["venue"]["name"], each["grade"]) for each in found] == [
        ("贵阳市", "南明区", "poor"),
        ("南明区", "新华街道", "poor"),
        ("贵州省", "贵阳市", "good"),
        (None, "贵州省", "good"),
    ]
    county = {"loss": 0.1, "round_trip_ms": 12.0, "jitter_ms": 3.0, "delay_ms": 480.0}
    assert {key: found[0][key] for key in county} == county
    assert (found[1]["loss"], found[1]["round_trip_ms"], found[1]["delay_ms"]) == (0.0, 650.4, None)
    await scene.client.sign_in("of the county")
    found = (await scene.client("GET", path)).body["hops"]
    assert [each["venue"]["name"] for each in found] == ["南明区", "新华街道"]


async def test_the_desk_says_which_hop_is_slow(scene: Scene) -> None:
    path = f"/lectures/{scene.lecture}/desk"
    await scene.client.sign_in("lecturer")
    assert "Nothing flows to the venues yet." in (await scene.client("GET", path)).body
    await scene.tell()
    page = (await scene.client("GET", path)).body
    shown = re.findall(r'<span class="way">(.*?)</span>', page)
    assert [re.sub("<.*?>", "", each) for each in shown] == ["贵阳市 → 南明区", "南明区 → 新华街道", "贵州省 → 贵阳市"]
    assert "loss 10.0 % · round trip 12 ms" in page
    assert "loss 0.0 % · round trip 650 ms" in page
    assert "All hops are good." not in page


async def test_the_desk_says_that_all_is_well(scene: Scene) -> None:
    await scene.node.health.heard(scene.venues["5201"].id, scene.flowing(0.001, 8.0))
    await scene.client.sign_in("lecturer")
    page = (await scene.client("GET", f"/lectures/{scene.lecture}/desk", headers={"Accept-Language": "zh"})).body
    assert "各段线路都好。" in page


async def test_the_page_of_venues_shows_loss_and_round_trip_of_each_child(scene: Scene) -> None:
    await scene.tell()
    await scene.client.sign_in("organizer")
    city = (await scene.client("GET", f"/venues/{scene.venues['5201'].id}")).body
    assert re.search(r'data-label="loss">\s*<span class="state bad">10.0 %</span>', city)
    assert re.search(r'data-label="round trip">\s*12 ms', city)
    county = (await scene.client("GET", f"/venues/{scene.venues['520102'].id}")).body
    assert "480 ms" in county  # since the camera
    assert re.search(r'data-label="loss">\s*0.0 %', county)
    assert re.search(r'data-label="round trip">\s*<span class="state bad">650 ms</span>', county)
    silent = (await scene.client("GET", f"/venues/{scene.venues['52'].id}")).body
    assert re.search(r'data-label="loss">\s*–', silent)  # the other city has never been seen
