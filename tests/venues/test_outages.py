"""A full disk as SQLite meets it: the database may not grow any more (a quota of pages), and then again. And a
PostgreSQL that is killed."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tests.conftest import postgresql
from venues import Database
from venues.database import told
from venues.outages import DatabaseAway, DiskFull
from venues.tables import meta


def limit(connection: Connection, pages: int) -> None:
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def put(connection: Connection, key: str, size: int) -> None:
    connection.execute(meta.insert().values(key=key, value="x" * size))


async def keys(database: Database) -> set[str]:
    return set(await database.read(lambda connection: connection.execute(sa.select(meta.c.key)).scalars().all()))


async def test_a_write_that_does_not_fit_is_told_as_a_full_disk_and_goes_on_afterwards(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db", readers=1)
    await database.create_tables()
    await database.write(lambda connection: limit(connection, 60))
    with pytest.raises(DiskFull) as refused:
        await database.write(lambda connection: put(connection, "much", 1_000_000))
    assert (refused.value.code, refused.value.status) == ("disk_full", 503)
    writes = [lambda c, n=n: put(c, f"k{n}", 1_000_000 if n == 3 else 10) for n in range(6)]  # type: ignore[misc]
    results = await asyncio.gather(*(database.write(work) for work in writes), return_exceptions=True)
    assert [isinstance(result, DiskFull) for result in results] == [n == 3 for n in range(6)]
    assert await keys(database) == {f"k{n}" for n in range(6) if n != 3}
    await database.write(lambda connection: limit(connection, 100_000))
    await database.write(lambda connection: put(connection, "much", 1_000_000))
    assert "much" in await keys(database)
    await database.close()


def test_what_the_databases_say_of_it() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    quota = sqlite3.OperationalError("disk I/O error")
    quota.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    errors = [full, quota, psycopg.errors.DiskFull(), *map(wrapped, [full, psycopg.errors.DiskFull()])]
    assert all(isinstance(told(error), DiskFull) for error in errors)
    away = [psycopg.OperationalError("refused"), psycopg.errors.CrashShutdown(), psycopg.errors.ConnectionFailure()]
    assert all(isinstance(told(wrapped(error)), DatabaseAway) for error in away)
    others = [
        busy,
        psycopg.errors.UniqueViolation(),
        wrapped(busy),
        ValueError(),
        wrapped(psycopg.errors.LockNotAvailable()),
    ]
    assert [told(error) for error in others] == others


def wrapped(error: Exception) -> Exception:
    return sa.exc.OperationalError("INSERT", {}, error)


async def test_a_database_that_dies_is_told_and_goes_on_afterwards() -> None:
    with postgresql() as server:
        database = Database(server.url.render_as_string(hide_password=False), readers=1)
        await database.create_tables()
        await database.write(lambda connection: put(connection, "before", 1))
        assert await keys(database) == {"before"}
        await asyncio.to_thread(server.kill)
        for _ in range(2):  # with a connection that has broken, and with none
            with pytest.raises(DatabaseAway) as refused:
                await keys(database)
            assert (refused.value.code, refused.value.status) == ("database_away", 503)
            writes = (database.write(lambda connection, n=n: put(connection, f"k{n}", 1)) for n in range(3))  # type: ignore[misc]
            results = await asyncio.gather(*writes, return_exceptions=True)
            assert [type(result) for result in results] == [DatabaseAway] * 3
        await asyncio.to_thread(server.start)
        await database.write(lambda connection: put(connection, "after", 1))
        assert await keys(database) == {"before", "after"}
        await database.close()
