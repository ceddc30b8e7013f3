"""Where phones were odd in a lecture: SQL finds the few check-ins that are worth a look, `flags.py` looks at them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import flags as signs
from attendance.bearers_store import named
from attendance.blank import SOMEBODY
from attendance.event import Event, Kind, Method
from attendance.figures_reports import is_within
from attendance.flags import PHONE, Flag, Scan
from attendance.judge import Status
from attendance.lecture_row import lecture_of
from attendance.lectures import LectureUnknown
from attendance.store import events_of
from attendance.tables import event, person, presence, quarantine, stream
from attendance.tables import lecture as lecture_table
from attendance.venue_reports import chunks, venues_by_id
from venues.database import Database
from venues.tables import venue as venue_table
from venues.tables import venue_closure
from venues.tree import Venue

_FRESH = dt.timedelta(seconds=30)  # a count is asked for with each refresh of a report
_REMEMBERED = 200  # counts
_BY_PHONE = sa.text("event.method IN ('code', 'root_code')")  # as its index says it


@dataclass(frozen=True, kw_only=True)
class Found:
    """In a venue and all below it. `titles` are those of other lectures that flags speak of."""

    flags: tuple[Flag, ...]
    kept_aside: int  # events of the lecture that could not be taken
    forked: tuple[Venue, ...]  # whose node's disk was set back, or copied, and that has events in the lecture
    by_mobile_code: int  # people who are there by a code that a node above took, and by nothing else
    venues: dict[int, Venue]
    titles: dict[str, str]

    @property
    def count(self) -> int:
        return len(self.flags) + self.kept_aside + len(self.forked)


class FlagReports:
    def __init__(self, db: Database, now: Callable[[], dt.datetime]) -> None:
        self._db = db
        self._now = now
        self._counts: dict[tuple[str, int], tuple[dt.datetime, int, int]] = {}

    async def find(self, lecture: str, venue: int) -> Found:
        """Raises LectureUnknown."""
        found = await self._db.read(lambda connection: _find(connection, lecture, venue))
        self._counts.pop((lecture, venue), None)
        while len(self._counts) >= _REMEMBERED:
            self._counts.pop(next(iter(self._counts)))
        self._counts[lecture, venue] = self._now(), found.count, found.by_mobile_code
        return found

    async def counts(self, lecture: str, venue: int) -> tuple[int, int]:
        """(flags, people by mobile code) as of half a minute ago at most. Raises LectureUnknown."""
        at, flags, people = self._counts.get((lecture, venue), (None, 0, 0))
        if at is not None and dt.timedelta(0) <= self._now() - at < _FRESH:
            return flags, people
        found = await self.find(lecture, venue)
        return found.count, found.by_mobile_code


def _find(connection: Connection, lecture: str, venue: int) -> Found:
    query = sa.select(lecture_table).where(lecture_table.c.id == lecture)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise LectureUnknown(lecture=lecture)
    here = _within(connection, event.c.venue, venue)
    flags = [*_of_venues(connection, lecture, here), *signs.of_phones(lecture, _of_shared(connection, lecture, here))]
    at_two, mobile = _presences(connection, lecture)
    for events in _at_two(connection, at_two, lecture, venue):
        flags += signs.of_person(events, lecture_of(row))
    flags += _of_names(connection, lecture, venue)
    inside = _inside(connection, set(mobile), venue)
    forked = _forked(connection, lecture, here)
    known = venues_by_id(connection, {who.venue for flag in flags for who in flag.people} | set(forked))
    return Found(
        flags=tuple(signs.ordered(flags)),
        kept_aside=_kept_aside(connection, lecture, venue),
        forked=tuple(known[id_] for id_ in forked if id_ in known),
        by_mobile_code=sum(each in inside for each in mobile),
        venues=known,
        titles=_titles(connection, {who.lecture for flag in flags for who in flag.people if who.lecture}),
    )


def _within(connection: Connection, column: sa.ColumnElement[int], venue: int) -> sa.ColumnElement[bool]:
    above = connection.scalar(sa.select(venue_table.c.parent_id).where(venue_table.c.id == venue))
    return sa.true() if above is None else is_within(column, venue)


def _of_venues(connection: Connection, lecture: str, here: sa.ColumnElement[bool]) -> list[Flag]:
    """Series in those venues where, within a window that ends with some check-in, enough of all came."""
    at = sa.type_coerce(event.c.captured_at, sa.BigInteger)
    window = (-signs.VENUE_SERIES_S * 1_000_000, 0)
    series = sa.func.count().over(partition_by=event.c.venue, order_by=at, range_=window).label("series")
    total = sa.func.count().over(partition_by=event.c.venue).label("total")
    seen = sa.select(event.c.venue, series, total).where(_scanned(lecture), here).subquery().c
    quick = sa.select(seen.venue).distinct().where(seen.series >= signs.VENUE_SERIES)
    quick = quick.where(seen.series * signs.VENUE_SHARE >= seen.total)
    flags: list[Flag] = []
    for venue in sorted(connection.scalars(quick)):
        flags += signs.of_venue(lecture, _scans(connection, _scanned(lecture) & (event.c.venue == venue)))
    return flags


def _of_shared(connection: Connection, lecture: str, here: sa.ColumnElement[bool]) -> list[Scan]:
    """All scans of those phones of this lecture with which more than one person checked in, whenever that was."""
    used = event.alias()
    phones = sa.select(used.c.device).where(used.c.lecture == lecture, used.c.device.startswith(PHONE))
    shared = sa.select(event.c.device).where(_BY_PHONE, event.c.device.in_(phones)).group_by(event.c.device)
    shared = shared.having(sa.func.min(event.c.subject) < sa.func.max(event.c.subject))
    found: list[Scan] = []
    for some in chunks(sorted(connection.scalars(shared))):
        about = (_BY_PHONE, event.c.device.in_(some), event.c.kind == Kind.CHECK_IN.value, here)
        found += _scans(connection, sa.and_(*about))
    return found


def _at_two(connection: Connection, people: Sequence[str], lecture: str, venue: int) -> list[list[Event]]:
    """All events of each of these people who were in the venue or below it, too."""
    by_person: dict[str, list[Event]] = {}
    for some in chunks(people):
        query = sa.select(event).where(event.c.lecture == lecture, event.c.subject.in_(some))
        for one in named(connection, events_of(connection, query.order_by(event.c.position))):
            by_person.setdefault(one.subject, []).append(one)
    inside = _inside(connection, {one.venue for found in by_person.values() for one in found}, venue)
    return [found for found in by_person.values() if any(one.venue in inside for one in found)]


def _inside(connection: Connection, venues: Iterable[int], top: int) -> set[int]:
    pairs, found = venue_closure.c, set[int]()
    for some in chunks(sorted(venues)):
        query = sa.select(pairs.descendant).where(pairs.ancestor == top, pairs.descendant.in_(some))
        found.update(connection.scalars(query))
    return found


def _scanned(lecture: str) -> sa.ColumnElement[bool]:
    """A check-in of this lecture by phone."""
    by_phone = event.c.method.in_((Method.CODE.value, Method.ROOT_CODE.value))
    return sa.and_(event.c.lecture == lecture, event.c.kind == Kind.CHECK_IN.value, by_phone)


def _scans(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Scan]:
    about = event.c
    columns = (about.lecture, about.venue, about.subject, about.number, about.name, about.device)
    query = sa.select(*columns, about.captured_at.label("at")).where(condition)
    return [Scan(**row) for row in connection.execute(query).mappings()]


def _kept_aside(connection: Connection, lecture: str, venue: int) -> int:
    """What is kept as it came is looked through: there is little of it as a rule."""
    about = quarantine.c
    query = sa.select(sa.func.count()).select_from(quarantine).where(is_within(about.received_from, venue))
    return connection.scalar(query.where(about.raw.contains(f'"lecture": "{lecture}"', autoescape=True))) or 0


def _forked(connection: Connection, lecture: str, here: sa.ColumnElement[bool]) -> list[int]:
    nodes = connection.scalars(sa.select(stream.c.node).where(stream.c.forked_at.is_not(None)).distinct()).all()
    if not nodes:
        return []
    query = sa.select(event.c.venue).where(event.c.lecture == lecture, event.c.node.in_(nodes), here).distinct()
    return sorted(connection.scalars(query))


def _presences(connection: Connection, lecture: str) -> tuple[list[str], list[int]]:
    """(people who checked in at more than one venue, the venue of each who is there by a mobile code alone)."""
    about, there = presence.c, presence.c.status == Status.PRESENT.value
    mobile = sa.and_(there, about.methods == Method.ROOT_CODE.value)
    query = sa.select(about.person_id, about.venue_id, about.other_venue, mobile.label("mobile"))
    rows = connection.execute(query.where(about.lecture_id == lecture, about.other_venue | mobile)).all()
    return sorted(row.person_id for row in rows if row.other_venue), [row.venue_id for row in rows if row.mobile]


def _of_names(connection: Connection, lecture: str, venue: int) -> list[Flag]:
    """Those who came by a number and a name that somebody typed, and another name stands in the roster."""
    about = presence.c
    typed = about.methods.contains("code") | about.methods.contains(Method.WALK_IN.value)
    query = sa.select(
        about.person_id,
        about.number,
        about.name,
        about.venue_id,
        about.first_at,
        person.c.name.label("known"),
        person.c.home_id,
    ).join(person, person.c.id == about.person_id)
    query = query.where(about.lecture_id == lecture, about.status == Status.PRESENT.value, typed)
    query = query.where(about.name != person.c.name, about.name != SOMEBODY, _within(connection, about.venue_id, venue))
    flags: list[Flag] = []
    for id_, number, name, venue_id, at, known, home in connection.execute(query):
        one = signs.Who(subject=id_, number=number, name=name, venue=venue_id, at=at)
        flags += signs.of_name(one, dataclasses.replace(one, name=known, venue=home))
    return flags


def _titles(connection: Connection, lectures: Iterable[str]) -> dict[str, str]:
    query = sa.select(lecture_table.c.id, lecture_table.c.title).where(lecture_table.c.id.in_(sorted(lectures)))
    return {row.id: row.title for row in connection.execute(query)}
