"""Many lectures together, as the API speaks of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from web.api.models import In, LectureOut, Out, VenueId, VenueOut

Year = Annotated[int, Field(ge=1990, le=2200)]


class StatisticsQuery(In):
    """Without `venue` the caller's own; without years the present one; with one of them that one alone."""

    venue: VenueId | None = None
    first: Year | None = None
    last: Year | None = None

    def years(self, this_year: int) -> tuple[int, int]:
        first = self.first or self.last or this_year
        return first, max(first, self.last or first)


class HoursQuery(In):
    """`order`: hours and lectures also from the most down (`-hours`)."""

    venue: VenueId | None = None
    year: Year | None = None
    order: Literal["number", "name", "home", "hours", "-hours", "lectures", "-lectures"] = "number"
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class VenueSumsOut(Out):
    """A venue and all below it, over the lectures asked for that are over. Two bases that are never mixed.

    Of those who were there: `times` (person-times, 人次), `people` (different people, 人数), `late`, `early`. Of those
    at home there, wherever they were: `expected` and `came` (person-times), `people_at_home` (different people who
    came), `leave`, `makeup`, `credit` (hundredths of credit hours), `rate` (came of expected). Of the venues (`venues`,
    itself included), each counted once a lecture: `final`, `incomplete`; `picture` is the part of the lectures that
    those whose screens told had one, as in the lectures' reports.
    """

    venue: VenueOut
    is_self: bool
    has_children: bool
    lectures: int
    times: int
    people: int
    late: int
    early: int
    expected: int
    came: int
    people_at_home: int
    leave: int
    makeup: int
    credit: int
    rate: float | None
    venues: int
    final: int
    incomplete: int
    picture: float | None


class StatisticsOut(Out):
    """`due`: lectures among them whose figures are just being made anew. `years`: those that have lectures."""

    first: int
    last: int
    years: list[int]
    lectures: int
    due: int
    rows: list[VenueSumsOut]


class PointOut(Out):
    lecture: LectureOut
    present: int
    expected: int
    came: int
    rate: float | None
    credit: int


class TrendOut(Out):
    """Lecture by lecture, in order of time."""

    points: list[PointOut]


class ReliabilityOut(Out):
    """One single venue: of the `lectures` that it should have joined, how many it handed in completely (`final`), how
    many are not all here (`behind`), were heard of and not handed in (`open`), were not heard of at all (`silent`);
    `late` of those handed in came after the time for it. `picture`: part of the lectures, where it told of one."""

    venue: VenueOut
    lectures: int
    final: int
    late: int
    behind: int
    open: int
    silent: int
    picture: float | None


class ReliabilityList(Out):
    """The least reliable first."""

    venues: list[ReliabilityOut]


class YearOut(Out):
    """`credit` and `target` in hundredths of credit hours; a target of 0: none."""

    year: int
    lectures: int
    credit: int
    target: int
    reached: bool


class AttendedOut(Out):
    """`status`: present, leave, makeup or absent."""

    lecture: LectureOut
    venue: VenueOut | None
    status: str
    late: bool
    early: bool
    minutes: int
    credit: int


class RecordOut(Out):
    """Both lists with the newest first."""

    person: str
    number: str | None
    name: str
    home: VenueOut | None
    years: list[YearOut]
    lectures: list[AttendedOut]


class HoursRowOut(Out):
    person: str
    number: str
    name: str
    home: VenueOut | None
    lectures: int
    credit: int
    reached: bool


class HoursOut(Out):
    """`total` people of the unit, of whom `reached` the `target` (hundredths of credit hours; 0: none)."""

    year: int
    target: int
    total: int
    reached: int
    people: list[HoursRowOut]
