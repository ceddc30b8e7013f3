"""What nodes say of themselves and what is concluded from it. Pure.

A parent judges its direct children by their heartbeats and passes on, upwards, only transitions and changed reports of
its whole subtree; whoever reads concludes that a venue below a silent node is silent too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypeVar

from venues.errors import TongtangError
from venues.wire import format_time, parse_time

E = TypeVar("E", bound=StrEnum)


class ReportInvalid(TongtangError):
    """The heartbeat cannot be read: {detail}."""

    code = "report_invalid"
    status = 400


class StreamState(StrEnum):
    IDLE = "idle"  # no lecture is on air
    WAITING = "waiting"  # on air, nothing has arrived yet
    LIVE = "live"
    STALLED = "stalled"  # it was live and nothing arrives any more


class Presence(StrEnum):
    CONNECTED = "connected"
    SILENT = "silent"
    NEVER_SEEN = "never_seen"


@dataclass(frozen=True, kw_only=True)
class StreamReport:
    lecture: str
    kbit_s: float  # what arrives from the parent or the publisher
    loss: float  # 0…1, of the packets that were published, after all repair, over the last ten seconds
    viewers: int
    round_trip_ms: float | None = None  # of the hop to the parent
    jitter_ms: float | None = None  # how unevenly packets arrive, RFC 3550 §6.4.1
    delay_ms: float | None = None  # from capture to this node, where the publisher tells the time of capture


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """What a node says of itself in each heartbeat. None = not known."""

    version: str  # of the program
    clock_offset_ms: float | None  # parent's clock minus this one
    clock_uncertainty_ms: float | None
    stream_state: StreamState
    stream: StreamReport | None
    pending_events: int  # attendance not yet accepted by the parent
    oldest_pending_s: float | None  # age of the oldest of them
    udp_port: int

    def to_wire(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What is known of a venue's own node, and of those of its whole subtree together, itself included."""

    presence: Presence = Presence.NEVER_SEEN
    pending: int = 0  # attendance that the venue's own node has not handed up
    connected: int = 0
    silent: int = 0
    behind: int = 0  # have some that they have not handed up
    pending_below: int = 0  # how much, all together


@dataclass(frozen=True, kw_only=True)
class VenueStatus:
    """`since`: when this presence began. `last_seen`: the last heartbeat, or further down the last one with news.

    Both are None for a venue that was never seen.
    """

    venue_id: int
    presence: Presence
    since: dt.datetime | None = None
    last_seen: dt.datetime | None = None
    report: NodeReport | None = None


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """A status as it goes up the tree. `revision` is the sender's and orders its changes."""

    revision: int
    venue_id: int
    presence: Presence  # connected or silent
    since: dt.datetime
    last_seen: dt.datetime
    report: NodeReport | None

    def to_wire(self) -> dict[str, object]:
        return {
            "revision": self.revision,
            "venue": self.venue_id,
            "presence": self.presence,
            "since": format_time(self.since),
            "last_seen": format_time(self.last_seen),
            "report": None if self.report is None else self.report.to_wire(),
        }


@dataclass(frozen=True, kw_only=True)
class NodeNews:
    """The record of a node as it goes up the tree, so that the node may fall back to any venue above it.

    `revision` is the sender's and orders its news. `public_key` is base64url; `revoked_at` None = active.
    """

    revision: int
    node: str
    venue_id: int
    public_key: str
    enrolled_at: dt.datetime
    revoked_at: dt.datetime | None

    def to_wire(self) -> dict[str, object]:
        return {
            "revision": self.revision,
            "node": self.node,
            "venue": self.venue_id,
            "public_key": self.public_key,
            "enrolled_at": format_time(self.enrolled_at),
            "revoked_at": None if self.revoked_at is None else format_time(self.revoked_at),
        }


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """The body of POST /api/node/heartbeat. `below` holds the sender's changes after `revision_base`, `nodes` its
    records of nodes after `nodes_base`."""

    sent_at: dt.datetime
    revision_base: int
    report: NodeReport
    below: list[StatusChange]
    nodes_base: int
    nodes: list[NodeNews]

    def to_wire(self) -> dict[str, object]:
        return {
            "sent_at": format_time(self.sent_at),
            "revision_base": self.revision_base,
            "report": self.report.to_wire(),
            "below": [change.to_wire() for change in self.below],
            "nodes_base": self.nodes_base,
            "nodes": [news.to_wire() for news in self.nodes],
        }


def judge(last_seen: dt.datetime | None, now: dt.datetime, silent_after_s: float) -> Presence:
    """The presence of a direct child by its last heartbeat (by the parent's own clock)."""
    if last_seen is None:
        return Presence.NEVER_SEEN
    return Presence.SILENT if (now - last_seen).total_seconds() > silent_after_s else Presence.CONNECTED


