"""`--faults=long` runs every fault at its full length (`make faults`); otherwise a sample of each."""

from __future__ import annotations

import asyncio
import contextlib
import random
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from tests.conftest import Postgresql, administer, postgresql
from tests.faults.processes import Nursery, nursery
from tests.faults.stage import Prepared, Stage, prepare, staged
from tests.faults.table import Table
from tests.faults.ticks import Record
from tests.faults.verdict import settle, verdict

TABLE = pytest.StashKey[Table]()
_OF_WORKERS = pytest.StashKey[list[str]]()
_OF_WORKER = "faults"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", choices=("short", "long"), default="short", help="how long the fault suite is")
    parser.addoption("--seed", type=int, default=None, help="of the faults; a failure says with which it ran")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = Table()
    config.stash[_OF_WORKERS] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where several processes share the tests, each hands its part of the table to the one that prints it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OF_WORKER] = session.config.stash[TABLE].lines()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_OF_WORKERS].extend(getattr(node, "workeroutput", {}).get(_OF_WORKER, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash[TABLE].lines() + config.stash[_OF_WORKERS]:
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--faults", "short") == "long")


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The same for a test each time, unless --seed says otherwise; what is printed here is shown on failure."""
    seed = request.config.getoption("--seed", None)
    seed = zlib.crc32(request.node.name.encode()) if seed is None else seed
    print(f"--seed={seed}")
    return random.Random(seed)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nest() -> AsyncIterator[Nursery]:
    async with nursery() as found:
        yield found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return await prepare(tmp_path_factory.mktemp("prepared"))


@dataclass(frozen=True)
class Stages:
    """Opens stages, and passes judgement on them. `root`: the database of the root, sqlite or postgresql."""

    nest: Nursery
    prepared: Prepared
    folder: Path
    server: sa.URL | None
    table: Table

    @property
    def root(self) -> str:
        return "postgresql" if self.server else "sqlite"

    @contextlib.asynccontextmanager
    async def open(self, name: str = "stage", *, start: bool = True) -> AsyncIterator[Stage]:
        """A tree of its own; `name` is another one for each that a test opens."""
        folder, url = self.folder / name, ""
        folder.mkdir()
        if self.server is not None:
            await asyncio.to_thread(_database, self.server, "faults", template="faults_prepared")
            url = _url(self.server, "faults")
        async with staged(self.nest, self.prepared, folder, root_database=url, start=start) as found:
            yield found

    async def judge(
        self,
        fault: str,
        stage: Stage,
        record: Record,
        *,
        times: int = 1,
        aside: tuple[str, ...] = (),
        forked: bool = False,
    ) -> None:
        """Wait until the stage has settled, note the verdict in the table, and demand that it is good."""
        await settle(stage, aside=len(aside))
        found = await verdict(stage, record, aside=aside, forked=forked)
        self.table.add(fault, found, times=times, database=self.root)
        assert found.good, found


def _database(server: sa.URL, name: str, *, template: str = "template1") -> None:
    administer(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {template}")


def _url(server: sa.URL, name: str) -> str:
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def stages(nest: Nursery, prepared: Prepared, tmp_path: Path, request: pytest.FixtureRequest) -> Stages:
    """With the embedded SQLite at every node."""
    return Stages(nest, prepared, tmp_path, None, request.config.stash[TABLE])


async def _prepared_on(server: sa.URL, folder: Path) -> Prepared:
    await asyncio.to_thread(_database, server, "faults_prepared")
    return await prepare(folder, root_database=_url(server, "faults_prepared"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prepared_on_postgresql(postgresql_server: sa.URL, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return await _prepared_on(postgresql_server, tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def stages_on_postgresql(
    nest: Nursery,
    prepared_on_postgresql: Prepared,
    postgresql_server: sa.URL,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Stages:
    """With PostgreSQL at the root."""
    return Stages(nest, prepared_on_postgresql, tmp_path, postgresql_server, request.config.stash[TABLE])


@pytest.fixture
def postgresql_to_kill() -> Iterator[Postgresql]:
    """A server that nobody else uses."""
    with postgresql() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def stages_to_kill(
    nest: Nursery, postgresql_to_kill: Postgresql, tmp_path: Path, request: pytest.FixtureRequest
) -> Stages:
    """With that server at the root."""
    prepared = await _prepared_on(postgresql_to_kill.url, tmp_path / "prepared")
    return Stages(nest, prepared, tmp_path, postgresql_to_kill.url, request.config.stash[TABLE])
