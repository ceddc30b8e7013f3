from __future__ import annotations

import datetime as dt
import stat
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
