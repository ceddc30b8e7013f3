"""Closings in the database: kept up with each event that comes, and asked for by reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.closing import Closing, total
from attendance.event import Event, Kind
from attendance.tables import closing as table
from attendance.tables import event as event_table
from venues.database import Database, one_of, upsert

_NAMES = tuple(column.name for column in table.columns)


class Closings:
    """What the venues have said of their attendance, as far as it is known at this node."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, lecture: str, venues: Collection[int] | None = None) -> dict[int, list[Closing]]:
        """By venue, one for each of its nodes that ever closed; venues that never did are missing. `venues` None: all.
        `attendance.closing.state` says what they mean."""
        return await self._db.read(lambda connection: closings(connection, lecture, venues))


def closings(connection: Connection, lecture: str, venues: Collection[int] | None = None) -> dict[int, list[Closing]]:
    query = sa.select(table).where(table.c.lecture == lecture)
    if venues is not None:
        query = query.where(one_of(connection, table.c.venue, venues))
    found: dict[int, list[Closing]] = {}
    for row in connection.execute(query):
        one = Closing(**dict(zip(_NAMES, row, strict=True)))
        found.setdefault(one.venue, []).append(one)
    return found


def arrived(connection: Connection, events: Sequence[Event]) -> None:
    """New events are in the log: closings among them count, and closings that waited for one of them are looked at."""
    places: dict[str, set[int]] = {}
    for event in events:
        places.setdefault(event.lecture, set()).add(event.venue)
    for lecture, venues in places.items():
        known = {
            (one.venue, one.node): one for found in closings(connection, lecture, venues).values() for one in found
        }
        touched: dict[tuple[int, str], Closing] = {}
        for event in events:
            key = (event.venue, event.node)
            if event.lecture != lecture:
                continue
            one = touched.get(key) or known.get(key)
            if event.kind in (Kind.CLOSE, Kind.REOPEN):
                if one is None or (one.epoch, one.seq) < (event.epoch, event.seq):
                    touched[key] = _said(event)
            elif one is not None:
                touched[key] = one
        _put(connection, [_looked_at(connection, one) for one in touched.values()])


def _said(event: Event) -> Closing:
    data = event.data or {}
    reopened = event.kind == Kind.REOPEN
    return Closing(
        lecture=event.lecture,
        venue=event.venue,
        node=event.node,
        event=event.id,
        epoch=event.epoch,
        seq=event.seq,
        at=event.captured_at,
        open=reopened,
        count=0 if reopened else int(data["count"]),
        hash="" if reopened else str(data["hash"])[:64],
        here=0,
        complete=False,
    )


def _looked_at(connection: Connection, one: Closing) -> Closing:
    """How much of what the venue closed is here now."""
    if one.open:
        return one
    about = event_table.c
    before = sa.or_(about.epoch < one.epoch, sa.and_(about.epoch == one.epoch, about.seq < one.seq))
    query = sa.select(about.content_hash).where(
        about.lecture == one.lecture, about.venue == one.venue, about.node == one.node, before
    )
    return one.with_here(total(connection.scalars(query)))


def _put(connection: Connection, rows: Iterable[Closing]) -> None:
    values = [vars(row) for row in rows]
    if not values:
        return
    insert = upsert(connection, table)
    changed = {name: insert.excluded[name] for name in values[0] if name not in ("lecture", "venue", "node")}
    connection.execute(insert.on_conflict_do_update(index_elements=["lecture", "venue", "node"], set_=changed), values)
