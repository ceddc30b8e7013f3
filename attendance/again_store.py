"""Events that the parent had answered for and has no more, because its disk was set back: they go up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.streams import Stream, surely_has
from attendance.streams_store import Key
from attendance.tables import event
from attendance.venue_reports import chunks


def lost(connection: Connection, doubtful: Mapping[Key, tuple[Stream, Stream]]) -> list[str]:
    """Ids of what was handed up of these streams (own, the parent's) and may not be there.

    What the parent keeps in quarantine is not in its streams, and goes up again only where something else of the stream
    was lost, too.
    """
    found: dict[Key, list[str]] = {}
    aside: dict[Key, list[str]] = {}
    about = event.c
    for nodes in chunks(sorted({node for node, _ in doubtful})):
        query = sa.select(about.id, about.node, about.epoch, about.seq, about.upload_code)
        for row in connection.execute(query.where(about.node.in_(nodes), about.uploaded_at.is_not(None))):
            key = (row.node, row.epoch)
            if key in doubtful and not surely_has(*doubtful[key], row.seq):
                (found if row.upload_code is None else aside).setdefault(key, []).append(row.id)
    return [id_ for key, ids in found.items() for id_ in (*ids, *aside.get(key, ()))]


def wait(connection: Connection, ids: Sequence[str]) -> None:
    """These events (at most 500) wait for the parent's answer once more."""
    query = event.update().where(event.c.id.in_(ids))
    connection.execute(query.values(uploaded_at=None, upload_code=None))
