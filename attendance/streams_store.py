"""The rows of `attendance.streams` inside one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from attendance.streams import Stream, add, from_text, to_text
from attendance.tables import stream as table
from venues.database import upsert
from venues.tables import node, venue_closure

Key = tuple[str, int]  # node, epoch
_CHUNK = 200


def streams(connection: Connection, keys: Collection[Key]) -> dict[Key, Stream]:
    """Those that have rows."""
    found: dict[Key, Stream] = {}
    wanted = sorted(keys)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        by_node = sa.select(table).where(table.c.node.in_({name for name, _ in chunk}))
        for row in connection.execute(by_node).mappings():
            found[row["node"], row["epoch"]] = _stream(row)
    return {key: found[key] for key in wanted if key in found}


def arrived(connection: Connection, numbers: Iterable[tuple[str, int, int]]) -> None:
    """New events with these (node, epoch, seq) are in the log."""
    by_stream: dict[Key, list[int]] = {}
    for name, epoch, seq in numbers:
        by_stream.setdefault((name, epoch), []).append(seq)
    known = streams(connection, by_stream)
    put(
        connection,
        [add(known.get(key) or Stream(node=key[0], epoch=key[1]), seqs) for key, seqs in by_stream.items()],
    )


def put(connection: Connection, rows: Sequence[Stream]) -> None:
    if not rows:
        return
    insert = upsert(connection, table)
    changed = {name: insert.excluded[name] for name in ("upto", "beyond", "forked_at", "root")}
    connection.execute(
        insert.on_conflict_do_update(index_elements=["node", "epoch"], set_=changed),
        [
            {
                "node": row.node,
                "epoch": row.epoch,
                "upto": row.upto,
                "beyond": to_text(row.beyond),
                "forked_at": row.forked_at,
                "root": row.root,
            }
            for row in rows
        ],
    )


def lower_root(connection: Connection, roots: Mapping[Key, int]) -> None:
    """The root has no more than this of these streams."""
    for (name, epoch), root in roots.items():
        query = table.update().where(table.c.node == name, table.c.epoch == epoch, table.c.root > root)
        connection.execute(query.values(root=root))


def every(connection: Connection, limit: int, after: Key = ("", 0)) -> list[Stream]:
    """All that have rows, in order, from beyond `after`."""
    query = sa.select(table).where(sa.tuple_(table.c.node, table.c.epoch) > after)
    rows = connection.execute(query.order_by(table.c.node, table.c.epoch).limit(limit)).mappings()
    return [_stream(row) for row in rows]


def uncovered(connection: Connection, limit: int, after: Key = ("", 0)) -> list[Stream]:
    """Those of which the root is not known to hold all that is here, in order, from beyond `after`."""
    query = sa.select(table).where(table.c.root < table.c.upto, sa.tuple_(table.c.node, table.c.epoch) > after)
    rows = connection.execute(query.order_by(table.c.node, table.c.epoch).limit(limit)).mappings()
    return [_stream(row) for row in rows]


def below(connection: Connection, venue: int, limit: int, after: Key = ("", 0)) -> list[Stream]:
    """Those of the nodes of a venue and all below it, in order, from beyond `after`."""
    inside = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == venue)
    nodes = sa.select(node.c.id).where(node.c.venue_id.in_(inside))
    query = sa.select(table).where(table.c.node.in_(nodes), sa.tuple_(table.c.node, table.c.epoch) > after)
    rows = connection.execute(query.order_by(table.c.node, table.c.epoch).limit(limit)).mappings()
    return [_stream(row) for row in rows]


def _stream(row: RowMapping) -> Stream:
    return Stream(**dict(row) | {"beyond": from_text(row["beyond"])})
