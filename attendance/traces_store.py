"""Looking for a text in every table: what a scan of the files cannot see where the database is a server."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.traces import spellings
from venues.database import Database, metadata


async def rows_with(db: Database, texts: Collection[str]) -> dict[str, int]:
    """By table the number of rows in which one of the texts stands; tables without any are missing."""

    def work(connection: Connection) -> dict[str, int]:
        found = {table.name: _count(connection, table, texts) for table in metadata.sorted_tables}
        return {name: count for name, count in found.items() if count}

    return await db.read(work)


def _count(connection: Connection, table: sa.Table, texts: Collection[str]) -> int:
    spelt = {spelling.decode() for text in texts for spelling, way in spellings(text).items() if way in _AS_TEXT}
    columns = [column for column in table.columns if isinstance(column.type, sa.String)]
    if not columns:
        return 0
    conditions = [column.contains(each, autoescape=True) for column in columns for each in spelt]
    return connection.scalar(sa.select(sa.func.count()).select_from(table).where(sa.or_(*conditions))) or 0


_AS_TEXT = frozenset({"UTF-8", "JSON", "JSON, upper case"})
