"""The database engine: SQLite embedded or PostgreSQL by URL, one writer, many readers.

Every write runs on one thread in one transaction that has committed before the awaiting caller goes on, so "saved" on
a page is true. Readers run on their own threads and never wait for the writer (WAL on SQLite, MVCC on PostgreSQL).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Dialect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")

metadata = sa.MetaData()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class UtcDateTime(sa.types.TypeDecorator[dt.datetime]):
    """An aware datetime, stored as integer microseconds since the Unix epoch: equal and sortable on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // dt.timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else _EPOCH + dt.timedelta(microseconds=value)


def upsert(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with `.on_conflict_do_update(…)`, `.on_conflict_do_nothing()` and `.excluded`, on either database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


class Database:
    """`url` is an SQLAlchemy URL: `sqlite:///path/to/file.db` or `postgresql+psycopg://…`."""

    def __init__(self, url: str, *, readers: int = 4) -> None:
        self.url: URL = make_url(url)
        options: dict[str, object] = {"pool_size": readers + 1, "max_overflow": 1, "pool_pre_ping": True}
        self.engine = sa.create_engine(self.url, **options)
        if self.url.get_backend_name() == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="db-writer")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="db-reader")

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    async def make_private(self) -> None:
        """An SQLite file is readable by its owner alone: it holds names and secrets."""
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            await asyncio.to_thread(_make_private, Path(self.url.database))

    async def create_tables(self) -> None:
        """Make what is not there yet, for tests; a node's own database goes through `venues.schema_store`."""
        await self.make_private()
        await self.write(metadata.create_all)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the one writing thread, in one transaction; return after COMMIT, raise after ROLLBACK."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._in_transaction, work, True)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a reading thread, on one consistent snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._in_transaction, work, False)

    def _in_transaction(self, work: Callable[[Connection], T], writing: bool) -> T:
        with self.engine.connect() as connection:
            connection.info["tongtang_writing"] = writing
            with connection.begin():
                return work(connection)

    async def close(self) -> None:
        """Let work that has begun finish, then let go of every connection."""
        await asyncio.to_thread(self._shutdown)

    def _shutdown(self) -> None:
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()


def _make_private(file: Path) -> None:
    # SQLite gives the files beside it (-wal, -shm) the mode of the database.
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    for each in (file, *(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))):
        if each.exists() and each.stat().st_mode & 0o077 and each.stat().st_uid == os.geteuid():
            each.chmod(0o600)


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # we issue BEGIN ourselves, in _begin_sqlite
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=10000",
        "cache_size=-16000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that reads first and writes later never fails half-way.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.info.get("tongtang_writing") else "BEGIN")
