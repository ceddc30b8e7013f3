"""The roll-call of one venue in SQL, from the events themselves: quick however many people attend elsewhere."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.event import Kind
from attendance.report import RollCallEntry
from attendance.tables import event, person, presence
from attendance.venue_reports import chunks, venues_by_id
from venues.tree import Venue


def roll_call(connection: Connection, lecture_id: str, venue_id: int) -> list[RollCallEntry]:
    undo = event.alias()
    undone = sa.exists().where(
        undo.c.lecture == event.c.lecture, undo.c.subject == event.c.subject, undo.c.supersedes == event.c.id
    )
    here = sa.select(event).where(event.c.lecture == lecture_id, event.c.venue == venue_id, ~undone)
    here = here.where(event.c.kind == Kind.CHECK_IN.value).order_by(event.c.captured_at, event.c.id)
    check_ins: dict[str, sa.Row[Any]] = {}
    for row in connection.execute(here):
        check_ins.setdefault(row.subject, row)
    roster = connection.execute(sa.select(person).where(person.c.home_id == venue_id).order_by(person.c.number)).all()
    elsewhere: dict[str, int] = {}
    for ids in chunks([one.id for one in roster]):
        away = sa.select(presence.c.person_id, presence.c.venue_id).where(presence.c.venue_id != venue_id)
        away = away.where(presence.c.lecture_id == lecture_id, presence.c.person_id.in_(ids))
        elsewhere.update((row.person_id, row.venue_id) for row in connection.execute(away))
    venues = venues_by_id(connection, set(elsewhere.values()))
    entries = [
        _entry(one.id, one.number, one.name, check_ins.pop(one.id, None), venues.get(elsewhere.get(one.id, 0)))
        for one in roster
    ]
    guests = [_entry(row.person, row.number, row.name, row, None, guest=True) for row in check_ins.values()]
    return entries + guests


def _entry(
    person_id: str | None,
    number: str | None,
    name: str,
    check_in: sa.Row[Any] | None,
    elsewhere: Venue | None,
    guest: bool = False,
) -> RollCallEntry:
    return RollCallEntry(
        person=person_id,
        number=number,
        name=name,
        present=check_in is not None,
        at=check_in.captured_at if check_in else None,
        method=check_in.method if check_in else None,
        event=check_in.id if check_in else None,
        guest=guest,
        elsewhere=elsewhere if check_in is None else None,
    )
