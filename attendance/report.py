"""The figures of a lecture at a venue, and the names behind them: plain records, and their CSV.

Two bases that are never mixed: *expected* counts people by their home venue, *present* by the venue that they attended.
"""

from __future__ import annotations

import csv
import datetime as dt
import enum
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attendance.lectures import Lecture
from venues.status import Presence, VenueStatus
from venues.tree import Venue
from venues.wire import format_time


class Which(enum.StrEnum):
    EXPECTED = "expected"
    PRESENT = "present"
    ABSENT_SO_FAR = "absent_so_far"  # expected, and not present anywhere that this node knows of
    GUESTS = "guests"  # present, and at home elsewhere or on nobody's roster


@dataclass(frozen=True, kw_only=True)
class Count:
    """People: `present` and `expected` have different bases, so `present` may be the larger."""

    expected: int
    present: int
    guests: int  # of those present


@dataclass(frozen=True, kw_only=True)
class VenueCounts:
    """A venue and all below it, by the state of their nodes: total = connected + silent + never_seen."""

    total: int = 0
    connected: int = 0
    silent: int = 0
    never_seen: int = 0
    behind: int = 0  # have events that they have not handed up yet


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    venue_id: int
    code: str
    name: str
    level: int
    has_children: bool
    expected: int
    present: int
    guests: int
    presence: Presence  # of this venue's own node
    venues: VenueCounts
    pending: int  # events that the nodes of the subtree have not handed up yet, as last heard


@dataclass(frozen=True, kw_only=True)
class LectureReport:
    """`rows`: the venue itself with everything below it, then each child (by code)."""

    lecture: Lecture
    path: tuple[Venue, ...]  # root first, the venue itself last
    rows: tuple[ReportRow, ...]


@dataclass(frozen=True, kw_only=True)
class NamedPerson:
    """`subject`: the person's id, or of a guest without a number the check-in's."""

    subject: str
    person: str | None
    number: str | None
    name: str
    home: Venue | None
    attended: Venue | None
    at: dt.datetime | None
    event: str | None


@dataclass(frozen=True, kw_only=True)
class Names:
    """One page of the names behind a figure; `total` is that figure."""

    total: int
    names: tuple[NamedPerson, ...]


@dataclass(frozen=True, kw_only=True)
class RollCallEntry:
    person: str | None
    number: str | None
    name: str
    present: bool  # here
    at: dt.datetime | None
    method: str | None
    event: str | None  # the check-in that stands
    guest: bool  # not at home in this venue
    elsewhere: Venue | None  # of this venue's roster, and checked in there instead


def venue_counts(statuses: Iterable[VenueStatus]) -> tuple[VenueCounts, int]:
    """The states of the nodes of one subtree, and how many events they still hold."""
    counted = dict.fromkeys(Presence, 0)
    behind = pending = 0
    for status in statuses:
        counted[status.presence] += 1
        held = status.report.pending_events if status.report else 0
        behind += held > 0
        pending += held
    counts = VenueCounts(
        total=sum(counted.values()),
        connected=counted[Presence.CONNECTED],
        silent=counted[Presence.SILENT],
        never_seen=counted[Presence.NEVER_SEEN],
        behind=behind,
    )
    return counts, pending


REPORT_COLUMNS = (
    "code",
    "name",
    "level",
    "expected",
    "present",
    "guests",
    "venues",
    "connected",
    "silent",
    "never_seen",
    "behind",
    "pending",
)
NAMES_COLUMNS = ("number", "name", "home_code", "home", "attended_code", "attended", "at")


def report_csv(report: LectureReport, header: Sequence[str] = REPORT_COLUMNS) -> bytes:
    """One line per row of the report; `header` may be REPORT_COLUMNS in another language."""
    return _csv(header, (_report_line(row) for row in report.rows))


def _report_line(row: ReportRow) -> tuple[str | int, ...]:
    people = (row.expected, row.present, row.guests)
    venues = (row.venues.total, row.venues.connected, row.venues.silent, row.venues.never_seen, row.venues.behind)
    return (row.code, row.name, row.level, *people, *venues, row.pending)


def names_csv(names: Iterable[NamedPerson], header: Sequence[str] = NAMES_COLUMNS) -> bytes:
    """One line per person; `header` may be NAMES_COLUMNS in another language; times are UTC."""
    return _csv(header, map(_names_line, names))


def _names_line(one: NamedPerson) -> tuple[str, ...]:
    at = format_time(one.at) if one.at else ""
    return (one.number or "", one.name, *_venue(one.home), *_venue(one.attended), at)


def _venue(venue: Venue | None) -> tuple[str, str]:
    return (venue.code, venue.name) if venue else ("", "")


def _csv(header: Sequence[str], lines: Iterable[Sequence[str | int]]) -> bytes:
    """UTF-8 with BOM (Excel takes it for the local code page otherwise), RFC 4180 line ends."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in line] for line in lines)
    return text.getvalue().encode("utf-8-sig")


def _harmless(cell: str | int) -> str | int:
    """A spreadsheet runs what begins like a formula (OWASP "CSV injection"); an apostrophe in front stops that."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple("=+-@\t\r\n＝＋－＠")) else cell
