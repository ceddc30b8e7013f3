"""A stamp per collection: a random text that is another one after each change, so that a version is cheap to tell."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues.store import set_meta
from venues.tables import meta


def touch(connection: Connection, collection: str, entropy: Callable[[int], bytes]) -> None:
    """The collection changed in this transaction."""
    set_meta(connection, _key(collection), entropy(8).hex())


def version(connection: Connection, collection: str, venue_id: int) -> str:
    """Changes whenever what a venue gets of the collection may have changed: with its rows and with the tree."""
    keys = (_key(collection), "tree_version")
    found = dict(connection.execute(sa.select(meta.c.key, meta.c.value).where(meta.c.key.in_(keys))).all())
    return "-".join([str(venue_id), *(found.get(key, "none") for key in keys)])


def _key(collection: str) -> str:
    return f"attendance.{collection}.stamp"
