"""The keys that sign badges, in the database: at the root with their private halves, elsewhere the public ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.badge import KEY_MOST
from attendance.tables import badge_key as table
from venues.errors import TongtangError
from venues.identity import NodeKey

_ALIVE = table.c.retired_at.is_(None)


class BadgeKeysUsedUp(TongtangError):
    """There can be at most {most} keys."""

    code: ClassVar[str] = "badge_keys_used_up"
    status: ClassVar[int] = 409


def public(connection: Connection) -> dict[int, str]:
    """The keys whose cards count, by number."""
    query = sa.select(table.c.id, table.c.public).where(_ALIVE)
    return {row.id: row.public for row in connection.execute(query)}


def private(connection: Connection) -> dict[int, NodeKey]:
    """The keys with which cards that count can be printed; none but at the root."""
    query = sa.select(table.c.id, table.c.private).where(_ALIVE, table.c.private.is_not(None))
    return {row.id: NodeKey.load(row.private) for row in connection.execute(query)}


def newest(connection: Connection) -> int | None:
    """The key that signs from now on; None: there is none yet."""
    found: int | None = connection.scalar(sa.select(sa.func.max(table.c.id)).where(_ALIVE))
    return found


def make(connection: Connection, seed: bytes) -> int:
    """One more key, from 32 random bytes; its number. Raises BadgeKeysUsedUp."""
    last = connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
    if last >= KEY_MOST:
        raise BadgeKeysUsedUp(most=KEY_MOST)
    key = NodeKey.make(seed)
    connection.execute(table.insert().values(id=last + 1, public=key.public, private=key.save()))
    return int(last) + 1


def retire(connection: Connection, at: dt.datetime) -> None:
    """No card that a key signed until now counts any more."""
    connection.execute(table.update().where(_ALIVE).values(retired_at=at))


def replace(connection: Connection, wanted: Mapping[int, str]) -> bool:
    """Have these public keys and no others; whether that was a change."""
    if public(connection) == wanted:
        return False
    connection.execute(table.delete())
    if wanted:
        connection.execute(table.insert(), [{"id": key, "public": text} for key, text in wanted.items()])
    return True
