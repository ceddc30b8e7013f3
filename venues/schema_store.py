"""The schema of a node's database brought up to this version's at start, step by step, in one transaction.

A new database gets the tables as they are now; an older one goes through the steps of `venues.migrations` that it has
not been through (Alembic, which knows both databases and can prove that the steps lead to the tables); one of a newer
version is refused. Two programs that start at once do it one after the other.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues import migrations
from venues.database import Database, metadata
from venues.errors import TongtangError

if TYPE_CHECKING:
    from alembic.config import Config

logger = logging.getLogger(__name__)

FIRST = "0001"  # release 0.1.0, which kept no version
_LOCK = 0x746F6E67  # of this program on a PostgreSQL server, for the length of a transaction
_VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))


class SchemaTooNew(TongtangError):
    """The database was written by a newer version of Tongtang (its schema is {revision}); run that version."""

    code = "schema_too_new"
    status = 500


async def upgrade(db: Database) -> None:
    """Make the database fit this program; every package with tables has been imported. Raises SchemaTooNew."""
    await db.make_private()
    if await db.read(_version) != migrations.HEAD:
        await db.write(_upgrade)


def _version(connection: Connection) -> str | None:
    """The last step that the database has been through; "" when it holds nothing, None when it cannot tell."""
    tables = sa.inspect(connection).get_table_names()
    if _VERSION.name in tables:
        return connection.scalar(sa.select(_VERSION.c.version_num))
    return FIRST if "meta" in tables else ""


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    version = _version(connection)
    if version == migrations.HEAD:
        return  # somebody else was quicker
    if not version:
        metadata.create_all(connection)
        _set_version(connection, migrations.HEAD)
        return
    _run_steps(connection, version)


def _set_version(connection: Connection, version: str) -> None:
    _VERSION.create(connection, checkfirst=True)
    connection.execute(_VERSION.delete())
    connection.execute(_VERSION.insert().values(version_num=version))


def steps(connection: Connection) -> Config:
    """What Alembic's commands take, to run the steps on this connection."""
    from alembic.config import Config  # a node whose schema is as it should be starts without it

    config = Config()
    config.set_main_option("script_location", migrations.__name__.replace(".", ":", 1))
    config.attributes["connection"] = connection
    return config


def _run_steps(connection: Connection, version: str) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = steps(connection)
    if version not in {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}:
        raise SchemaTooNew(revision=version)
    _set_version(connection, version)
    logger.info("schema %s -> %s", version, migrations.HEAD)
    command.upgrade(config, migrations.HEAD)