def worth_telling(before: NodeReport | None, after: NodeReport) -> bool:
    """Whether a changed report goes up the tree: figures that tremble at every heartbeat alone do not count."""
    if before is None or _steady(before) != _steady(after):
        return True
    if before.stream and after.stream:
        rate, rate_after = before.stream.kbit_s, after.stream.kbit_s
        if abs(rate_after - rate) > 0.25 * max(rate, rate_after) or abs(after.stream.loss - before.stream.loss) > 0.01:
            return True
        if _moved(before.stream.round_trip_ms, after.stream.round_trip_ms, least=50):
            return True
        if _moved(before.stream.delay_ms, after.stream.delay_ms, least=250):
            return True
    offset, offset_after = before.clock_offset_ms, after.clock_offset_ms
    return offset is not None and offset_after is not None and abs(offset_after - offset) > 250


def _moved(before: float | None, after: float | None, *, least: float) -> bool:
    """Whether a figure has changed by a quarter and by `least`, or is measured only now, or no more."""
    if before is None or after is None:
        return before is not after
    return abs(after - before) > max(least, 0.25 * max(before, after))


def _steady(report: NodeReport) -> tuple[object, ...]:
    stream = (report.stream.lecture, report.stream.viewers) if report.stream else None
    known = report.clock_offset_ms is not None
    return (report.version, report.stream_state, stream, report.pending_events, report.udp_port, known)


def parse_heartbeat(body: object) -> Heartbeat:
    """Raises ReportInvalid."""
    fields = _mapping(body, "the body")
    return Heartbeat(
        sent_at=_time(fields, "sent_at"),
        revision_base=_count(fields, "revision_base"),
        report=parse_report(fields.get("report")),
        below=[parse_change(item) for item in _list(fields, "below")],
        nodes_base=_count(fields, "nodes_base"),
        nodes=[parse_news(item) for item in _list(fields, "nodes")],
    )


def parse_change(item: object) -> StatusChange:
    """Raises ReportInvalid."""
    fields = _mapping(item, "an entry of below")
    presence = _enum(Presence, fields, "presence")
    if presence is Presence.NEVER_SEEN:
        raise ReportInvalid(detail="presence is never_seen")
    report = fields.get("report")
    return StatusChange(
        revision=_count(fields, "revision"),
        venue_id=_count(fields, "venue"),
        presence=presence,
        since=_time(fields, "since"),
        last_seen=_time(fields, "last_seen"),
        report=None if report is None else parse_report(report),
    )


def parse_news(item: object) -> NodeNews:
    """Raises ReportInvalid."""
    fields = _mapping(item, "an entry of nodes")
    return NodeNews(
        revision=_count(fields, "revision"),
        node=_text(fields, "node"),
        venue_id=_count(fields, "venue"),
        public_key=_text(fields, "public_key"),
        enrolled_at=_time(fields, "enrolled_at"),
        revoked_at=None if fields.get("revoked_at") is None else _time(fields, "revoked_at"),
    )


def parse_report(item: object) -> NodeReport:
    """Raises ReportInvalid."""
    fields = _mapping(item, "report")
    stream = fields.get("stream")
    return NodeReport(
        version=_text(fields, "version"),
        clock_offset_ms=_number_or_none(fields, "clock_offset_ms"),
        clock_uncertainty_ms=_number_or_none(fields, "clock_uncertainty_ms"),
        stream_state=_enum(StreamState, fields, "stream_state"),
        stream=None if stream is None else _stream(_mapping(stream, "stream")),
        pending_events=_count(fields, "pending_events"),
        oldest_pending_s=_number_or_none(fields, "oldest_pending_s"),
        udp_port=_count(fields, "udp_port"),
    )


def _stream(fields: Mapping[str, object]) -> StreamReport:
    return StreamReport(
        lecture=_text(fields, "lecture"),
        kbit_s=_number(fields, "kbit_s"),
        loss=_number(fields, "loss"),
        viewers=_count(fields, "viewers"),
        round_trip_ms=_number_or_none(fields, "round_trip_ms"),
        jitter_ms=_number_or_none(fields, "jitter_ms"),
        delay_ms=_number_or_none(fields, "delay_ms"),
    )


def _mapping(item: object, what: str) -> Mapping[str, object]:
    if isinstance(item, dict):
        return item
    raise ReportInvalid(detail=f"{what} is not an object")


def _list(fields: Mapping[str, object], key: str) -> list[object]:
    value = fields.get(key)
    if isinstance(value, list):
        return value
    raise ReportInvalid(detail=f"{key} is not a list")


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    if isinstance(value, str) and len(value) <= 200:
        return value
    raise ReportInvalid(detail=f"{key} is not a short text")


def _count(fields: Mapping[str, object], key: str) -> int:
    value = fields.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
        return value
    raise ReportInvalid(detail=f"{key} is not a whole number")


def _number(fields: Mapping[str, object], key: str) -> float:
    value = fields.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:  # NaN fails this too
        return value
    raise ReportInvalid(detail=f"{key} is not a number")


def _number_or_none(fields: Mapping[str, object], key: str) -> float | None:
    return None if fields.get(key) is None else _number(fields, key)


def _time(fields: Mapping[str, object], key: str) -> dt.datetime:
    try:
        return parse_time(fields.get(key))
    except ValueError as error:
        raise ReportInvalid(detail=f"{key} is not a time") from error


def _enum(kind: type[E], fields: Mapping[str, object], key: str) -> E:
    try:
        return kind(_text(fields, key))
    except ValueError as error:
        raise ReportInvalid(detail=f"{key} is not one of {', '.join(kind)}") from error
