from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from broadcast import Hop, RelayFigures, StreamFigures, StreamStatus, Totals
from tests.web.nodes import add_user, client, make_node, plant, serving
from venues.tokens import TokenKind
from web.app import Server
from web.metrics import RelayCollector
from web.policy import Role

ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}
HOP = Hop(loss=0.25, round_trip_ms=40.0, jitter_ms=None, delay_ms=None)


def samples(text: str) -> dict[str, float]:
    """By name and lecture."""
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {":".join([each.name, *each.labels.values()]): each.value for each in found}


def shown(figures: RelayFigures) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(RelayCollector(lambda: figures))
    return samples(generate_latest(registry).decode())


def test_what_is_counted_is_shown_and_what_is_not_known_is_left_out() -> None:
    totals = Totals(**{field.name: 100 + number for number, field in enumerate(dataclasses.fields(Totals))})
    first = StreamFigures(
        lecture="l",
        totals=totals,
        status=StreamStatus(live=True, fed=True, viewers=3, nodes=2, hop=HOP),
        round_trips_s=(0.1, 0.4, 0.2),
    )
    second = StreamFigures(lecture="m", totals=Totals(), status=StreamStatus(live=False, fed=False), round_trips_s=())
    found = shown(RelayFigures(streams=(first, second), strangers=7, half_open=1, open=5, dropped=2))
    assert {found[name] for name in found if name.endswith("_total:l")} == {100 + n for n in range(11)}
    assert found["tongtang_received_packets_total:l"] == totals.packets_in
    assert found["tongtang_sent_bytes_total:l"] == totals.octets_out
    assert found["tongtang_sent_bytes_total:m"] == 0
    assert found["tongtang_stranger_datagrams_total"] == 7
    assert found["tongtang_dropped_datagrams_total"] == 2
    assert (found["tongtang_sessions:open"], found["tongtang_sessions:half_open"]) == (5, 1)
    assert (found["tongtang_viewers:l"], found["tongtang_child_nodes:l"]) == (3, 2)
    assert found["tongtang_viewer_round_trip_median_seconds:l"] == 0.2
    assert found["tongtang_viewer_round_trip_max_seconds:l"] == 0.4
    assert found["tongtang_hop_loss_ratio:l"] == 0.25
    assert found["tongtang_hop_round_trip_seconds:l"] == pytest.approx(0.04)
    for absent in ("hop_jitter_seconds:l", "capture_delay_seconds:l", "hop_loss_ratio:m"):
        assert f"tongtang_{absent}" not in found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(make_node(tmp_path)) as server:
        await plant(server.node)
        yield server


async def test_a_program_on_this_machine_may_read_them(server: Server) -> None:
    async with client(server.url) as caller:
        answer = await caller("GET", "/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        found = samples(answer.body)
        assert found["tongtang_stranger_datagrams_total"] == 0
        assert found["process_open_fds"] > 0
        answer = await caller("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.body.endswith("# EOF\n")


@pytest.mark.parametrize(
    "handed_on", [ELSEWHERE, {"Forwarded": "for=192.0.2.7"}, {"Host": "venue.example"}, {"Via": "1.1 proxy"}]
)
async def test_from_elsewhere_they_need_a_scripts_bearer(server: Server, handed_on: dict[str, str]) -> None:
    tokens = server.node.tokens
    async with client(server.url) as caller:
        answer = await caller("GET", "/metrics", headers=handed_on)
        assert (answer.status, answer.code) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        for kind, status in ((TokenKind.API, 200), (TokenKind.NODE, 403), (TokenKind.VIEW, 403)):
            caller.bearer = await tokens.issue(kind, "somebody", 1, "lecture", ttl=dt.timedelta(hours=1))
            assert (await caller("GET", "/metrics", headers=handed_on)).status == status


async def test_signing_in_opens_nothing_here(server: Server) -> None:
    await add_user(server.node, "organizer", Role.ORGANIZER, 1)
    async with client(server.url) as caller:
        assert (await caller.sign_in("organizer")).status == 201
        assert (await caller("GET", "/metrics", headers=ELSEWHERE)).status == 403


async def test_the_machine_itself_may_see_nothing_else(server: Server) -> None:
    async with client(server.url) as caller:
        assert (await caller("GET", "/api/lectures")).status == 401
