"""What venues did, in the database: made from events when they come, and made anew when a lecture's times change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.bearers_store import named
from attendance.event import Event, Kind
from attendance.lecture_row import lecture_of
from attendance.lectures import Lecture
from attendance.tables import event as event_table
from attendance.tables import lecture as lecture_table
from attendance.tables import venue_record as table
from attendance.venue_record import TOLD, VenueRecord, record, told_of
from attendance.venue_reports import chunks
from venues.database import Database

Read = Callable[[sa.Select[tuple[object, ...]]], list[Event]]
_KINDS = [kind.value for kind in (*TOLD, Kind.UNDO)]


def arrived(connection: Connection, events: Sequence[Event], read: Read) -> None:
    """New events are in the log. `read` makes events of the rows that a query gives."""
    touched = told_of(events)
    undos = {(event.lecture, event.venue) for event in events if event.kind == Kind.UNDO} - touched
    for lecture in {lecture for lecture, _ in touched | undos}:
        # Somebody seen at a check may not have been: whether there is one, the record says.
        about = sorted(venue for each, venue in undos if each == lecture)
        kept = _kept(connection, lecture, about) if about else set()
        derive(connection, lecture, kept | {venue for each, venue in touched if each == lecture}, read)


def derive(connection: Connection, lecture: str, venues: Collection[int], read: Read) -> None:
    """Make the records of these venues anew from their events."""
    known = lecture_in(connection, lecture)
    about = event_table.c
    for chunk in chunks(sorted(venues)):
        connection.execute(table.delete().where(table.c.lecture_id == lecture, table.c.venue_id.in_(chunk)))
        query = sa.select(event_table).where(about.lecture == lecture, about.venue.in_(chunk), about.kind.in_(_KINDS))
        by_venue: dict[int, list[Event]] = {}
        for event in named(connection, read(query)):
            by_venue.setdefault(event.venue, []).append(event)
        rows = [
            {"lecture_id": lecture, "venue_id": venue, **asdict(found)}
            for venue, its in by_venue.items()
            if (found := record(its, known))
        ]
        if rows:
            connection.execute(table.insert(), rows)


def venues(connection: Connection, lecture: str) -> list[int]:
    """All venues that have a record of the lecture, or events for one."""
    about = event_table.c
    kinds = [kind.value for kind in TOLD]
    told = sa.select(about.venue).where(about.lecture == lecture, about.kind.in_(kinds))
    kept = sa.select(table.c.venue_id).where(table.c.lecture_id == lecture)
    return sorted(connection.scalars(told.union(kept)))


async def record_of(db: Database, lecture: str, venue: int) -> VenueRecord:
    """What is known of one venue."""
    query = sa.select(table).where(table.c.lecture_id == lecture, table.c.venue_id == venue)
    row = await db.read(lambda connection: connection.execute(query).mappings().one_or_none())
    return VenueRecord(**{name: row[name] for name in asdict(VenueRecord())}) if row else VenueRecord()


def _kept(connection: Connection, lecture: str, among: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(list(among)):
        query = sa.select(table.c.venue_id).where(table.c.lecture_id == lecture, table.c.venue_id.in_(chunk))
        found.update(connection.scalars(query))
    return found


def lecture_in(connection: Connection, lecture: str) -> Lecture | None:
    row = connection.execute(sa.select(lecture_table).where(lecture_table.c.id == lecture)).mappings().one_or_none()
    return None if row is None else lecture_of(row)
