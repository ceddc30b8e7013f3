"""The figures of a lecture and the names behind them, as the API speaks of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from attendance.report import Which
from web.api.models import In, LectureOut, Out, Timestamp, VenueId, VenueOut


class ReportQuery(In):
    """`level`: not the venues right below but all below of that level, counted from 0 at the top."""

    venue: VenueId | None = None
    level: Annotated[int, Field(ge=0, le=9)] | None = None


class ToldOut(Out):
    """What the screens and operators of the venue and of all below it told. The screens of `shown` venues told of
    picture and sound: seconds at all of them together, and the part of the lecture that one of them had on average
    (0…1, 0 where they told that there was none; while the lecture runs, of the time that they told of). `headcount`
    people were counted in `counted` venues, where `counted_present` had checked in; `seen` were there at the last
    presence check in `checked` venues, where `checked_present` had.
    """

    shown: int
    picture_s: int
    sound_s: int
    picture: float | None
    sound: float | None
    counted: int
    headcount: int
    counted_present: int
    checked: int
    seen: int
    checked_present: int


class FileQuery(ReportQuery):
    """`whole`: the venue and every one below it, each in a row of its own."""

    whole: Annotated[bool, Field(strict=False)] = False


class ReportRowOut(Out):
    """Two bases that are never mixed. Of those who were in the venue or below it: `present` (of these, `guests` have
    another home), `late`, `early`, `attended` (long enough), `minutes`. Of those at home in it or below it, wherever
    they were: `expected`, `came`, `leave`, `makeup`, `absent`, `not_reported`; `rate` is came of expected.

    `venues_*` count the venue and everything below it: by node connected, silent, never_seen; `venues_final` have
    handed in and all of it is here; `venues_behind` hold events that are not here. `pending_events`: how many, as last
    heard. `presence` is that of the venue's own node, `state` (never_seen, silent, connected, behind, final) its
    attendance's; `behind` counts what is known to be missing of it.
    """

    venue: VenueOut
    is_self: bool
    has_children: bool
    present: int
    guests: int
    late: int
    early: int
    attended: int
    minutes: int
    expected: int
    came: int
    came_late: int
    came_early: int
    leave: int
    makeup: int
    absent: int
    not_reported: int
    credit: int
    rate: float | None
    venues_total: int
    venues_final: int
    venues_behind: int
    venues_connected: int
    venues_silent: int
    venues_never_seen: int
    presence: str
    state: str
    behind: int
    closed_at: Timestamp | None
    pending_events: int
    told: ToldOut


class ReportOut(Out):
    lecture: LectureOut
    venue: VenueOut
    path: list[VenueOut]
    made_at: Timestamp
    rows: list[ReportRowOut]


class NamesQuery(In):
    """`which` figure of the venue's row."""

    venue: VenueId | None = None
    which: Which = Field(default=Which.PRESENT, strict=False)
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class NamesFileQuery(In):
    """`which` figure of the venue's row."""

    venue: VenueId | None = None
    which: Which = Field(default=Which.PRESENT, strict=False)


class NameOut(Out):
    """`status`: present, leave, makeup or absent as somebody said; null: nothing is known."""

    person: str | None
    number: str | None
    name: str
    home_venue: VenueOut | None
    attended_venue: VenueOut | None
    at: Timestamp | None
    left_at: Timestamp | None
    event: str | None
    status: str | None
    late: bool
    early: bool
    minutes: int
    other_venue: bool


class NamesOut(Out):
    total: int
    names: list[NameOut]
