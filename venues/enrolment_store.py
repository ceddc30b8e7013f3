"""The SQL of enrolment, and of the records of nodes that were enrolled below."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues import token_store
from venues.status import NodeNews
from venues.store import VenueUnknown, set_meta
from venues.tables import enrolment_token, meta, node, venue, venue_closure

__all__ = [
    "Connection",
    "active_nodes",
    "add_node",
    "add_token",
    "below_revision",
    "find_node",
    "find_nodes",
    "find_token",
    "find_venue",
    "is_below",
    "news_since",
    "nodes",
    "revoke",
    "take",
]

_REVISION = "node_revision"
_RECORD = (node.c.id, node.c.venue_id, node.c.public_key, node.c.enrolled_at, node.c.revoked_at, node.c.own)
_SLICE = 500  # SQLite allows 32,766 parameters, PostgreSQL 65,535: stay far below


def add_token(connection: Connection, fields: Mapping[str, object]) -> None:
    connection.execute(enrolment_token.insert().values(**fields))


def find_venue(connection: Connection, venue_id: int) -> dict[str, Any]:
    """Code and name. Raises VenueUnknown."""
    row = connection.execute(sa.select(venue.c.code, venue.c.name).where(venue.c.id == venue_id)).mappings().first()
    if row is None:
        raise VenueUnknown(venue=venue_id)
    return dict(row)


def is_below(connection: Connection, venue_id: int, above: int) -> bool:
    closure = venue_closure.c
    query = sa.select(closure.depth).where(closure.ancestor == above, closure.descendant == venue_id, closure.depth > 0)
    return connection.execute(query).first() is not None


def find_token(connection: Connection, key: str) -> dict[str, Any] | None:
    row = connection.execute(sa.select(enrolment_token).where(enrolment_token.c.hash == key)).mappings().first()
    return None if row is None else dict(row)


def add_node(connection: Connection, fields: Mapping[str, Any], token_key: str) -> None:
    """Keep the node and mark its enrolment token as used by it."""
    connection.execute(node.insert().values(**fields, revision=_next_revision(connection), below_revision=0))
    used = enrolment_token.update().where(enrolment_token.c.hash == token_key)
    connection.execute(used.values(used_at=fields["enrolled_at"], node_id=fields["id"]))


def find_node(connection: Connection, node_id: str) -> dict[str, Any] | None:
    return find_nodes(connection, [node_id]).get(node_id)


def find_nodes(connection: Connection, node_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """By id, those that there are; at most some hundreds."""
    rows = connection.execute(sa.select(*_RECORD).where(node.c.id.in_(node_ids))).mappings()
    return {row["id"]: dict(row) for row in rows}


def active_nodes(connection: Connection, venue_id: int) -> list[str]:
    query = sa.select(node.c.id).where(node.c.venue_id == venue_id, node.c.revoked_at.is_(None))
    return list(connection.execute(query).scalars())


def revoke(connection: Connection, node_id: str, now: dt.datetime) -> bool:
    """Revoke the node and its bearer tokens; False = there is no such node."""
    found = find_node(connection, node_id)
    if found is None:
        return False
    if found["revoked_at"] is None:
        revoked = {"revoked_at": now, "revision": _next_revision(connection)}
        connection.execute(node.update().where(node.c.id == node_id).values(**revoked))
    token_store.revoke_subject(connection, "node", node_id, now)
    return True


def nodes(connection: Connection, within: int) -> list[dict[str, Any]]:
    joined = sa.select(*_RECORD).join(venue_closure, venue_closure.c.descendant == node.c.venue_id)
    query = joined.where(venue_closure.c.ancestor == within).order_by(node.c.enrolled_at.desc(), node.c.id.desc())
    return [dict(row) for row in connection.execute(query).mappings()]


def news_since(connection: Connection, revision: int, limit: int) -> list[NodeNews]:
    query = sa.select(node).where(node.c.revision > revision).order_by(node.c.revision).limit(limit)
    return [
        NodeNews(
            revision=row.revision,
            node=row.id,
            venue_id=row.venue_id,
            public_key=row.public_key,
            enrolled_at=row.enrolled_at,
            revoked_at=row.revoked_at,
        )
        for row in connection.execute(query)
    ]


def below_revision(connection: Connection, child: str) -> int:
    """How far the child's records are known here."""
    return connection.execute(sa.select(node.c.below_revision).where(node.c.id == child)).scalar() or 0


def take(
    connection: Connection, child: str, base: int, news: Sequence[NodeNews], now: dt.datetime
) -> tuple[int, bool, list[str]]:
    """(revision of the child that is known now, whether there is news to pass on, the nodes that are revoked now)."""
    known, sender = below_revision(connection, child), find_node(connection, child)
    if sender is None or base > known:
        return known, False, []
    known = news[-1].revision if news else base
    connection.execute(node.update().where(node.c.id == child).values(below_revision=known))
    changed, revoked = False, []
    for one in _strictly_below(connection, sender["venue_id"], news):
        old = find_node(connection, one.node)
        if old is None:
            _add(connection, one)
            changed = True
        elif one.revoked_at and not old["own"] and old["revoked_at"] is None and old["venue_id"] == one.venue_id:
            revoke(connection, one.node, now)
            revoked.append(one.node)
    return known, changed or bool(revoked), revoked


def _add(connection: Connection, one: NodeNews) -> None:
    record = {
        "id": one.node,
        "venue_id": one.venue_id,
        "public_key": one.public_key,
        "enrolled_at": one.enrolled_at,
        "revoked_at": one.revoked_at,
        "own": False,
        "revision": _next_revision(connection),
        "below_revision": 0,
    }
    connection.execute(node.insert().values(**record))


def _strictly_below(connection: Connection, venue_id: int, news: Sequence[NodeNews]) -> list[NodeNews]:
    closure = venue_closure.c
    allowed: set[int] = set()
    for start in range(0, len(news), _SLICE):
        some = [one.venue_id for one in news[start : start + _SLICE]]
        query = sa.select(closure.descendant).where(closure.ancestor == venue_id, closure.depth > 0)
        allowed.update(connection.execute(query.where(closure.descendant.in_(some))).scalars())
    return [one for one in news if one.venue_id in allowed]


def _next_revision(connection: Connection) -> int:
    found = connection.execute(sa.select(meta.c.value).where(meta.c.key == _REVISION)).scalar()
    revision = int(found or 0) + 1
    set_meta(connection, _REVISION, str(revision))
    return revision
