"""What the screens of this node's venue have told and no event says yet: one row for each lecture, until it does."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.event import Data
from attendance.picture import Told, from_text, taken, to_text
from venues.store import set_meta
from venues.tables import meta

_PREFIX = "attendance.picture:"


def load(connection: Connection, lecture: str) -> Told:
    text = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _PREFIX + lecture))
    return Told() if text is None else from_text(text)


def save(connection: Connection, lecture: str, told: Told) -> None:
    set_meta(connection, _PREFIX + lecture, to_text(told))


def forget(connection: Connection, lecture: str) -> None:
    connection.execute(meta.delete().where(meta.c.key == _PREFIX + lecture))


def take(connection: Connection, lecture: str) -> Data | None:
    """What the next event must say, at once; None: nothing."""
    data, rest = taken(load(connection, lecture))
    if data is not None:
        save(connection, lecture, rest)
    return data


def lectures(connection: Connection) -> list[str]:
    """Those of which something is kept."""
    keys = sa.select(meta.c.key).where(meta.c.key.like(f"{_PREFIX}%")).order_by(meta.c.key)
    return [key.removeprefix(_PREFIX) for key in connection.scalars(keys)]
