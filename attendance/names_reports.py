"""The names behind each figure of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.event import Method
from attendance.figures_reports import Place, is_within
from attendance.homes_store import roster_of
from attendance.judge import Status
from attendance.report import NamedPerson, Names, Which
from attendance.tables import closing, forgotten, person, presence
from attendance.venue_reports import venues_by_id
from venues.errors import TongtangError
from venues.tree import Venue

_ATTENDED = frozenset({Which.PRESENT, Which.GUESTS, Which.LATE, Which.EARLY, Which.MOBILE})
_AT_A_TIME = 100
_STATED = {
    Which.CAME: Status.PRESENT,
    Which.CAME_LATE: Status.PRESENT,
    Which.CAME_EARLY: Status.PRESENT,
    Which.LEAVE: Status.LEAVE,
    Which.MAKEUP: Status.MAKEUP,
}
_MARKED = {
    Which.LATE: presence.c.late,
    Which.EARLY: presence.c.early,
    Which.CAME_LATE: presence.c.late,
    Which.CAME_EARLY: presence.c.early,
}


class NamesForgotten(TongtangError):
    """Who was there has been forgotten, because the time for keeping it is over. The figures stay."""

    code: ClassVar[str] = "names_forgotten"
    status: ClassVar[int] = 410


def names(connection: Connection, place: Place, which: Which, *, over: bool, page: tuple[int, int]) -> Names:
    """`over`: the time is up after which everybody of whom nothing is known is absent; `page`: limit and offset."""
    query = _query(connection, place, which, over=over)
    total = connection.scalar(sa.select(sa.func.count()).select_from(query.order_by(None).subquery())) or 0
    limit, offset = page
    return Names(
        total=total, names=_people(connection, connection.execute(query.limit(limit).offset(offset)).all(), {})
    )


def each_name(connection: Connection, place: Place, which: Which, *, over: bool) -> Iterator[NamedPerson]:
    """All of them, read as they are taken: memory does not grow with their number. Raises NamesForgotten at once."""
    return _each(connection, _query(connection, place, which, over=over))


def _each(connection: Connection, query: sa.Select[Any]) -> Iterator[NamedPerson]:
    venues: dict[int, Venue] = {}
    options = {"yield_per": _AT_A_TIME}
    for rows in connection.execute(query, execution_options=options).partitions():
        yield from _people(connection, rows, venues)


def _query(connection: Connection, place: Place, which: Which, *, over: bool) -> sa.Select[Any]:
    about = presence.c
    people: sa.FromClause = person
    order: Sequence[sa.ColumnElement[Any]] = (about.first_at, about.person_id)
    source = presence.outerjoin(person, person.c.id == about.person_id)
    home = about.home_id
    if which in _ATTENDED:
        conditions = [place.attended()]
        if which is Which.GUESTS:
            conditions.append(home.is_(None) | ~is_within(home, place.venue))
        elif which is Which.MOBILE:
            conditions.append(about.methods == Method.ROOT_CODE.value)
    elif which in _STATED:
        conditions = [about.lecture_id == place.lecture.id, about.status == _STATED[which].value]
        conditions += [is_within(home, place.venue), place.concerns(home)]
        conditions.append(roster_of(connection, place.lecture).expects(home, about.person_id))
    else:
        _check_known(connection, place)
        roster = roster_of(connection, place.lecture)
        people = roster.people(lambda home: sa.and_(is_within(home, place.venue), place.concerns(home)))
        source = people.outerjoin(
            presence, sa.and_(about.lecture_id == place.lecture.id, about.person_id == people.c.id)
        )
        conditions = [roster.expects(people.c.home_id, people.c.id)]
        order = (people.c.number,)
        unseen, marked = about.person_id.is_(None), about.status == Status.ABSENT.value
        if which is Which.ABSENT_SO_FAR:
            conditions.append(unseen | marked)
        elif which is Which.ABSENT:
            conditions.append(marked | (unseen if over else unseen & _final(place.lecture.id, people.c.home_id)))
        elif which is Which.NOT_REPORTED:
            conditions.append(sa.false() if over else unseen & ~_final(place.lecture.id, people.c.home_id))
    if which in _MARKED:
        conditions.append(_MARKED[which])
    return _named(people).select_from(source).where(*conditions).order_by(*order)


def _check_known(connection: Connection, place: Place) -> None:
    """The roster and the pseudonyms of those who came do not meet any more. Raises NamesForgotten."""
    about = forgotten.c
    over = sa.select(about.lecture).where(about.lecture == place.lecture.id, about.people_at.is_not(None))
    if connection.scalar(over) is not None:
        raise NamesForgotten


def _final(lecture: str, venue: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """The venue has handed in, and all of it is here."""
    handed_in = sa.select(closing.c.venue).where(closing.c.lecture == lecture, ~closing.c.open)
    return venue.in_(handed_in.where(closing.c.complete)) & venue.not_in(handed_in.where(~closing.c.complete))


def _named(people: sa.FromClause) -> sa.Select[Any]:
    return sa.select(
        sa.func.coalesce(people.c.id, presence.c.person_id).label("person"),
        sa.func.coalesce(people.c.number, presence.c.number).label("number"),
        sa.func.coalesce(people.c.name, presence.c.name).label("name"),
        sa.func.coalesce(presence.c.home_id, people.c.home_id).label("home_id"),
        presence.c.venue_id,
        presence.c.first_at,
        presence.c.last_at,
        presence.c.event_id,
        presence.c.status,
        presence.c.late,
        presence.c.early,
        presence.c.seconds,
        presence.c.methods,
        presence.c.other_venue,
    )


def _people(connection: Connection, rows: Sequence[sa.Row[Any]], venues: dict[int, Venue]) -> tuple[NamedPerson, ...]:
    """`venues`: those known so far; what is missing is read and added."""
    wanted = {id_ for row in rows for id_ in (row.home_id, row.venue_id) if id_ is not None}
    venues.update(venues_by_id(connection, wanted - venues.keys()))
    return tuple(
        NamedPerson(
            subject=row.person,
            person=None if row.number is None else row.person,
            number=row.number,
            name=row.name,
            home=venues.get(row.home_id),
            attended=venues.get(row.venue_id) if row.status == Status.PRESENT.value else None,
            at=row.first_at,
            left_at=row.last_at,
            event=row.event_id,
            status=row.status,
            late=bool(row.late),
            early=bool(row.early),
            minutes=(row.seconds or 0) // 60,
            methods=tuple(row.methods.split(",")) if row.methods else (),
            other_venue=bool(row.other_venue),
        )
        for row in rows
    )
