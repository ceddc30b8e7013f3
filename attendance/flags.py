"""What looks odd in how people checked in by phone, and where: seen and told to the organizer, never blocked. Pure.

A flag is no verdict. A couple shares a phone, somebody changes halls in mid-lecture: whoever knows the people decides.
"""

from __future__ import annotations

import datetime as dt
import enum
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attendance.event import Event, Kind, Method
from attendance.lectures import Lecture
from attendance.people import same_name
from attendance.presence import moment, standing

PHONE = "phone:"  # begins the device of an event that came by a phone: an id of its own follows

# Reading a list, typing a number and a name and handing the phone on takes a person ten seconds and more; three people
# in twenty were not asked.
PHONE_SERIES = 3
PHONE_SERIES_S = 20
# Eight phones raised in one room do not finish typing in the same three seconds…
VENUE_SERIES = 8
VENUE_SERIES_S = 3
# …but in a hall where hundreds scan during two minutes, eight in three seconds are the ordinary crowd: there it must be
# a fourth of all who came by code.
VENUE_SHARE = 4


class Sign(enum.StrEnum):
    """What was seen, the oddest first."""

    QUICK_VENUE = "quick_venue"  # more people in a few seconds than can scan
    QUICK_PHONE = "quick_phone"  # one phone, several people, one after the other within seconds
    OTHER_NAME = "other_name"  # a number, and a name that is not of it
    ONE_PHONE = "one_phone"  # one phone, several people
    PHONE_BEFORE = "phone_before"  # one phone, and somebody else with it at another lecture
    TWO_VENUES = "two_venues"  # one person at two venues at the same time


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A check-in by phone, as far as it matters here. `subject` is Event.subject, `device` begins with PHONE."""

    lecture: str
    venue: int
    subject: str
    number: str | None
    name: str
    device: str | None
    at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Who:
    """`at` and `venue`: when and where the person was seen. `lecture`: another one than the flag's, else None."""

    subject: str
    number: str | None
    name: str
    venue: int
    at: dt.datetime
    lecture: str | None = None


@dataclass(frozen=True, kw_only=True)
class Flag:
    """`people` in order of time; with TWO_VENUES the same person twice, with OTHER_NAME as typed and as the roster has
    it (at home). `seconds` from the first to the last."""

    sign: Sign
    people: tuple[Who, ...]

    @property
    def since(self) -> dt.datetime:
        return self.people[0].at

    @property
    def until(self) -> dt.datetime:
        return self.people[-1].at

    @property
    def seconds(self) -> int:
        return round((self.until - self.since).total_seconds())

    @property
    def number(self) -> int:
        """People, each counted once."""
        return len({who.subject for who in self.people})


def of_phones(lecture: str, scans: Iterable[Scan]) -> list[Flag]:
    """From all scans, of this lecture and of others, of phones that scanned for more than one person."""
    flags: list[Flag] = []
    for _, group in itertools.groupby(sorted(scans, key=_by_phone), key=lambda scan: scan.device):
        first = _first_of_each(group)
        here = [scan for scan in first if scan.lecture == lecture]
        known = {scan.subject for scan in here}
        if len(here) > 1:
            quick = _quickest(here, PHONE_SERIES, PHONE_SERIES_S) is not None
            flags.append(_flag(Sign.QUICK_PHONE if quick else Sign.ONE_PHONE, lecture, here))
        others = {scan.subject: scan for scan in reversed(first) if scan.lecture != lecture}
        elsewhere = [scan for subject, scan in others.items() if subject not in known]
        if here and elsewhere:
            flags.append(_flag(Sign.PHONE_BEFORE, lecture, [*elsewhere, *here]))
    return flags


