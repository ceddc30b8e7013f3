"""Where a venue may have two nodes, or one node two disks: what both wrote is kept, and the organizer is told."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.tables import stream
from venues.database import Database
from venues.tables import node, venue, venue_closure


class TwinKind(enum.StrEnum):
    COPIED = "copied"  # one node gave a number twice: its disk was copied or set back
    TWO_NODES = "two_nodes"  # two nodes that are both let in claim the venue


@dataclass(frozen=True, kw_only=True)
class Twin:
    """`nodes`: the ids of those that are meant; `times`: of a copied one, in how many epochs it happened."""

    kind: TwinKind
    venue_id: int
    venue: str
    nodes: tuple[str, ...]
    times: int = 1


class Twins:
    """Within `top` and all venues below it, as far as nodes are known here."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self, top: int) -> list[Twin]:
        """By venue."""
        found = await self._db.read(lambda connection: [*_copied(connection, top), *_two(connection, top)])
        return sorted(found, key=lambda one: (one.venue_id, one.kind, one.nodes))


def _copied(connection: Connection, top: int) -> list[Twin]:
    query = sa.select(node.c.id, node.c.venue_id, venue.c.name, sa.func.count().label("times"))
    query = query.join(stream, stream.c.node == node.c.id).join(venue, venue.c.id == node.c.venue_id)
    query = query.where(stream.c.forked_at.is_not(None), _within(top))
    rows = connection.execute(query.group_by(node.c.id, node.c.venue_id, venue.c.name))
    return [
        Twin(kind=TwinKind.COPIED, venue_id=row.venue_id, venue=row.name, nodes=(row.id,), times=row.times)
        for row in rows
    ]


def _two(connection: Connection, top: int) -> list[Twin]:
    active = node.c.revoked_at.is_(None)
    several = sa.select(node.c.venue_id).where(active).group_by(node.c.venue_id).having(sa.func.count() > 1)
    query = sa.select(node.c.id, node.c.venue_id, venue.c.name).join(venue, venue.c.id == node.c.venue_id)
    query = query.where(active, node.c.venue_id.in_(several), _within(top))
    by_venue: dict[tuple[int, str], list[str]] = {}
    for row in connection.execute(query.order_by(node.c.id)):
        by_venue.setdefault((row.venue_id, row.name), []).append(row.id)
    return [
        Twin(kind=TwinKind.TWO_NODES, venue_id=id_, venue=name, nodes=tuple(nodes))
        for (id_, name), nodes in by_venue.items()
    ]


def _within(top: int) -> sa.ColumnElement[bool]:
    inside = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == top)
    return node.c.venue_id.in_(inside)
