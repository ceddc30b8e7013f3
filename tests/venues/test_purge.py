from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from venues.database import Database
from venues.tables import meta

SECRET = "阿依·古丽"


async def test_nothing_that_was_deleted_is_left_in_the_files(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'a.db'}")
    await db.create_tables()
    rows = [{"key": f"k{n}", "value": SECRET * (n % 40 + 1)} for n in range(500)]
    await db.write(lambda connection: connection.execute(meta.insert(), rows) and None)
    await db.write(lambda connection: connection.execute(meta.update().values(value="x")) and None)
    await db.write(lambda connection: connection.execute(meta.delete().where(meta.c.key > "k2")) and None)

    def left() -> list[str]:
        return [file.name for file in tmp_path.iterdir() if SECRET.encode() in file.read_bytes()]

    assert left()
    before = await db.size(["meta"])
    assert await db.purge(["meta"])
    assert left() == []
    assert 0 < await db.size(["meta"]) < before
    await db.close()
    assert left() == []


async def test_what_stays_stays(database: Database) -> None:
    await database.write(lambda connection: connection.execute(meta.insert().values(key="k", value="v")) and None)
    assert await database.purge(["meta"])
    query = sa.select(meta.c.value)
    assert await database.read(lambda connection: connection.scalar(query)) == "v"
    assert await database.size(["meta"]) > 0


async def test_somebody_who_reads_meanwhile_puts_it_off(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'a.db'}")
    await db.create_tables()
    with db.engine.connect() as reader:
        reader.info["tongtang_writing"] = False
        reader.execute(sa.select(meta)).all()  # its snapshot stays
        await db.write(lambda connection: connection.execute(meta.insert().values(key="k", value="v")) and None)
        assert not await db.purge(["meta"])
    assert await db.purge(["meta"])
    await db.close()


async def test_an_error_does_not_say_what_was_in_the_row(database: Database) -> None:
    def twice(connection: sa.Connection) -> None:
        connection.execute(meta.insert(), [{"key": "k", "value": SECRET}, {"key": "k", "value": SECRET}])

    with pytest.raises(sa.exc.IntegrityError) as refused:
        await database.write(twice)
    assert SECRET not in str(refused.value)
