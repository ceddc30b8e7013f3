"""The columns in which what is worth a look is taken away: one row for each person of a flag. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from attendance.flags import Flag, Sign, Who
from attendance.sheet import Column, Kind
from venues.tree import Venue

SIGNS = {
    Sign.QUICK_VENUE: "Quicker than people can scan",
    Sign.QUICK_PHONE: "One phone, several people within seconds",
    Sign.OTHER_NAME: "A number with another name",
    Sign.ONE_PHONE: "One phone, several people",
    Sign.PHONE_BEFORE: "One phone, somebody else at another lecture",
    Sign.TWO_VENUES: "At two venues at the same time",
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """`place` counts the flags from 1; `lecture` is the title of another lecture, None of this one."""

    place: int
    sign: Sign
    who: Who
    venue: Venue | None
    lecture: str | None


def seen(flags: tuple[Flag, ...], venues: Mapping[int, Venue], titles: Mapping[str, str]) -> Iterator[Seen]:
    for place, flag in enumerate(flags, 1):
        for who in flag.people:
            lecture = titles.get(who.lecture) if who.lecture else None
            yield Seen(place=place, sign=flag.sign, who=who, venue=venues.get(who.venue), lecture=lecture)


FLAGS: tuple[Column[Seen], ...] = (
    Column("No.", lambda row: row.place, Kind.NUMBER),
    Column("What looks odd", lambda row: SIGNS[row.sign], Kind.WORD, width=28),
    Column("Number", lambda row: row.who.number, width=14),
    Column("Name", lambda row: row.who.name),
    Column("Code", lambda row: row.venue.code if row.venue else None, width=14, printed=False),
    Column("Venue", lambda row: row.venue.name if row.venue else None, width=18),
    Column("Time", lambda row: row.who.at, Kind.TIME),
    Column("At another lecture", lambda row: row.lecture, width=18),
)
