"""A small tree of real nodes on this machine: root → middle → village, one lecture on air, operators with passwords.

`prepare` makes the databases once, without starting anything; each test gets copies of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from attendance.people import person_id
from tests.faults.kill_points import KillPoint
from tests.faults.processes import Nursery, Process
from tests.faults.wire import Hook, Wire, whole, wired
from tests.web.nodes import add_user, cheap
from venues.identity import Identity, NodeKey, enrol_message
from venues.settings import Settings
from venues.tree import VenueRow
from web import identity_file
from web.demo_process import free_ports
from web.node import Node
from web.policy import Role

LEVELS = ("root", "middle", "village")
CODES = {"root": "52", "middle": "5201", "village": "520102001001"}
OTHER_VILLAGE = "520102001002"  # no node there; its people go elsewhere
TREE = [
    VenueRow(1, "52", "贵州省", "province", ""),
    VenueRow(2, "5201", "贵阳市", "city", "52"),
    VenueRow(3, "520102", "南明区", "county", "5201"),
    VenueRow(4, "520102001", "新华街道", "township", "520102"),
    VenueRow(5, "520102001001", "宝山村", "village", "520102001"),
    VenueRow(6, OTHER_VILLAGE, "甲秀村", "village", "520102001"),
    VenueRow(7, "5203", "遵义市", "city", "52"),
]
PEOPLE = 60  # at home in each of the four venues below
_HOMES = {"root": "52", "middle": "5201", "village": "520102001001", "other": OTHER_VILLAGE}


def number_of(home: str, one: int) -> str:
    return f"{home[:1].upper()}{one:04}"


def person_of(home: str, one: int) -> str:
    """The id of one of those at home in "root", "middle", "village" or "other", counted from 0."""
    return person_id(number_of(home, one))


def name_of(home: str, one: int) -> str:
    return f"阿依·古丽{home[:1]}{one}"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Databases and identities as they are before the first start. `venues` and `nodes` by level."""

    folder: Path
    lecture: str
    venues: Mapping[str, int]
    nodes: Mapping[str, str]


def settings_of(folder: Path, level: str, **sections: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "node": {"venue": CODES.get(level, CODES["village"]), "data_dir": str(folder / level)},
        "heartbeat": {"interval_s": 1, "silent_after_s": 30},
        "attendance": {"sync_interval_s": 1},
        "log": {"level": "info"},
        "web": {"language": "en"},
    }
    for name, section in sections.items():
        given[name] = given.get(name, {}) | section
    return given


async def prepare(folder: Path, *, root_database: str = "") -> Prepared:
    """`root_database` is the URL of an empty database, "" for SQLite as embedded."""
    async with contextlib.AsyncExitStack() as stack:
        nodes: dict[str, Node] = {}
        for place, level in enumerate(LEVELS):
            parent = nodes[LEVELS[place - 1]] if place else None
            extra = {"parent": {"urls": ["http://127.0.0.1:1"]}} if parent else {"database": {"url": root_database}}
            settings = Settings.model_validate(settings_of(folder, level, **extra))
            node = Node(settings, passwords=cheap())
            if parent is None:
                nodes[level] = await stack.enter_async_context(node.opened())
                lecture = await _fill(node)
                continue
            venue = await parent.venues.by_code(CODES[level])
            identity = await enrolled(parent, venue.id, CODES[level])
            identity_file.save(folder / level, identity)
            nodes[level] = await stack.enter_async_context(node.opened())
            for name in ("venues", "policies", "lectures", "privacy", "people", "badges", "users"):
                await getattr(node, name).replace(await getattr(parent, name).export(venue.id))
            await node.look()
        return Prepared(
            folder=folder,
            lecture=lecture,
            venues={level: node.require_venue().id for level, node in nodes.items()},
            nodes={level: node.id for level, node in nodes.items()},
        )


async def _fill(root: Node) -> str:
    await root.venues.import_rows(TREE, root.settings.levels)
    await root.look()
    lines = ["number,name,venue"]
    lines += [
        f"{number_of(home, one)},{name_of(home, one)},{code}" for home, code in _HOMES.items() for one in range(PEOPLE)
    ]
    await root.people.import_csv("\n".join(lines).encode())
    for level, code in CODES.items():
        await add_user(root, f"operator-{level}", Role.OPERATOR, (await root.venues.by_code(code)).id)
    await add_user(root, "organizer", Role.ORGANIZER, root.require_venue().id)
    lecture = await root.lectures.create("民法典", root.require_venue().id)
    await root.lectures.start(lecture.id)
    return lecture.id


async def enrolled(parent: Node, venue: int, code: str) -> Identity:
    key = NodeKey.make(os.urandom(32))
    token = await parent.enrolment.issue(venue, dt.timedelta(hours=1))
    record = await parent.enrolment.enrol(token, key.public, key.sign(enrol_message(token, key.public)), code)
    return Identity(node_id=record.id, venue_id=venue, venue_code=code, key=key)


