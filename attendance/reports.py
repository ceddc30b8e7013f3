"""Reports in SQL: a level's figures are one GROUP BY over `presence` and one over `person`, however many people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.judge import Status
from attendance.lecture_store import lecture_of
from attendance.lectures import Lecture, LectureUnknown
from attendance.report import Count, LectureReport, NamedPerson, Names, ReportRow, RollCallEntry, Which, venue_counts
from attendance.roll_call_reports import roll_call
from attendance.tables import lecture, person, presence
from attendance.venue_reports import chunks, venues_by_id, venues_of
from venues.database import Database
from venues.status import VenueStatus
from venues.store import VenueUnknown
from venues.tables import venue, venue_closure
from venues.tree import Venue

_Subtrees = dict[int, list[int]]  # venue -> itself and all venues below it


class VenueStates(Protocol):
    async def statuses(self, venue_ids: Collection[int], /) -> Mapping[int, VenueStatus]:
        """The status of each of these venues (venues.health.Health)."""


@dataclass(frozen=True, kw_only=True)
class _Scope:
    """A venue as a lecture sees it."""

    lecture: Lecture
    path: tuple[Venue, ...]

    @property
    def venue(self) -> Venue:
        return self.path[-1]

    @property
    def within_lecture(self) -> bool:
        """Everybody at home here is expected, because the lecture is for this venue or one above."""
        return any(above.id == self.lecture.venue_id for above in self.path)

    def attended_here(self) -> sa.ColumnElement[bool]:
        of_lecture = sa.and_(presence.c.lecture_id == self.lecture.id, presence.c.status == Status.PRESENT.value)
        return sa.and_(of_lecture, _level(self.venue.level) == self.venue.id)

    def expected(self, home: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Whether somebody at home at `home` is expected at the lecture at all."""
        return sa.true() if self.within_lecture else _is_within(home, self.lecture.venue_id)


class Reports:
    def __init__(self, db: Database, states: VenueStates) -> None:
        self._db = db
        self._states = states

    async def count(self, lecture_id: str, venue_id: int) -> Count:
        """The figures of one venue and all below it. Raises LectureUnknown, VenueUnknown (as all methods here do)."""

        def work(connection: Connection) -> Count:
            scope = _scope(connection, lecture_id, venue_id)
            expected, present = _expected(connection, scope, [scope.venue]), _present(connection, scope, [scope.venue])
            return _count(scope.venue, expected, present)

        return await self._db.read(work)

    async def report(self, lecture_id: str, venue_id: int) -> LectureReport:
        """The venue's figures and those of each venue right under it."""

        def work(
            connection: Connection,
        ) -> tuple[_Scope, list[Venue], set[int], dict[int, Count], _Subtrees]:
            scope = _scope(connection, lecture_id, venue_id)
            below = sa.select(venue).where(venue.c.parent_id == venue_id).order_by(venue.c.code)
            rows = [scope.venue, *venues_of(connection, below)]
            expected, present = _expected(connection, scope, rows), _present(connection, scope, rows)
            counts = {row.id: _count(row, expected, present) for row in rows}
            return scope, rows, _with_children(connection, rows), counts, _subtrees(connection, rows)

        scope, rows, parents, counts, subtrees = await self._db.read(work)
        states = await self._states.statuses(subtrees[scope.venue.id])
        return LectureReport(
            lecture=scope.lecture,
            path=scope.path,
            rows=tuple(
                _row(row, counts[row.id], row.id in parents, [states[id_] for id_ in subtrees[row.id]], states[row.id])
                for row in rows
            ),
        )

    async def names(self, lecture_id: str, venue_id: int, which: Which, *, limit: int = 100, offset: int = 0) -> Names:
        """The people behind one figure of a venue's row: those expected by number, those present by time."""

        def work(connection: Connection) -> Names:
            scope = _scope(connection, lecture_id, venue_id)
            if which in (Which.PRESENT, Which.GUESTS):
                source = presence.outerjoin(person, person.c.id == presence.c.person_id)
                conditions = [scope.attended_here()]
                order: Sequence[sa.ColumnElement[Any]] = (presence.c.first_at, presence.c.person_id)
            else:
                of_lecture = sa.and_(presence.c.lecture_id == lecture_id, presence.c.person_id == person.c.id)
                source = person.outerjoin(presence, of_lecture)
                conditions = [_is_within(person.c.home_id, venue_id), scope.expected(person.c.home_id)]
                order = (person.c.number,)
            if which is Which.GUESTS:
                conditions.append(person.c.id.is_(None) | ~_is_within(person.c.home_id, venue_id))
            elif which is Which.ABSENT_SO_FAR:
                conditions.append(presence.c.person_id.is_(None))
            total = connection.scalar(sa.select(sa.func.count()).select_from(source).where(*conditions)) or 0
            query = _named().select_from(source).where(*conditions).order_by(*order)
            return Names(total=total, names=_people(connection, query.limit(limit).offset(offset)))

        return await self._db.read(work)

    async def roll_call(self, lecture_id: str, venue_id: int) -> list[RollCallEntry]:
        """The people at home in this very venue, by number, then everybody else who checked in here, by time."""
        return await self._db.read(lambda connection: roll_call(connection, lecture_id, venue_id))


