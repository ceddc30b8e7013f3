"""Many lectures together: what a venue's add up to, how reliably venues take part, and what a person has attended.

Plain records, and the small sums on them; pure. The two bases stay apart here, too: *attended* counts people where they
were, *home* where they are at home.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from attendance.lectures import Lecture
from venues.tree import Venue


@dataclass(frozen=True, kw_only=True)
class VenueSums:
    """A venue and all below it, over some lectures. `times` are person-times (人次), `people` are different people
    (人数)."""

    venue: Venue
    has_children: bool
    lectures: int  # that were for this venue, one above it or one below it
    # attended
    times: int
    people: int
    late: int
    early: int
    # home
    expected: int  # person-times
    came: int  # person-times
    people_at_home: int  # different people at home here who came at least once
    leave: int
    makeup: int
    credit: int  # hundredths of credit hours
    # venues, each counted for each lecture
    venues: int  # that there are, with the venue itself
    wanted: int  # hand-ins that there should be: of a lecture for a part of them, that part's
    final: int  # handed in, and all of it is here
    incomplete: int  # handed in, and not all of it is here
    shown: int  # whose screens told of picture and sound
    picture_s: int  # with a picture, all together
    whole_s: int  # that these venues could have had: the length of each lecture that they told of

    @property
    def rate(self) -> float | None:
        """The share of those expected who came, 0…1; None where nobody was expected."""
        return self.came / self.expected if self.expected else None

    @property
    def final_share(self) -> float | None:
        """Of all hand-ins that there should be, those that came and are complete."""
        return self.final / self.wanted if self.wanted else None

    @property
    def picture_share(self) -> float | None:
        """Of the lectures that the venues told of, the part with a picture; None where none told."""
        return min(1.0, self.picture_s / self.whole_s) if self.whole_s else None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """`rows`: the venue itself with everything below it, then each child (by code). `due`: lectures whose figures are
    being made anew and may still change."""

    path: tuple[Venue, ...]
    first: int  # year
    last: int
    years: tuple[int, ...]  # that have lectures
    lectures: int
    due: int
    rows: tuple[VenueSums, ...]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One lecture of a trend at one venue with all below it."""

    lecture: Lecture
    present: int
    expected: int
    came: int
    credit: int

    @property
    def rate(self) -> float | None:
        return self.came / self.expected if self.expected else None


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """One single venue over some lectures that it should have joined."""

    venue: Venue
    lectures: int
    final: int
    late: int  # of `final` and `behind`: handed in when the time for that was over
    behind: int  # handed in, and not all of it is here
    open: int  # heard of, and not handed in
    silent: int  # nothing was heard of it in that lecture
    picture: float | None  # part of the lectures with a picture, where it told of one

    @property
    def share(self) -> float:
        return self.final / self.lectures if self.lectures else 1.0


def worst_first(rows: Sequence[Reliability]) -> list[Reliability]:
    """Who hands in least comes first; of equal ones who hands in late, then who saw least."""
    return sorted(rows, key=lambda one: (one.share, -one.late, 1.0 if one.picture is None else one.picture))


@dataclass(frozen=True, kw_only=True)
class Attended:
    """A person at one lecture."""

    lecture: Lecture
    venue: Venue | None
    status: str  # attendance.judge.Status
    late: bool
    early: bool
    minutes: int
    credit: int


@dataclass(frozen=True, kw_only=True)
class YearOfPerson:
    year: int
    lectures: int
    credit: int
    target: int  # hundredths of credit hours; 0: none

    @property
    def reached(self) -> bool:
        return self.credit >= self.target

    @property
    def share(self) -> float:
        """Of the target, 0…1."""
        return min(1.0, self.credit / self.target) if self.target else 1.0


@dataclass(frozen=True, kw_only=True)
class Record:
    """Everything that a person attended, the newest first. `number`, `name`: of the roster; a guest has none there."""

    person: str
    number: str | None
    name: str
    home: Venue | None
    years: tuple[YearOfPerson, ...]  # the newest first
    lectures: tuple[Attended, ...]
    venue_ids: frozenset[int]  # where the person was, for who may look


@dataclass(frozen=True, kw_only=True)
class HoursRow:
    person: str
    number: str
    name: str
    home: Venue | None
    lectures: int
    credit: int


@dataclass(frozen=True, kw_only=True)
class Hours:
    """One page of a unit's people with their hours of a year against its `target` (hundredths; 0: none)."""

    path: tuple[Venue, ...]
    year: int
    years: tuple[int, ...]
    target: int
    total: int  # people of the unit
    reached: int  # of these, how many have reached the target
    people: tuple[HoursRow, ...]


@dataclass(frozen=True, kw_only=True)
class Minute:
    at: dt.datetime
    check_ins: int
