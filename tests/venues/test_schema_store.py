from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

import attendance
import web.tables
from venues import migrations
from venues.database import Database, metadata
from venues.schema_store import SchemaTooNew, steps, upgrade

RELEASES = Path(__file__).with_name("releases")
assert attendance.Event
assert web.tables.user_account.name in metadata.tables  # every package's tables


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url)
    yield db
    await db.close()


@pytest.fixture
async def released(empty: Database) -> Database:
    """The database of a node of release 0.1.0: a tree, a roster, a lecture, events of its own and of a child."""
    script = (RELEASES / f"0.1.0.{empty.dialect}.sql").read_text(encoding="utf-8")

    def load(connection: Connection) -> None:
        for statement in re.split(r";\n", script):
            if statement.strip() not in ("", "BEGIN TRANSACTION", "COMMIT"):
                connection.exec_driver_sql(statement)

    await empty.write(load)
    return empty


def objects(connection: Connection) -> set[str]:
    """Tables, columns and indexes as the database itself tells them."""
    if connection.dialect.name == "sqlite":
        columns = "SELECT m.name || ' ' || p.name || ' ' || p.type || p.\"notnull\" || p.pk"
        columns += " FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'"
        indexes = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    else:
        columns = "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, character_maximum_length)"
        columns += " FROM information_schema.columns WHERE table_schema = 'public'"
        indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
    found = {row[0] for query in (columns, indexes) for row in connection.exec_driver_sql(query)}
    return {re.sub(r"\s+", " ", text) for text in found if "alembic_version" not in text}


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def version(db: Database) -> str | None:
    return await db.read(lambda connection: MigrationContext.configure(connection).get_current_revision())


async def fresh(db: Database) -> set[str]:
    """What a new database would hold."""
    await db.write(metadata.drop_all)
    await db.write(metadata.create_all)
    return await db.read(objects)


async def test_a_new_database_is_as_the_tables_say(empty: Database) -> None:
    await upgrade(empty)
    assert await version(empty) == migrations.HEAD
    assert await empty.read(differences) == []
    await upgrade(empty)  # nothing to do


async def test_the_last_release_becomes_this_one_with_everything_in_it(released: Database) -> None:
    def rows(connection: Connection) -> dict[str, list[dict[str, object]]]:
        return {
            name: [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1, 2").mappings()]
            for name in ("venue", "venue_closure", "person", "lecture", "event", "presence", "quarantine", "meta")
        }

    before = await released.read(rows)
    assert len(before["event"]) == 8
    await upgrade(released)
    after = await released.read(rows)
    for name, kept in before.items():
        # A column that came later is beside the old ones; a value that was there is there.
        assert [{key: row[key] for key in old} for row, old in zip(after[name], kept, strict=True)] == kept
    marks = "SELECT node, upto, beyond, forked_at, root FROM stream ORDER BY node"
    found = await released.read(lambda connection: connection.exec_driver_sql(marks).all())
    assert [tuple(row) for row in found] == [("node-9", 3, "[[5,5]]", None, 0), ("root", 4, "[]", None, 0)]


async def test_the_steps_lead_to_the_tables(released: Database) -> None:
    await upgrade(released)
    assert await version(released) == migrations.HEAD
    assert await released.read(differences) == []
    stepped = await released.read(objects)
    assert stepped == await fresh(released)


async def test_the_first_step_makes_the_release(empty: Database) -> None:
    await empty.write(lambda connection: command.upgrade(steps(connection), "head"))
    assert await empty.read(differences) == []
    stepped = await empty.read(objects)
    assert stepped == await fresh(empty)


async def test_lectures_with_a_screen_that_showed_nothing_are_added_up_anew(empty: Database) -> None:
    def before(connection: Connection) -> None:
        command.upgrade(steps(connection), "0004")
        for lecture, picture, told in (("black", 0, 60), ("due", 0, 60), ("shown", 30, 60), ("counted", 0, 0)):
            values = f"'{lecture}', 1, {picture}, {told}"
            connection.exec_driver_sql(
                f"INSERT INTO venue_record (lecture_id, venue_id, picture_s, told_s) VALUES ({values})"
            )
        connection.exec_driver_sql("INSERT INTO summary_due VALUES ('due', 3)")

    await empty.write(before)
    await upgrade(empty)
    due = "SELECT * FROM summary_due ORDER BY lecture_id"
    found = await empty.read(lambda connection: connection.exec_driver_sql(due).all())
    assert [tuple(row) for row in found] == [("black", 1), ("due", 3)]


async def test_two_programs_at_once(released: Database) -> None:
    others = [Database(released.url.render_as_string(hide_password=False)) for _ in range(3)]
    try:
        await asyncio.gather(*(upgrade(db) for db in [released, *others]))
    finally:
        for other in others:
            await other.close()
    assert await version(released) == migrations.HEAD
    assert await released.read(differences) == []


async def test_a_newer_schema_is_refused_and_left_alone(empty: Database) -> None:
    await upgrade(empty)
    await empty.write(lambda c: c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")) and None)
    with pytest.raises(SchemaTooNew, match="9999"):
        await upgrade(empty)
    assert await version(empty) == "9999"


async def test_a_step_that_fails_leaves_the_old_schema(released: Database) -> None:
    # The table that a later step makes is there already.
    await released.write(lambda c: c.execute(sa.text("CREATE TABLE closing (x INTEGER)")) and None)
    before = await released.read(objects)
    with pytest.raises(sa.exc.DatabaseError):
        await upgrade(released)
    assert await released.read(objects) == before
    assert await version(released) is None


async def test_one_last_step(empty: Database) -> None:
    heads = await empty.read(lambda connection: ScriptDirectory.from_config(steps(connection)).get_heads())
    assert list(heads) == [migrations.HEAD]
