from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest

from tests.venues.world import START, report
from venues import Heartbeat, NodeNews, Presence, StatusChange, StreamReport, StreamState, parse_heartbeat
from venues.status import ReportInvalid, judge, worth_telling

STREAM = StreamReport(
    lecture="l", kbit_s=1000.0, loss=0.01, viewers=3, round_trip_ms=100.0, jitter_ms=2.5, delay_ms=400.0
)
REPORT = report(stream_state=StreamState.LIVE, stream=STREAM, clock_offset_ms=10.0, pending_events=2)
CHANGE = StatusChange(revision=5, venue_id=7, presence=Presence.SILENT, since=START, last_seen=START, report=None)
NEWS = NodeNews(revision=2, node="n", venue_id=7, public_key="k", enrolled_at=START, revoked_at=None)
BEAT = Heartbeat(
    sent_at=START,
    revision_base=4,
    report=REPORT,
    below=[CHANGE, dataclasses.replace(CHANGE, presence=Presence.CONNECTED, report=REPORT)],
    nodes_base=1,
    nodes=[NEWS, dataclasses.replace(NEWS, revision=3, revoked_at=START)],
)


def test_a_heartbeat_survives_the_wire() -> None:
    assert parse_heartbeat(json.loads(json.dumps(BEAT.to_wire()))) == BEAT


def test_a_node_of_an_older_version_says_nothing_of_its_hop() -> None:
    body = json.loads(json.dumps(BEAT.to_wire()))
    for key in ("round_trip_ms", "jitter_ms", "delay_ms"):
        del body["report"]["stream"][key]
    stream = parse_heartbeat(body).report.stream
    assert stream is not None
    assert (stream.round_trip_ms, stream.jitter_ms, stream.delay_ms) == (None, None, None)
    assert stream.loss == STREAM.loss


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["sent_at"], "yesterday"),
        (["revision_base"], -1),
        (["revision_base"], True),
        (["report"], None),
        (["report", "version"], 1),
        (["report", "version"], "x" * 201),
        (["report", "stream_state"], "on"),
        (["report", "pending_events"], 1.5),
        (["report", "udp_port"], "8081"),
        (["report", "clock_offset_ms"], float("nan")),
        (["report", "stream"], []),
        (["report", "stream", "loss"], "much"),
        (["below"], {}),
        (["below", 0], 3),
        (["below", 0, "presence"], "never_seen"),
        (["below", 0, "venue"], "7"),
        (["below", 0, "since"], None),
        (["below", 1, "report", "version"], None),
        (["nodes_base"], None),
        (["nodes"], None),
        (["nodes", 0, "node"], 1),
        (["nodes", 0, "venue"], "7"),
        (["nodes", 0, "public_key"], "x" * 201),
        (["nodes", 0, "enrolled_at"], None),
        (["nodes", 1, "revoked_at"], "now"),
    ],
)
def test_malformed_heartbeats(path: list[str | int], value: object) -> None:
    body = json.loads(json.dumps(BEAT.to_wire()))
    place = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ReportInvalid):
        parse_heartbeat(body)
    with pytest.raises(ReportInvalid):
        parse_heartbeat([])


@pytest.mark.parametrize(
    ("age_s", "presence"),
    [(None, Presence.NEVER_SEEN), (0, Presence.CONNECTED), (35, Presence.CONNECTED), (35.1, Presence.SILENT)],
)
def test_judge(age_s: float | None, presence: Presence) -> None:
    last_seen = None if age_s is None else START - dt.timedelta(seconds=age_s)
    assert judge(last_seen, START, 35) is presence


def test_only_what_matters_goes_up() -> None:
    def told(**changed: object) -> bool:
        return worth_telling(REPORT, dataclasses.replace(REPORT, **changed))  # type: ignore[arg-type]

    def streamed(**changed: object) -> bool:
        return told(stream=dataclasses.replace(STREAM, **changed))  # type: ignore[arg-type]

    assert worth_telling(None, REPORT)
    assert not told()
    assert not told(clock_offset_ms=40.0, clock_uncertainty_ms=3.0, oldest_pending_s=9.0)
    assert not streamed(kbit_s=1200.0, loss=0.02)
    assert told(pending_events=3)
    assert told(stream_state=StreamState.STALLED)
    assert told(stream=None)
    assert told(clock_offset_ms=None)
    assert told(clock_offset_ms=300.0)
    assert streamed(kbit_s=700.0)
    assert streamed(loss=0.2)
    assert streamed(viewers=4)
    assert not streamed(round_trip_ms=140.0, jitter_ms=90.0, delay_ms=600.0)
    assert streamed(round_trip_ms=160.0)
    assert streamed(round_trip_ms=None)
    assert streamed(delay_ms=700.0)
