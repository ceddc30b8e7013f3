"""Writing and finding rows by the thousand (`insert_many`, `look_up`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues import Database
from venues.database import UtcDateTime, insert_many, look_up

_tables = sa.MetaData()  # not the node's own
thing = sa.Table(
    "thing",
    _tables,
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(8), nullable=False, unique=True),
    sa.Column("at", UtcDateTime),
    sa.Column("good", sa.Boolean, nullable=False),
    sa.Column("number", sa.Integer),
)
AT = dt.datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=dt.UTC)


@pytest.fixture
async def things(database: Database) -> AsyncIterator[Database]:
    await database.write(_tables.create_all)
    yield database
    await database.write(_tables.drop_all)


def rows(count: int) -> list[dict[str, object]]:
    return [
        {"name": f"n{n}", "at": AT + dt.timedelta(microseconds=n) if n % 2 else None, "good": n % 3 == 0, "number": n}
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 200, 1001])
async def test_what_was_written_is_read_in_its_order(things: Database, count: int) -> None:
    await things.write(lambda connection: insert_many(connection, thing, rows(count)))
    query = sa.select(thing.c.name, thing.c.at, thing.c.good, thing.c.number).order_by(thing.c.position)
    found = await things.read(lambda connection: [dict(row) for row in connection.execute(query).mappings()])
    assert found == rows(count)


async def test_any_text_stays_as_it_is(things: Database) -> None:
    texts = ["", "'", '"', "\\", "%s", ":x", "阿依·古丽", "𠮷", "{}", "[1]"]

    def work(connection: Connection) -> dict[str, str]:
        insert_many(connection, thing, [{"name": text, "good": True} for text in texts])
        return look_up(connection, [*texts, "x"], lambda one: sa.select(thing.c.name).where(thing.c.name == one))

    assert await things.write(work) == {text: text for text in texts}


async def test_a_row_that_is_there_twice_is_refused_with_all_others(things: Database) -> None:
    again = [*rows(300), {"name": "n7", "at": None, "good": True, "number": 7}]
    with pytest.raises(sa.exc.IntegrityError):
        await things.write(lambda connection: insert_many(connection, thing, again))
    assert await things.read(lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(thing))) == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("bad", [{"name": "much too long"}, {"number": 2**40}])
async def test_what_does_not_fit_is_refused_and_not_cut(things: Database, bad: dict[str, object]) -> None:
    with pytest.raises(sa.exc.DataError):
        await things.write(lambda connection: insert_many(connection, thing, [rows(1)[0] | bad]))


async def test_a_text_that_nothing_is_known_of_is_missing(things: Database) -> None:
    await things.write(lambda connection: insert_many(connection, thing, rows(5)))
    found = await things.read(
        lambda connection: look_up(
            connection,
            (f"n{n}" for n in range(3, 2000)),
            lambda one: sa.select(thing.c.number).where(thing.c.name == one),
        )
    )
    assert found == {"n3": 3, "n4": 4}
