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

from attendance.cells import harmless
from attendance.closing import Standing
from attendance.lectures import Lecture
from attendance.roll_call import Room
from venues.status import Presence
from venues.tree import Venue
from venues.wire import format_time


class Which(enum.StrEnum):
    EXPECTED = "expected"
    PRESENT = "present"
    ABSENT_SO_FAR = "absent_so_far"  # expected, and neither there nor excused as far as this node knows
    GUESTS = "guests"  # present, and at home elsewhere or on nobody's roster
    LATE = "late"  # of those present
    EARLY = "early"  # of those present: left early
    MOBILE = "mobile"  # of those present: by a code that a node above took, and by nothing else
    LEAVE = "leave"  # at home here, and excused
    MAKEUP = "makeup"  # at home here, and made it up
    ABSENT = "absent"  # at home here: somebody said so, or the venue is final and nothing is known of them
    NOT_REPORTED = "not_reported"  # at home here: nothing is known of them, and the venue is not final
    CAME = "came"  # at home here, and present anywhere
    CAME_LATE = "came_late"  # of those who came: late, wherever it was
    CAME_EARLY = "came_early"  # of those who came: left early


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
    behind: int = 0  # have events that they have not handed up yet, or handed in more than is here
    final: int = 0  # have handed in, and all of it is here


@dataclass(frozen=True, kw_only=True)
class HomeCounts:
    """People at home in a venue or below it, wherever they were: expected = came + leave + makeup + absent +
    not_reported, as long as nobody came who was not expected."""

    expected: int
    came: int
    late: int
    early: int
    leave: int
    makeup: int
    absent: int
    not_reported: int  # nothing is known of them, and their venue has not handed in
    credit: int  # hundredths of credit hours

    @property
    def rate(self) -> float | None:
        """The share of those expected who came, 0…1; None where nobody is expected."""
        return self.came / self.expected if self.expected else None


@dataclass(frozen=True, kw_only=True)
class ToldCounts:
    """What the venues of a row, itself and all below it, told of their rooms. `picture` and `sound`: which part of the
    lecture those whose screens told had, on average, 0…1: 0 where they told of nothing, None where none told. While the
    lecture runs it is of the time that they have told of so far."""

    shown: int = 0  # venues whose screens told, though some may have told of 0 s
    picture_s: int = 0  # at all of them together
    sound_s: int = 0
    picture: float | None = None
    sound: float | None = None
    counted: int = 0  # venues where heads were counted
    headcount: int = 0  # in these
    counted_present: int = 0  # checked in at these
    checked: int = 0  # venues that held a presence check
    seen: int = 0  # at the last one
    checked_present: int = 0  # checked in at these

    @property
    def picture_percent(self) -> int | None:
        return None if self.picture is None else percent(self.picture)

    @property
    def sound_percent(self) -> int | None:
        return None if self.sound is None else percent(self.sound)

    def __bool__(self) -> bool:
        """Whether anything was told."""
        return bool(self.shown or self.counted or self.checked)


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """`present`, `guests`, `late`, `early`, `attended` and `minutes` are of those who were in the venue or below it;
    `home` is of those at home in it or below it."""

    venue_id: int
    code: str
    name: str
    level: int
    has_children: bool
    parent_id: int | None = None
    expected: int
    present: int
    guests: int
    late: int
    early: int
    attended: int
    minutes: int  # of all together
    home: HomeCounts
    presence: Presence  # of this venue's own node
    venues: VenueCounts
    pending: int  # events that the nodes of the subtree have not handed up yet, as last heard
    standing: Standing  # of this venue alone
    told: ToldCounts = ToldCounts()


@dataclass(frozen=True, kw_only=True)
class LectureReport:
    """`rows`: the venue itself with everything below it, then each child (by code)."""

    lecture: Lecture
    path: tuple[Venue, ...]  # root first, the venue itself last
    rows: tuple[ReportRow, ...]


@dataclass(frozen=True, kw_only=True)
class NamedPerson:
    """`subject`: the person's id, or of a guest without a number the check-in's. `status`: see attendance.judge.Status;
    None where nothing is known."""

    subject: str
    person: str | None
    number: str | None
    name: str
    home: Venue | None
    attended: Venue | None
    at: dt.datetime | None
    left_at: dt.datetime | None  # signed out for the last time
    event: str | None
    status: str | None
    late: bool
    early: bool
    minutes: int
    methods: tuple[str, ...]
    other_venue: bool  # checked in at a second venue, too


