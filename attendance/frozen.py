"""A frozen report: what the figures of a lecture were at one moment, in one spelling, with a hash. Pure.

docs/reports.md describes the format, so that anybody can check a hash without this program. There is no name of an
attendee in it, and so nothing in it ever has to be forgotten.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from attendance.closing import Standing, VenueState
from attendance.event import spell
from attendance.lectures import from_wire, to_wire
from attendance.policy import Policy
from attendance.policy import from_wire as policy_from_wire
from attendance.policy import to_wire as policy_to_wire
from attendance.report import HomeCounts, LectureReport, ReportRow, ToldCounts, VenueCounts
from venues.errors import TongtangError
from venues.status import Presence
from venues.tree import Venue
from venues.wire import format_time, parse_time

FORMAT = "tongtang report 1"
REASON_LONGEST = 500
_FIGURES = ("present", "guests", "late", "early", "attended", "minutes")
_HOME = tuple(field.name for field in dataclasses.fields(HomeCounts))
_VENUES = tuple(field.name for field in dataclasses.fields(VenueCounts))
_TOLD = tuple(field.name for field in dataclasses.fields(ToldCounts))
_SHARES = frozenset({"picture", "sound"})  # 0…1; in the file whole ten-thousandths
_ABOUT = ("venue", "parent", "code", "name", "level", "presence", "pending", "state", "behind", "closed_at")
COLUMNS = (
    *_ABOUT,
    *_FIGURES,
    *(f"home_{name}" for name in _HOME),
    *(f"venues_{name}" for name in _VENUES),
    *(f"told_{name}" for name in _TOLD),
)
# They go up and down with each link, and say nothing of who was there.
_FLEETING = frozenset(
    {"presence", "pending", "behind", "venues_connected", "venues_silent", "venues_never_seen", "venues_behind"}
)


class FrozenUnknown(TongtangError):
    """This report has no version {number} here."""

    code: ClassVar[str] = "version_unknown"
    status: ClassVar[int] = 404


class StillJudging(TongtangError):
    """This lecture is being judged anew just now. Please try again in a moment."""

    code: ClassVar[str] = "still_judging"
    status: ClassVar[int] = 409


class FrozenInvalid(TongtangError):
    """This is not a frozen report: {reason}."""

    code: ClassVar[str] = "not_a_frozen_report"
    status: ClassVar[int] = 422


class Cause(enum.StrEnum):
    ASKED = "asked"  # by an organizer
    BEFORE = "before_judging"  # the lecture is about to be judged under another version of the policy
    AFTER = "after_judging"  # and has been


@dataclass(frozen=True, kw_only=True)
class Version:
    """`hash`: SHA-256 of the canonical JSON, in hexadecimal."""

    lecture: str
    venue: int
    number: int
    policy: int
    made_at: dt.datetime
    made_by: str
    cause: Cause
    reason: str
    hash: str


@dataclass(frozen=True, kw_only=True)
class FrozenReport:
    """`report` has the venue and all below it; `over`: who was not heard of by then was absent."""

    version: Version
    policy: Policy
    over: bool
    report: LectureReport

    def at(self, venue: int | None) -> LectureReport:
        """A venue of it and those right below. Raises FrozenUnknown."""
        rows = self.report.rows
        by_id = {row.venue_id: row for row in rows}
        top = by_id.get(rows[0].venue_id if venue is None else venue)
        if top is None:
            raise FrozenUnknown(number=self.version.number)
        path: list[Venue] = []
        step: ReportRow | None = top
        while step is not None and step.venue_id != rows[0].venue_id:
            path.insert(0, _venue(step))
            step = by_id.get(step.parent_id or 0)
        below = [row for row in rows if row.parent_id == top.venue_id and row is not top]
        whole = (*self.report.path, *path)
        return LectureReport(lecture=self.report.lecture, path=whole, rows=(top, *below))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of one venue; None: it was not there. `columns`: what differs."""

    before: ReportRow | None
    after: ReportRow | None
    columns: tuple[str, ...]


def content(
    report: LectureReport,
    policy: Policy,
    *,
    number: int,
    at: dt.datetime,
    by: str,
    cause: Cause,
    reason: str,
    over: bool,
) -> dict[str, object]:
    """The object whose canonical JSON is hashed."""
    return {
        "format": FORMAT,
        "lecture": to_wire(report.lecture),
        "path": [{"id": one.id, "code": one.code, "name": one.name, "level": one.level} for one in report.path],
        "number": number,
        "made_at": format_time(at),
        "made_by": by,
        "cause": cause.value,
        "reason": reason,
        "policy": policy_to_wire(policy),
        "over": over,
        "columns": list(COLUMNS),
        "rows": [_values(row) for row in report.rows],
    }


def canonical(found: Mapping[str, object]) -> bytes:
    """The one byte string of it: UTF-8 JSON, keys sorted, no spaces (RFC 8785 for strings and integers)."""
    return spell(found).encode()


