"""What looks odd, as the API speaks of it."""

from __future__ import annotations

from web.api.models import In, LectureOut, Out, Timestamp, VenueId, VenueOut


class FlagsQuery(In):
    venue: VenueId | None = None


class SeenOut(Out):
    """One person of a flag, when and where. `lecture`: at another one than the flag's, else null."""

    person: str
    number: str | None
    name: str
    venue: VenueOut | None
    at: Timestamp
    lecture: str | None


class FlagOut(Out):
    """`sign`: quick_venue (more people within seconds than can scan), quick_phone (one phone, several people within
    seconds), other_name (a number, and a name that is not of it: as typed, and as the roster has it), one_phone (one
    phone, several people), phone_before (somebody else with the same phone at another lecture), two_venues (one person
    at two venues at the same time). A flag blocks nothing and takes nobody away."""

    sign: str
    since: Timestamp
    until: Timestamp
    people: list[SeenOut]


class FlagsOut(Out):
    """The oddest first. `kept_aside`: events of the lecture that could not be taken; `forked`: venues with events in it
    whose node's disk was set back or copied; `by_mobile_code`: people who are there by a code that a node above took,
    and by nothing else."""

    lecture: LectureOut
    venue: VenueOut
    flags: list[FlagOut]
    kept_aside: int
    forked: list[VenueOut]
    by_mobile_code: int