@dataclass(frozen=True, kw_only=True)
class Names:
    """One page of the names behind a figure; `total` is that figure."""

    total: int
    names: tuple[NamedPerson, ...]


@dataclass(frozen=True, kw_only=True)
class RollCallEntry:
    """`state` and `event` as in attendance.roll_call.Said."""

    person: str | None
    number: str | None
    name: str
    state: str
    present: bool  # here
    at: dt.datetime | None  # checked in; on leave, corrected: when that was written
    until: dt.datetime | None  # signed out
    method: str | None
    event: str | None
    reason: str | None
    late: bool
    seen_at: dt.datetime | None
    guest: bool  # not at home in this venue
    elsewhere: Venue | None  # of this venue's roster, and checked in there instead


@dataclass(frozen=True, kw_only=True)
class RollCall:
    """The people at home in the venue, by number, then everybody else, by time."""

    entries: tuple[RollCallEntry, ...]
    room: Room


REPORT_COLUMNS = (
    "code",
    "name",
    "level",
    "state",
    "present",
    "guests",
    "late",
    "early",
    "expected",
    "came",
    "came_late",
    "came_early",
    "leave",
    "makeup",
    "absent",
    "not_reported",
    "venues",
    "final",
    "behind",
    "connected",
    "silent",
    "never_seen",
    "pending",
    "shown",
    "picture_percent",
    "sound_percent",
    "headcount",
    "counted_present",
    "seen_at_check",
    "checked_present",
)
NAMES_COLUMNS = (
    *("number", "name", "home_code", "home", "attended_code", "attended", "at"),
    *("left_at", "minutes", "status", "late", "early"),
)


def report_csv(report: LectureReport, header: Sequence[str] = REPORT_COLUMNS) -> bytes:
    """One line per row of the report; `header` may be REPORT_COLUMNS in another language."""
    return _csv(header, (_report_line(row) for row in report.rows))


def _report_line(row: ReportRow) -> tuple[str | int, ...]:
    home, venues = row.home, row.venues
    return (
        *(row.code, row.name, row.level, row.standing.state.value),
        *(row.present, row.guests, row.late, row.early),
        *(home.expected, home.came, home.late, home.early),
        *(home.leave, home.makeup, home.absent, home.not_reported),
        *(venues.total, venues.final, venues.behind, venues.connected, venues.silent, venues.never_seen, row.pending),
        *_told_cells(row.told),
    )


def _told_cells(told: ToldCounts) -> tuple[str | int, ...]:
    """What nobody told is empty, not 0."""
    counted = (told.headcount, told.counted_present) if told.counted else ("", "")
    checked = (told.seen, told.checked_present) if told.checked else ("", "")
    parts = ("" if part is None else part for part in (told.picture_percent, told.sound_percent))
    return (told.shown, *parts, *counted, *checked)


def percent(part: float) -> int:
    """Whole per cent; not 100 while anything is missing, and not 0 where there was something."""
    whole = round(100 * part)
    return min(whole, 99) if part < 1 and whole else whole or (1 if part > 0 else 0)


def names_csv(names: Iterable[NamedPerson], header: Sequence[str] = NAMES_COLUMNS) -> bytes:
    """One line per person; `header` may be NAMES_COLUMNS in another language; times are UTC."""
    return _csv(header, map(_names_line, names))


def _names_line(one: NamedPerson) -> tuple[str | int, ...]:
    at, left_at = (format_time(moment) if moment else "" for moment in (one.at, one.left_at))
    told = (one.minutes, one.status or "", "late" if one.late else "", "early" if one.early else "")
    return (one.number or "", one.name, *_venue(one.home), *_venue(one.attended), at, left_at, *told)


def _venue(venue: Venue | None) -> tuple[str, str]:
    return (venue.code, venue.name) if venue else ("", "")


def _csv(header: Sequence[str], lines: Iterable[Sequence[str | int]]) -> bytes:
    """UTF-8 with BOM (Excel takes it for the local code page otherwise), RFC 4180 line ends."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in line] for line in lines)
    return text.getvalue().encode("utf-8-sig")
