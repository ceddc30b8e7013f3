"""The roll-call of one venue in SQL, from the events themselves: quick however many people attend elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.bearers_store import named
from attendance.event import Event, Kind
from attendance.homes_store import roster_at, roster_of
from attendance.judge import JUDGED, Status
from attendance.lecture_row import lecture_of
from attendance.report import RollCall, RollCallEntry
from attendance.roll_call import Said, room, said
from attendance.store import events_of
from attendance.tables import event, lecture, presence
from attendance.venue_reports import chunks, venues_by_id
from venues.tree import Venue

_KINDS = [kind.value for kind in (*JUDGED, Kind.PRESENCE_CHECK, Kind.HEADCOUNT)]


def roll_call(connection: Connection, lecture_id: str, venue_id: int) -> RollCall:
    about = event.c
    query = sa.select(event).where(about.lecture == lecture_id, about.venue == venue_id, about.kind.in_(_KINDS))
    by_subject: dict[str, list[Event]] = {}
    of_venue: list[Event] = []
    for one in named(connection, events_of(connection, query.order_by(about.position))):
        if one.kind in (Kind.PRESENCE_CHECK, Kind.HEADCOUNT, Kind.UNDO) and one.subject.startswith("venue:"):
            of_venue.append(one)
        else:
            by_subject.setdefault(one.subject, []).append(one)
    roster = _roster(connection, lecture_id, venue_id)
    elsewhere: dict[str, int] = {}
    for ids in chunks([one.id for one in roster]):
        away = sa.select(presence.c.person_id, presence.c.venue_id).where(presence.c.venue_id != venue_id)
        away = away.where(presence.c.lecture_id == lecture_id, presence.c.person_id.in_(ids))
        away = away.where(presence.c.status == Status.PRESENT.value)
        elsewhere.update((row.person_id, row.venue_id) for row in connection.execute(away))
    venues = venues_by_id(connection, set(elsewhere.values()))
    entries = [
        _entry(one.id, one.number, one.name, said(by_subject.pop(one.id, ())), venues.get(elsewhere.get(one.id, 0)))
        for one in roster
    ]
    guests = [_guest(events) for events in by_subject.values()]
    guests.sort(key=lambda entry: (entry.at is None, entry.at, entry.name))
    return RollCall(entries=tuple(entries + [guest for guest in guests if guest.state]), room=room(of_venue))


def _roster(connection: Connection, lecture_id: str, venue_id: int) -> Sequence[Any]:
    """Those at home in the very venue who are expected."""
    row = connection.execute(sa.select(lecture).where(lecture.c.id == lecture_id)).mappings().one_or_none()
    roster = roster_of(connection, lecture_of(row)) if row else roster_at(connection, None)
    people = roster.people(lambda home: home == venue_id)
    query = sa.select(people.c.id, people.c.number, people.c.name).order_by(people.c.number)
    return connection.execute(query.where(roster.expects(people.c.home_id, people.c.id))).all()


def _guest(events: Sequence[Event]) -> RollCallEntry:
    first = events[0]
    return _entry(first.person, first.number, first.name, said(events), None, guest=True)


def _entry(
    person_id: str | None, number: str | None, name: str, what: Said, elsewhere: Venue | None, guest: bool = False
) -> RollCallEntry:
    return RollCallEntry(
        person=person_id,
        number=number,
        name=name,
        state=what.state,
        present=what.state == Status.PRESENT,
        at=what.since or what.at,
        until=what.at if what.state == "signed_out" else None,
        method=what.method,
        event=what.event,
        reason=what.reason,
        late=what.late,
        seen_at=what.seen_at,
        guest=guest,
        elsewhere=elsewhere if not what.state else None,
    )