def hash_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def same_state(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two contents tell the same, whoever made them and when."""
    return all(one[key] == other[key] for key in ("lecture", "policy", "over")) and _lasting(one) == _lasting(other)


def _lasting(found: Mapping[str, Any]) -> list[dict[str, object]]:
    live = {VenueState.SILENT.value, VenueState.CONNECTED.value, VenueState.NEVER_SEEN.value, VenueState.BEHIND.value}
    rows = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
    kept = [{name: cell for name, cell in row.items() if name not in _FLEETING} for row in rows]
    return [row | {"state": "open" if row["state"] in live else row["state"]} for row in kept]


def read(raw: bytes) -> FrozenReport:
    """Read canonical JSON. Raises FrozenInvalid, also where it is spelled otherwise."""
    try:
        found = json.loads(raw)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise FrozenInvalid(reason=f'"format" is not "{FORMAT}"')
        if canonical(found) != raw:
            raise FrozenInvalid(reason="it is not in its canonical spelling")
        return _frozen(found, hash_of(raw))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FrozenInvalid(reason=f"{type(error).__name__} {error}"[:100]) from error


def _frozen(found: Mapping[str, Any], hash_: str) -> FrozenReport:
    path = [
        Venue(id=one["id"], code=one["code"], name=one["name"], level=one["level"], parent_id=None)
        for one in found["path"]
    ]
    lecture, policy = from_wire(found["lecture"]), policy_from_wire(found["policy"])
    rows = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
    parents = {row["parent"] for row in rows}
    report = LectureReport(
        lecture=lecture,
        path=tuple(path),
        rows=tuple(_row(row, has_children=row["venue"] in parents) for row in rows),
    )
    return FrozenReport(
        version=Version(
            lecture=lecture.id,
            venue=path[-1].id,
            number=found["number"],
            policy=policy.version,
            made_at=parse_time(found["made_at"]),
            made_by=found["made_by"],
            cause=Cause(found["cause"]),
            reason=found["reason"],
            hash=hash_,
        ),
        policy=policy,
        over=found["over"],
        report=report,
    )


def differences(before: Sequence[ReportRow], after: Sequence[ReportRow]) -> list[Difference]:
    """The venues whose figures differ, in the order of the later one; what comes and goes with a link is left out."""
    old, new = ({row.venue_id: row for row in rows} for rows in (before, after))
    found: list[Difference] = []
    for id_ in [*new, *(id_ for id_ in old if id_ not in new)]:
        one, two = old.get(id_), new.get(id_)
        left, right = ({} if row is None else dict(zip(COLUMNS, _values(row), strict=True)) for row in (one, two))
        names = tuple(name for name in COLUMNS if name not in _FLEETING and left.get(name) != right.get(name))
        if names:
            found.append(Difference(before=one, after=two, columns=names))
    return found


def figures_of(row: ReportRow | None, columns: Sequence[str]) -> dict[str, int | str | None]:
    """Some columns of a row, as they stand in the JSON."""
    values = {} if row is None else dict(zip(COLUMNS, _values(row), strict=True))
    return {name: values[name] for name in columns if name in values}


def _values(row: ReportRow) -> list[int | str | None]:
    closed = row.standing.closed_at
    told: list[int | str | None] = []
    for name in _TOLD:
        value = getattr(row.told, name)
        told.append(value if value is None or name not in _SHARES else round(10_000 * value))
    return [
        *(row.venue_id, row.parent_id, row.code, row.name, row.level, row.presence.value, row.pending),
        *(row.standing.state.value, row.standing.behind, format_time(closed) if closed else None),
        *(getattr(row, name) for name in _FIGURES),
        *(getattr(row.home, name) for name in _HOME),
        *(getattr(row.venues, name) for name in _VENUES),
        *told,
    ]


def _row(row: Mapping[str, Any], *, has_children: bool) -> ReportRow:
    """What an older version of the program did not know of is as where nothing was told."""
    told = {name: row[f"told_{name}"] for name in _TOLD if f"told_{name}" in row}
    shares = {name: told[name] / 10_000 for name in _SHARES if told.get(name) is not None}
    closed = row["closed_at"]
    return ReportRow(
        venue_id=row["venue"],
        parent_id=row["parent"],
        code=row["code"],
        name=row["name"],
        level=row["level"],
        has_children=has_children,
        expected=row["home_expected"],
        present=row["present"],
        guests=row["guests"],
        late=row["late"],
        early=row["early"],
        attended=row["attended"],
        minutes=row["minutes"],
        home=HomeCounts(**{name: row[f"home_{name}"] for name in _HOME}),
        presence=Presence(row["presence"]),
        venues=VenueCounts(**{name: row[f"venues_{name}"] for name in _VENUES}),
        pending=row["pending"],
        standing=Standing(
            state=VenueState(row["state"]), behind=row["behind"], closed_at=parse_time(closed) if closed else None
        ),
        told=ToldCounts(**(told | shares)),
    )


def _venue(row: ReportRow) -> Venue:
    return Venue(id=row.venue_id, code=row.code, name=row.name, level=row.level, parent_id=row.parent_id)
