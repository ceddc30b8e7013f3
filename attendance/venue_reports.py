"""Venues as reports need them: found by id and by query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues.tables import venue
from venues.tree import Venue

T = TypeVar("T")
_CHUNK = 500  # bound variables per statement stay far below every database's limit


def venues_of(connection: Connection, query: sa.Select[Any]) -> list[Venue]:
    rows = connection.execute(query)
    names = tuple(rows.keys())
    return [Venue(**dict(zip(names, row, strict=True))) for row in rows]


def venues_by_id(connection: Connection, ids: Iterable[int]) -> dict[int, Venue]:
    queries = (sa.select(venue).where(venue.c.id.in_(chunk)) for chunk in chunks(sorted(ids)))
    return {found.id: found for query in queries for found in venues_of(connection, query)}


def chunks(ids: Sequence[T]) -> Iterable[Sequence[T]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
