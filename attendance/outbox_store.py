"""What waits for the parent, and its answers. Nothing is deleted here.

A row that is not what its content hash says any more (a worn-out card, a bad sector) is not handed up as if somebody
had seen it so: it is kept aside at this node, shown, and holds up nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.blank import hash_of, is_id
from attendance.event import Event
from attendance.paths_store import Paths
from attendance.results import Result
from attendance.store import Rows, event_of
from attendance.tables import event as table
from attendance.venue_reports import chunks
from venues.database import Database

logger = logging.getLogger(__name__)

DAMAGED = "row_damaged"
Damaged = Mapping[str, Any]  # a row
# What is shown of one: where to look for it, and nothing that would have to be erased a second time.
_SHOWN = ("position", "id", "node", "epoch", "seq", "lecture", "venue", "kind", "method", "content_hash")


class Outbox:
    """`venue` is the node's own, `now` gives aware UTC."""

    def __init__(self, db: Database, venue: int, now: Callable[[], dt.datetime]) -> None:
        self._db = db
        self._venue = venue
        self._now = now

    async def pending(self) -> tuple[int, dt.datetime | None]:
        """How many events the parent has not answered for yet, and when the oldest of them was captured."""
        query = sa.select(sa.func.count(), sa.func.min(table.c.captured_at)).where(table.c.uploaded_at.is_(None))
        count, oldest = await self._db.read(lambda connection: connection.execute(query).one())
        return count, oldest

    async def next(self, limit: int) -> list[Event]:
        """In order of arrival, those last for which a request was refused; what is damaged is put aside here."""
        while True:
            events, damaged = await self._db.read(lambda connection: _waiting(connection, limit))
            if not damaged:
                return events
            await self._db.write(partial(self._put_aside, damaged))

    async def mark(self, results: Iterable[Result]) -> int:
        """Keep the parent's answers; returns for how many events that were waiting."""
        by_code: dict[str | None, list[str]] = {}
        for result in results:
            if result.id is not None:
                by_code.setdefault(result.code, []).append(result.id)
        if not by_code:
            return 0
        for code, ids in by_code.items():
            if code is not None:
                logger.error("the parent quarantined %d events: %s", len(ids), code)

        def work(connection: Connection) -> int:
            now = self._now()
            return sum(_answered(connection, ids, code, now) for code, ids in by_code.items())

        return await self._db.write(work)

    async def postpone(self, event: str) -> None:
        """After all others."""
        update = table.update().where(table.c.id == event).values(refusals=table.c.refusals + 1)
        await self._db.write(lambda connection: connection.execute(update) and None)

    def _put_aside(self, damaged: Sequence[Damaged], connection: Connection) -> None:
        now, rows = self._now(), Rows(connection, Paths())
        for row in damaged:
            logger.error("event %d of this database is damaged: it is kept aside and not handed up", row["position"])
            raw = json.dumps({name: row[name] for name in _SHOWN} | {"captured_at": str(row["captured_at"])})
            hash_ = hashlib.sha256(f"{DAMAGED}\n{row['position']}".encode()).hexdigest()
            event = row["id"] if is_id(row["id"]) else None
            rows.quarantine(hash_, received_from=self._venue, event=event, code=DAMAGED, raw=raw, at=now)
            update = table.update().where(table.c.position == row["position"])
            connection.execute(update.values(uploaded_at=now, upload_code=DAMAGED))


def _waiting(connection: Connection, limit: int) -> tuple[list[Event], list[Damaged]]:
    query = sa.select(table).where(table.c.uploaded_at.is_(None))
    query = query.order_by(table.c.refusals, table.c.position).limit(limit)
    events: list[Event] = []
    damaged: list[Damaged] = []
    for row in connection.execute(query).mappings():
        event = event_of(row)
        if hash_of(event) == row["content_hash"]:
            events.append(event)
        else:
            damaged.append(dict(row))
    return events, damaged


def _answered(connection: Connection, ids: Sequence[str], code: str | None, at: dt.datetime) -> int:
    changed = 0
    for chunk in chunks(ids):
        query = table.update().where(table.c.id.in_(chunk), table.c.uploaded_at.is_(None))
        changed += connection.execute(query.values(uploaded_at=at, upload_code=code)).rowcount
    return changed