def _level(level: int) -> sa.Column[int]:
    """The column of `presence` with the attended venue's ancestor at a level counted from 0."""
    column: sa.Column[int] = presence.c[f"l{level + 1}"]
    return column


def _is_within(descendant: sa.ColumnElement[int], ancestor: int) -> sa.ColumnElement[bool]:
    return descendant.in_(sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == ancestor))


def _scope(connection: Connection, lecture_id: str, venue_id: int) -> _Scope:
    found = connection.execute(sa.select(lecture).where(lecture.c.id == lecture_id)).mappings().one_or_none()
    if found is None:
        raise LectureUnknown(lecture=lecture_id)
    pairs = venue_closure.c
    up = sa.select(venue).join(venue_closure, pairs.ancestor == venue.c.id).where(pairs.descendant == venue_id)
    path = venues_of(connection, up.order_by(pairs.depth.desc()))
    if not path:
        raise VenueUnknown(venue=venue_id)
    return _Scope(lecture=lecture_of(found), path=tuple(path))


def _expected(connection: Connection, scope: _Scope, rows: Iterable[Venue]) -> dict[int, int]:
    """Row's venue -> people at home there or below."""
    pairs, found = venue_closure.c, dict[int, int]()
    query = sa.select(pairs.ancestor, sa.func.count()).join(person, person.c.home_id == pairs.descendant)
    query = query.where(scope.expected(person.c.home_id)).group_by(pairs.ancestor)
    for ids in chunks([row.id for row in rows]):
        found.update((id_, people) for id_, people in connection.execute(query.where(pairs.ancestor.in_(ids))))
    return found


def _present(connection: Connection, scope: _Scope, rows: Iterable[Venue]) -> dict[int, tuple[int, int]]:
    """Row's venue -> (people who attended there or below, how many of them are at home there or below)."""
    found: dict[int, tuple[int, int]] = {}
    for level in sorted({row.level for row in rows}):  # the venue's own, and as a rule one for all children
        row = _level(level)
        at_home = sa.and_(venue_closure.c.ancestor == row, venue_closure.c.descendant == person.c.home_id)
        source = presence.outerjoin(person, person.c.id == presence.c.person_id).outerjoin(venue_closure, at_home)
        query = sa.select(row, sa.func.count(), sa.func.count(venue_closure.c.ancestor)).select_from(source)
        counted = connection.execute(query.where(scope.attended_here(), row.is_not(None)).group_by(row))
        found.update((id_, (people, home)) for id_, people, home in counted)
    return found


def _count(row: Venue, expected: Mapping[int, int], present: Mapping[int, tuple[int, int]]) -> Count:
    people, at_home = present.get(row.id, (0, 0))
    return Count(expected=expected.get(row.id, 0), present=people, guests=people - at_home)


def _row(row: Venue, count: Count, has_children: bool, states: list[VenueStatus], own: VenueStatus) -> ReportRow:
    venues, pending = venue_counts(states)
    return ReportRow(
        venue_id=row.id,
        code=row.code,
        name=row.name,
        level=row.level,
        has_children=has_children,
        expected=count.expected,
        present=count.present,
        guests=count.guests,
        presence=own.presence,
        venues=venues,
        pending=pending,
    )


def _with_children(connection: Connection, rows: Iterable[Venue]) -> set[int]:
    found: set[int] = set()
    for ids in chunks([row.id for row in rows]):
        found.update(connection.scalars(sa.select(venue.c.parent_id).where(venue.c.parent_id.in_(ids)).distinct()))
    return found


def _subtrees(connection: Connection, rows: Iterable[Venue]) -> _Subtrees:
    found: _Subtrees = {}
    pairs = venue_closure.c
    for ids in chunks([row.id for row in rows]):
        query = sa.select(pairs.ancestor, pairs.descendant).where(pairs.ancestor.in_(ids))
        for ancestor, descendant in connection.execute(query):
            found.setdefault(ancestor, []).append(descendant)
    return found


def _named() -> sa.Select[Any]:
    return sa.select(
        sa.func.coalesce(person.c.id, presence.c.person_id).label("person"),
        sa.func.coalesce(person.c.number, presence.c.number).label("number"),
        sa.func.coalesce(person.c.name, presence.c.name).label("name"),
        person.c.home_id,
        presence.c.venue_id,
        presence.c.first_at,
        presence.c.event_id,
    )


def _people(connection: Connection, query: sa.Select[Any]) -> tuple[NamedPerson, ...]:
    rows = connection.execute(query).all()
    venues = venues_by_id(connection, {id_ for row in rows for id_ in (row.home_id, row.venue_id) if id_ is not None})
    return tuple(
        NamedPerson(
            subject=row.person,
            person=None if row.number is None else row.person,
            number=row.number,
            name=row.name,
            home=venues.get(row.home_id),
            attended=venues.get(row.venue_id),
            at=row.first_at,
            event=row.event_id,
        )
        for row in rows
    )
