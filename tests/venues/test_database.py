from __future__ import annotations

import asyncio
import datetime as dt
import stat
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tests.venues.world import START
from venues import Database, upsert
from venues.tables import enrolment_token, meta


def put(connection: Connection, value: str) -> None:
    insert = upsert(connection, meta).values(key="k", value=value)
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value}))


def read(connection: Connection) -> list[str]:
    return list(connection.execute(sa.select(meta.c.value)).scalars())


async def test_upsert_inserts_then_updates(database: Database) -> None:
    await database.write(lambda connection: put(connection, "one"))
    await database.write(lambda connection: put(connection, "two"))
    assert await database.read(read) == ["two"]


async def test_upsert_may_do_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        put(connection, "one")
        connection.execute(upsert(connection, meta).values(key="k", value="two").on_conflict_do_nothing())

    await database.write(work)
    assert await database.read(read) == ["one"]


async def test_a_failed_write_leaves_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        put(connection, "one")
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(work)
    assert await database.read(read) == []


async def test_all_of_a_read_is_one_moment(database: Database) -> None:
    await database.write(lambda connection: put(connection, "one"))
    begun, go_on = threading.Event(), threading.Event()

    def work(connection: Connection) -> list[list[str]]:
        first = read(connection)
        begun.set()
        assert go_on.wait(20)
        return [first, read(connection)]

    reading = asyncio.ensure_future(database.read(work))
    assert await asyncio.to_thread(begun.wait, 20)
    await database.write(lambda connection: put(connection, "two"))
    go_on.set()
    assert await reading == [["one"], ["one"]]
    assert await database.read(read) == ["two"]


async def test_times_are_utc_to_the_microsecond(database: Database) -> None:
    beijing = dt.timezone(dt.timedelta(hours=8))
    moment = START.replace(microsecond=1).astimezone(beijing)
    row = {"hash": "h", "venue_id": 1, "replace": False, "expires_at": moment}
    await database.write(lambda connection: connection.execute(enrolment_token.insert().values(**row)))
    query = sa.select(enrolment_token.c.expires_at, enrolment_token.c.used_at)
    found = await database.read(lambda connection: connection.execute(query).one())
    assert found == (moment, None)
    assert found[0].tzinfo is dt.UTC


async def test_sqlite_keeps_its_promises(database: Database) -> None:
    if database.dialect != "sqlite":
        return

    def pragma(connection: Connection, name: str) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    assert await database.read(lambda connection: pragma(connection, "journal_mode")) == "wal"
    assert await database.write(lambda connection: pragma(connection, "synchronous")) == 2  # FULL


async def test_an_sqlite_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.touch(0o644)  # as an earlier version left it
    file.chmod(0o644)
    database = Database(f"sqlite:///{file}")
    await database.create_tables()
    for each in (file, tmp_path / "a.db-wal", tmp_path / "a.db-shm"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600
    await database.close()


async def test_writes_that_come_together_are_each_kept_or_not(database: Database) -> None:
    def add(number: int) -> int:
        def work(connection: Connection) -> int:
            connection.execute(meta.insert().values(key=f"k{number}", value="v"))
            if number % 3 == 0:
                raise LookupError(number)
            return number

        return await_later(work)

    def await_later(work: Callable[[Connection], int]) -> Coroutine[None, None, int]:
        return database.write(work)

    done = await asyncio.gather(*(add(number) for number in range(200)), return_exceptions=True)
    kept = {number for number in range(200) if number % 3}
    assert {result for result in done if isinstance(result, int)} == kept
    assert sum(isinstance(result, LookupError) for result in done) == 200 - len(kept)
    keys = await database.read(lambda connection: set(connection.execute(sa.select(meta.c.key)).scalars()))
    assert keys == {f"k{number}" for number in kept}


async def test_a_write_that_breaks_the_shared_transaction_breaks_only_itself(database: Database) -> None:
    def harmless(number: int) -> Callable[[Connection], None]:
        return lambda connection: connection.execute(meta.insert().values(key=f"k{number}", value="v")) and None

    def breaks(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        raise LookupError

    writes = [database.write(harmless(number)) for number in range(10)]
    broken = database.write(breaks)
    done = await asyncio.gather(
        *writes, broken, *(database.write(harmless(n)) for n in range(10, 20)), return_exceptions=True
    )
    assert [type(result).__name__ for result in done].count("NoneType") == 20
    keys = await database.read(lambda connection: set(connection.execute(sa.select(meta.c.key)).scalars()))
    assert keys == {f"k{number}" for number in range(20)}


async def test_a_cancelled_write_that_waits_is_not_made(database: Database) -> None:
    held, go = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        held.set()
        go.wait(30)

    first = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(held.wait, 30)
    waiting = asyncio.ensure_future(database.write(lambda connection: put(connection, "never")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    go.set()
    await first
    assert await database.read(read) == []