async def until(what: str, condition: Callable[[], Awaitable[object]], patience_s: float = 60.0) -> None:
    """Wait until `condition` gives something true; a TimeoutError says for what."""
    try:
        async with asyncio.timeout(patience_s):
            while not await condition():  # noqa: ASYNC110 (it happens in other processes)
                await asyncio.sleep(0.03)
    except TimeoutError:
        raise TimeoutError(f"waited {patience_s:.0f} s for {what}") from None


@dataclass
class Site:
    """One node of the stage: where it is, what it runs with, and its process while it has one."""

    level: str
    venue: int
    node: str  # its id
    folder: Path
    port: int
    parent_url: str
    database: str  # URL
    sections: dict[str, Any] = field(default_factory=dict)  # of its configuration, besides
    environment: dict[str, str] = field(default_factory=dict)  # of its process, besides
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.level}.log"

    def write_config(self) -> Path:
        given = {
            "http": {"host": "127.0.0.1", "port": self.port, "public_url": self.url},
            "media": {"udp_port": self.port},
            "parent": {"urls": [self.parent_url] if self.parent_url else []},
            "database": {"url": self.database},
        }
        path = self.folder / f"{self.level}.json"
        settings = settings_of(self.folder, self.level, **given)
        for name, section in self.sections.items():
            settings[name] = settings.get(name, {}) | section
        path.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
        return path


class Stage:
    """The nodes by level. What a test does to one of them it does by its process: `start`, `kill`, `restart`."""

    def __init__(self, nursery: Nursery, lecture: str, sites: Mapping[str, Site], http: aiohttp.ClientSession) -> None:
        self.nursery, self.lecture, self.sites, self.http = nursery, lecture, dict(sites), http

    def __getitem__(self, level: str) -> Site:
        return self.sites[level]

    async def start(
        self, level: str, *, kill: KillPoint | None = None, environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start the node as its Site says now; does not wait until it answers (`ready`)."""
        site = self.sites[level]
        assert site.process is None or not site.process.running, f"{level} is running"
        given = site.environment | dict(environment or {})
        site.process = await self.nursery.start(site.write_config(), site.log, kill=kill, environment=given)
        return site.process

    async def ready(self, *levels: str) -> None:
        for level in levels or LEVELS:
            await until(f"the node {level} to answer", lambda level=level: self._answers(level))  # type: ignore[misc]

    async def _answers(self, level: str) -> bool:
        site = self.sites[level]
        if site.process is not None and not site.process.running:
            raise AssertionError(f"{level} has ended: {site.log.read_text(errors='replace')[-2000:]}")
        try:
            async with self.http.get(f"{site.url}/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def kill(self, level: str) -> None:
        """kill -9; returns when the process is gone."""
        process = self.sites[level].process
        if process is not None:
            await process.kill()

    @contextlib.asynccontextmanager
    async def wire(self, level: str, hook: Hook = whole) -> AsyncIterator[Wire]:
        """Put a wire between this node and its parent: it counts from the node's next start on. The node dies with the
        wire."""
        site = self.sites[level]
        async with wired(self.sites[LEVELS[LEVELS.index(level) - 1]].port, hook) as wire:
            site.parent_url = wire.url
            try:
                yield wire
            finally:
                await self.kill(level)

    async def restart(self, level: str, *, kill: KillPoint | None = None) -> None:
        """kill -9 and start again, and wait until it answers."""
        await self.kill(level)
        await self.start(level, kill=kill)
        await self.ready(level)


@contextlib.asynccontextmanager
async def staged(
    nursery: Nursery, prepared: Prepared, folder: Path, *, root_database: str = "", start: bool = True
) -> AsyncIterator[Stage]:
    """Copies of what `prepare` made, in `folder`, and (with `start`) all nodes answering. `root_database` as there."""
    shutil.copytree(prepared.folder, folder, dirs_exist_ok=True)
    ports = free_ports("127.0.0.1", random.SystemRandom().randrange(12_000, 30_000), len(LEVELS))
    sites: dict[str, Site] = {}
    for level, port in zip(LEVELS, ports, strict=True):
        embedded = f"sqlite:///{folder / level / 'tongtang.db'}"
        sites[level] = Site(
            level=level,
            venue=prepared.venues[level],
            node=prepared.nodes[level],
            folder=folder,
            port=port,
            parent_url=list(sites.values())[-1].url if sites else "",
            database=root_database if root_database and not sites else embedded,
        )
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        stage = Stage(nursery, prepared.lecture, sites, http)
        try:
            if start:
                for level in LEVELS:
                    await stage.start(level)
                await stage.ready()
            yield stage
        finally:
            for level in stage.sites:
                await stage.kill(level)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
