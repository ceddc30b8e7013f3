"""What a database says of itself: how it answered a question, and how large it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.tables import closing, person, person_year, presence, summary, venue_record
from venues.database import Database
from venues.tables import venue, venue_closure

_TABLES = (presence, closing, venue_record, summary, person_year, person, venue, venue_closure)


class Plans:
    """The statements of each question, asked for once more with EXPLAIN: PostgreSQL runs them and tells the times."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    async def watch(self, db: Database, name: str, ask: Callable[[], Awaitable[object]]) -> None:
        seen: list[tuple[str, Any]] = []

        def note(_: object, __: object, statement: str, parameters: Any, ___: object, many: bool) -> None:
            if statement.startswith(("SELECT", "WITH")) and not many:
                seen.append((statement, parameters))

        sa.event.listen(db.engine, "before_cursor_execute", note)
        try:
            await ask()
        finally:
            sa.event.remove(db.engine, "before_cursor_execute", note)
        self._parts.append(f"== {name}: {len(seen)} statements\n")

        def explain(connection: Connection) -> list[str]:
            return [_explained(connection, statement, parameters) for statement, parameters in seen]

        self._parts += await db.read(explain)

    def text(self) -> str:
        return "\n".join(self._parts)


def _explained(connection: Connection, statement: str, parameters: Any) -> str:
    head = "EXPLAIN (ANALYZE, BUFFERS)" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    rows = connection.exec_driver_sql(f"{head} {statement}", parameters)
    lines = [f"    {row[-1]}" for row in rows]
    asked = " ".join(statement.split())
    return f"-- {asked[:1500]}{' …' if len(asked) > 1500 else ''}\n" + "\n".join(lines) + "\n"


def sizes(connection: Connection) -> dict[str, Any]:
    """Rows and bytes (with the indexes) of the large tables, and bytes of all."""
    found: dict[str, Any] = {}
    postgresql = connection.dialect.name == "postgresql"
    for table in _TABLES:
        found[table.name] = {"rows": connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0}
        if postgresql:
            size = sa.text(f"SELECT pg_table_size('{table.name}'), pg_indexes_size('{table.name}')")
            rows, indexes = connection.execute(size).one()
            found[table.name] |= {"bytes": int(rows), "index_bytes": int(indexes)}
    if postgresql:
        whole = sa.text("SELECT pg_database_size(current_database())")
    else:
        whole = sa.text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    found["bytes"] = int(connection.scalar(whole) or 0)
    return found
