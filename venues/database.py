"""The database engine: SQLite embedded or PostgreSQL by URL, one writer, many readers.

Every write runs on one thread and has been committed before the awaiting caller goes on, so "saved" on a page is true.
Writes that have come together share one transaction, each behind a savepoint of its own: one wait for the disk serves
them all, and one that fails takes none of the others with it. A full disk raises DiskFull, a database that does not
answer DatabaseAway. Readers run on their own threads and never wait for the writer (WAL on SQLite, MVCC on PostgreSQL).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Dialect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from venues.outages import POSTGRESQL_AWAY, POSTGRESQL_FULL, SQLITE_FULL, DatabaseAway, DiskFull

logger = logging.getLogger(__name__)

T = TypeVar("T")

metadata = sa.MetaData()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_US = dt.timedelta(microseconds=1)
_BUSY_MS = 10_000
_PURGE_WAIT_MS = 300  # for readers; writers wait as long, so rather another time
# In one statement on SQLite, which lets other threads of Python go on after each: one by one, a busy thread would keep
# the writer waiting for its turn at every row. At most 32,766 values.
_ROWS_AT_ONCE = 200
_INTEGERS = postgresql.ARRAY(sa.Integer)
_GROUP_MOST = 60  # writes in one transaction; PostgreSQL keeps up to 64 savepoints where they are cheap
_GROUP_S = 0.025  # after this long nothing more joins, so that the first do not wait for many


class UtcDateTime(sa.types.TypeDecorator[dt.datetime]):
    """An aware datetime, stored as integer microseconds since the Unix epoch: equal and sortable on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _US

    def process_result_value(self, value: int | None, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else _EPOCH + dt.timedelta(microseconds=value)


def upsert(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with `.on_conflict_do_update(…)`, `.on_conflict_do_nothing()` and `.excluded`, on either database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_many(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """INSERT of many rows with the same keys, for what comes by the thousand: no statement is made for each row."""
    if not rows:
        return
    names = list(rows[0])
    process = {name: made for name in names if (made := _bind_processor(connection, table.c[name].type))}
    head = f"INSERT INTO {table.name} ({', '.join(names)})"
    if connection.dialect.name == "postgresql":
        typed = ", ".join(f"{name} {_wide(table.c[name].type)}" for name in names)
        text = _json([{**row, **{name: make(row[name]) for name, make in process.items()}} for row in rows])
        connection.exec_driver_sql(f"{head} SELECT * FROM json_to_recordset(%s::json) AS of({typed})", (text,))
        return
    one = f"({', '.join('?' * len(names))})"
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        values: list[Any] = []
        for row in some:
            bound = {**row, **{name: make(row[name]) for name, make in process.items()}}
            values += [bound[name] for name in names]
        connection.exec_driver_sql(f"{head} VALUES {', '.join([one] * len(some))}", tuple(values))


def _bind_processor(connection: Connection, type_: sa.types.TypeEngine[Any]) -> Callable[[Any], Any] | None:
    process: Callable[[Any], Any] | None = type_.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return process


def _wide(type_: sa.types.TypeEngine[Any]) -> str:
    """A value that does not fit its column is refused by the INSERT, as it would be alone, and not cut before."""
    if isinstance(type_, sa.Boolean):
        return "boolean"
    return "text" if isinstance(type_, sa.String) else "bigint"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def look_up(
    connection: Connection, texts: Iterable[str], query: Callable[[sa.ColumnElement[str]], sa.Select[Any]]
) -> dict[str, Any]:
    """The first value that `query(text)` (one column) gives for each of thousands of texts; some may have none.

    It is asked for one by one, by an index, in one statement with one bound value: a list in `IN` would be parsed and
    planned anew for each length, and lets PostgreSQL scan everything in a table of which it knows nothing yet.
    """
    if connection.dialect.name == "postgresql":
        each = sa.func.json_array_elements_text(sa.cast(sa.literal(_json(list(texts)), sa.Text), postgresql.JSON))
    else:
        each = sa.func.json_each(_json(list(texts)))
    text = each.table_valued(sa.column("value", sa.Text)).c.value
    # What has none is left out there: each row that comes here is a change of threads, and most texts have none.
    asked = sa.select(text.label("value"), query(text).limit(1).scalar_subquery().label("found")).subquery()
    return dict(connection.execute(sa.select(asked.c.value, asked.c.found).where(asked.c.found.is_not(None))).all())


def one_of(connection: Connection, column: sa.ColumnElement[int], numbers: Collection[int]) -> sa.ColumnElement[bool]:
    """Whether the column is one of these, however many there are: one bound value, where `IN` would have thousands."""
    if connection.dialect.name == "postgresql":
        return column == sa.any_(sa.cast(sa.literal(list(numbers), _INTEGERS), _INTEGERS))
    each = sa.func.json_each(_json(list(numbers))).table_valued(sa.column("value", sa.Integer))
    return column.in_(sa.select(each.c.value))


@dataclass(frozen=True, kw_only=True)
class _Write:
    """`work` may run a second time, when the transaction that it shared was lost: its first run left nothing."""

    work: Callable[[Connection], Any]
    future: Future[Any]


class _GroupLost(Exception):
    """The shared transaction is gone; each of its writes goes again, alone."""


class Database:
    """`url` is an SQLAlchemy URL: `sqlite:///path/to/file.db` or `postgresql+psycopg://…`."""

    def __init__(self, url: str, *, readers: int = 4) -> None:
        self.url: URL = make_url(url)
        options: dict[str, object] = {"pool_size": readers + 1, "max_overflow": 1, "pool_pre_ping": True}
        options["hide_parameters"] = True  # no error and no log line says whose name it was
        self.engine = sa.create_engine(self.url, **options)
        if self.url.get_backend_name() == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        else:
            sa.event.listen(self.engine, "connect", _prepare_postgresql)
        self._waiting: deque[_Write] = deque()
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
        """Run `work` in the one writing thread; return after COMMIT, raise when nothing of it was kept."""
        future: Future[T] = Future()
        self._waiting.append(_Write(work=work, future=future))
        self._writer.submit(self._write_waiting)
        return await asyncio.wrap_future(future)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a reading thread, on one consistent snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._in_transaction, work, False)

    def _in_transaction(self, work: Callable[[Connection], T], writing: bool) -> T:
        try:
            with self.engine.connect() as connection:
                connection.info["tongtang_writing"] = writing
                if not writing and self.dialect == "postgresql":  # each statement would have a snapshot of its own
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    return work(connection)
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            if (outage := told(error)) is not error:
                raise outage from error
            raise

    def _write_waiting(self) -> None:
        """All that waits, or nothing when an earlier call has done it."""
        first = self._next()
        if first is None:
            return
        if not self._waiting:
            self._write_alone(first)
            return
        group = [first]
        try:
            answers = self._write_together(group)
        except _GroupLost:
            for each in group:
                self._write_alone(each)
        except Exception as error:  # nobody knows whether it was kept: each caller asks again, or does not
            for each in group:
                _answer(each, told(error), None)
        else:
            for each, (failure, result) in zip(group, answers, strict=True):
                _answer(each, failure, result)

    def _next(self) -> _Write | None:
        while self._waiting:
            each = self._waiting.popleft()
            if each.future.set_running_or_notify_cancel():
                return each
        return None

    def _write_together(self, group: list[_Write]) -> list[tuple[Exception | None, Any]]:
        """What became of each of the `group`, which grows here by what waits. Raises _GroupLost when nothing of it was
        kept."""
        answers: list[tuple[Exception | None, Any]] = []
        begun_s = time.monotonic()
        with self.engine.connect() as connection:
            connection.info["tongtang_writing"] = True
            transaction = connection.begin()
            try:
                while len(answers) < len(group):
                    answers.append(_behind_savepoint(connection, group[-1]))
                    crowded = len(group) == _GROUP_MOST or time.monotonic() - begun_s > _GROUP_S
                    if not crowded and (more := self._next()):
                        group.append(more)
            except Exception as error:
                with contextlib.suppress(sa.exc.SQLAlchemyError):
                    transaction.rollback()
                raise _GroupLost from error
            transaction.commit()
        return answers

    def _write_alone(self, each: _Write) -> None:
        try:
            result = self._in_transaction(each.work, True)
        except BaseException as error:
            _answer(each, error, None)
        else:
            _answer(each, None, result)

    async def purge(self, tables: Sequence[str]) -> bool:
        """Write the files anew (of PostgreSQL: these tables), so that nothing that was deleted is left in them. Writes
        wait for as long as it takes; readers do not on SQLite. False: it could not be done now, ask again."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._purge, tables)

    def _purge(self, tables: Sequence[str]) -> bool:
        try:
            return self._write_anew(tables)
        except (sa.exc.DBAPIError, sqlite3.OperationalError) as error:
            logger.warning("the database cannot be written anew: %s", getattr(error, "orig", None) or error)
            return False

    def _write_anew(self, tables: Sequence[str]) -> bool:
        if self.dialect != "sqlite":
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for table in tables:
                    connection.exec_driver_sql(f"VACUUM FULL {table}")
            return True
        pooled = self.engine.raw_connection()
        raw = pooled.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        try:
            raw.execute(f"PRAGMA busy_timeout={_PURGE_WAIT_MS}").close()
            raw.execute("VACUUM").close()
            with contextlib.closing(raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")) as checkpoint:
                busy, *_ = checkpoint.fetchone()
            return not busy
        finally:
            raw.execute(f"PRAGMA busy_timeout={_BUSY_MS}").close()
            pooled.close()

    async def size(self, tables: Sequence[str]) -> int:
        """Bytes that `purge` would write anew."""
        if self.dialect == "sqlite":
            query = sa.text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        else:
            sizes = " + ".join(f"pg_total_relation_size('{table}')" for table in tables)
            query = sa.text(f"SELECT {sizes}")
        return await self.read(lambda connection: int(connection.scalar(query) or 0))

    async def close(self) -> None:
        """Let work that has begun finish, then let go of every connection."""
        await asyncio.to_thread(self._shutdown)

    def _shutdown(self) -> None:
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()


def told(error: Exception) -> Exception:
    """What a database said, through SQLAlchemy (which keeps the driver's error in `orig`) or by itself, as DiskFull or
    DatabaseAway; any other error as it is."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return DiskFull() if (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in SQLITE_FULL else error
    state = getattr(cause, "sqlstate", None)
    if state in POSTGRESQL_FULL:
        return DiskFull()
    return DatabaseAway() if _is_away(error, state) else error


def _is_away(error: Exception, state: str | None) -> bool:
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    if error.connection_invalidated or state in POSTGRESQL_AWAY:
        return True
    # The driver itself could not reach it (no SQLSTATE), or says so (class 08: connection exceptions).
    return isinstance(error, sa.exc.OperationalError) and (state is None or state.startswith("08"))


def _answer(each: _Write, failure: BaseException | None, result: object) -> None:
    if failure is None:
        each.future.set_result(result)
    else:
        each.future.set_exception(failure)


def _behind_savepoint(connection: Connection, each: _Write) -> tuple[Exception | None, Any]:
    savepoint = connection.begin_nested()
    try:
        result = each.work(connection)
        savepoint.commit()
    except Exception as error:
        if connection.dialect.name == "sqlite":
            raw = connection.connection.dbapi_connection
            if not getattr(raw, "in_transaction", False):
                raise  # a full disk may end the whole transaction, savepoints and all
        savepoint.rollback()
        return told(error), None
    return None, result


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
        f"busy_timeout={_BUSY_MS}",
        "cache_size=-16000",
        "wal_autocheckpoint=8000",  # pages, 32 MB: what is written often goes into the file once
        "secure_delete=ON",  # what is deleted is overwritten
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # A plan kept for a prepared statement was made when the table was small: it would scan what has grown since.
    cursor = connection.cursor()
    cursor.execute("SET plan_cache_mode = force_custom_plan")
    cursor.close()
    connection.commit()  # else the setting would go with the first rollback


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that reads first and writes later never fails half-way.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.info.get("tongtang_writing") else "BEGIN")
