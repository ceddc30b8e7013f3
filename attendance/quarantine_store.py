"""What a node keeps aside because it could not be taken: shown to the organizer, and forgotten when somebody is."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import erasure_store, intake
from attendance.blank import blanked, blanked_raw, is_id, subjects_in
from attendance.event import to_wire
from attendance.tables import quarantine as table
from venues.database import Database
from venues.tables import venue, venue_closure

_CHUNK = 200


@dataclass(frozen=True, kw_only=True)
class Group:
    """What came from one venue's node and was kept aside for one reason."""

    code: str
    venue_id: int
    venue: str  # name, "" where the tree has none any more
    count: int
    first_at: dt.datetime
    last_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Kept:
    code: str
    venue_id: int
    venue: str
    event: str | None  # the id that it claims to have
    received_at: dt.datetime
    raw: str  # JSON, as it came


class Quarantine:
    """Within `top` and all venues below it, by the venue whose node sent it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def count(self, top: int) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(_within(top))
        return await self._db.read(lambda connection: connection.scalar(query) or 0)

    async def groups(self, top: int) -> list[Group]:
        """The newest first."""
        about, last = table.c, sa.func.max(table.c.received_at)
        query = sa.select(about.code, about.received_from, venue.c.name, sa.func.count().label("count"))
        query = query.add_columns(sa.func.min(about.received_at).label("first_at"), last.label("last_at"))
        query = query.select_from(_named()).where(_within(top)).group_by(about.code, about.received_from, venue.c.name)
        rows = await self._db.read(lambda connection: connection.execute(query.order_by(last.desc())).all())
        return [
            Group(
                code=row.code,
                venue_id=row.received_from,
                venue=row.name or "",
                count=int(row._mapping["count"]),
                first_at=row.first_at,
                last_at=row.last_at,
            )
            for row in rows
        ]

    async def entries(
        self, top: int, *, code: str | None = None, venue_id: int | None = None, limit: int = 50, offset: int = 0
    ) -> list[Kept]:
        """The newest first."""
        about = table.c
        query = sa.select(table, venue.c.name).select_from(_named()).where(_within(top))
        if code is not None:
            query = query.where(about.code == code)
        if venue_id is not None:
            query = query.where(about.received_from == venue_id)
        query = query.order_by(about.received_at.desc(), about.hash).limit(limit).offset(offset)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return [
            Kept(
                code=row.code,
                venue_id=row.received_from,
                venue=row.name or "",
                event=row.event_id,
                received_at=row.received_at,
                raw=row.raw,
            )
            for row in rows
        ]


def as_told(connection: Connection, raw: object) -> object:
    """What a child sent, as it may be kept here: without who was erased."""
    ((item),) = intake.read([raw])
    if item.event is None:
        return blanked_raw(raw) if erasure_store.of(connection, subjects_in(raw)) else raw
    erasure = erasure_store.of(connection, [item.event.subject]).get(item.event.subject)
    if erasure is None or not erasure_store.means(erasure, item.event):
        return raw
    return to_wire(blanked(item.event, item.hash, erasure.pseudonym))


def forget(connection: Connection) -> None:
    """Blank what is of people who are erased: all of it is looked at, for what is no event has no index."""
    _each(connection, sa.true(), lambda raw: as_told(connection, raw))


def forget_before(connection: Connection, before: dt.datetime) -> int:
    """Blank everything that came before then; returns how much of it was not blank yet."""
    return _each(connection, table.c.received_at < before, blanked_raw)


def _each(connection: Connection, where: sa.ColumnElement[bool], kept: Callable[[object], object]) -> int:
    after, changed = "", 0
    while rows := _page(connection, where, after):
        after = rows[-1].hash
        for row in rows:
            raw = json.loads(row.raw)
            new = kept(raw)
            if new != raw:
                values = {
                    "raw": json.dumps(new, sort_keys=True),
                    "event_id": row.event_id if is_id(row.event_id) else None,
                }
                connection.execute(table.update().where(table.c.hash == row.hash).values(**values))
                changed += 1
    return changed


def _page(connection: Connection, where: sa.ColumnElement[bool], after: str) -> Sequence[sa.Row[Any]]:
    query = sa.select(table).where(where, table.c.hash > after).order_by(table.c.hash).limit(_CHUNK)
    return connection.execute(query).all()


def _named() -> sa.Join:
    return table.outerjoin(venue, venue.c.id == table.c.received_from)


def _within(top: int) -> sa.ColumnElement[bool]:
    inside = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == top)
    return table.c.received_from.in_(inside)