def of_venue(lecture: str, scans: Iterable[Scan]) -> list[Flag]:
    """From all scans of one venue in this lecture: the longest series that is too quick, if there is one."""
    found = sorted(_first_of_each(sorted(scans, key=_by_time)), key=_by_time)
    least = max(VENUE_SERIES, -(-len(found) // VENUE_SHARE))
    series = _quickest(found, least, VENUE_SERIES_S)
    return [] if series is None else [_flag(Sign.QUICK_VENUE, lecture, series)]


def of_person(events: Iterable[Event], lecture: Lecture) -> list[Flag]:
    """From all events of one person in a lecture: at two venues at the same time. Who signed out at the first one, or
    whom the second one had before, has only moved."""
    stays = _stays(list(events), lecture)
    for one, other in itertools.combinations(stays, 2):
        if one.came.venue != other.came.venue and one.since < other.until and other.since < one.until:
            people = sorted((_who(one.came), _who(other.came)), key=lambda who: who.at)
            return [Flag(sign=Sign.TWO_VENUES, people=tuple(people))]
    return []


def of_name(typed: Who, known: Who) -> list[Flag]:
    """Where the check-in was taken, nobody may have known the number: any name was good there."""
    return [] if same_name(typed.name, known.name) else [Flag(sign=Sign.OTHER_NAME, people=(typed, known))]


def ordered(flags: Iterable[Flag]) -> list[Flag]:
    """The oddest first; of one kind those with most people, then in order of time."""
    rank = list(Sign)
    return sorted(flags, key=lambda flag: (rank.index(flag.sign), -flag.number, flag.since))


@dataclass(frozen=True, kw_only=True)
class _Stay:
    came: Event
    since: dt.datetime
    until: dt.datetime


_EVER = dt.datetime.max.replace(tzinfo=dt.UTC)
_TICKS = frozenset({Method.ROLL_CALL, Method.WALK_IN})


def _stays(events: Sequence[Event], lecture: Lecture) -> list[_Stay]:
    """From a check-in to the next sign-out at the same venue, or to the end of the lecture. A tick is often made
    afterwards, and means the whole lecture."""
    moves = sorted([*standing(events), *standing(events, Kind.SIGN_OUT)], key=lambda one: (one.venue, moment(one)))
    stays: list[_Stay] = []
    for _, group in itertools.groupby(moves, key=lambda one: one.venue):
        came: Event | None = None
        for event in group:
            if event.kind == Kind.CHECK_IN:
                came = came or event
            elif came is not None:
                stays.append(_Stay(came=came, since=_since(came, lecture), until=moment(event)))
                came = None
        if came is not None:
            stays.append(_Stay(came=came, since=_since(came, lecture), until=_EVER))
    return stays


def _since(came: Event, lecture: Lecture) -> dt.datetime:
    began = lecture.started_at
    return began if began and came.method in _TICKS and began < moment(came) else moment(came)


def _first_of_each(scans: Iterable[Scan]) -> list[Scan]:
    """The first scan of each person and lecture, in the order in which they come."""
    found: dict[tuple[str, str], Scan] = {}
    for scan in scans:
        found.setdefault((scan.lecture, scan.subject), scan)
    return list(found.values())


def _quickest(scans: Sequence[Scan], least: int, seconds: float) -> list[Scan] | None:
    """Of scans in order of time, the longest series of which any `least` in a row took no longer than this."""
    within, best = dt.timedelta(seconds=seconds), list[Scan]()
    for end in range(least - 1, len(scans)):
        first = end - least + 1
        if scans[end].at - scans[first].at > within:
            continue
        while first > 0 and scans[first + least - 2].at - scans[first - 1].at <= within:
            first -= 1
        if end - first + 1 > len(best):
            best = list(scans[first : end + 1])
    return best or None


def _flag(sign: Sign, lecture: str, scans: Sequence[Scan]) -> Flag:
    people = [
        Who(
            subject=scan.subject,
            number=scan.number,
            name=scan.name,
            venue=scan.venue,
            at=scan.at,
            lecture=None if scan.lecture == lecture else scan.lecture,
        )
        for scan in scans
    ]
    return Flag(sign=sign, people=tuple(sorted(people, key=lambda who: who.at)))


def _who(event: Event) -> Who:
    return Who(subject=event.subject, number=event.number, name=event.name, venue=event.venue, at=moment(event))


def _by_phone(scan: Scan) -> tuple[str, dt.datetime]:
    return scan.device or "", scan.at


def _by_time(scan: Scan) -> dt.datetime:
    return scan.at
