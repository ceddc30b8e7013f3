"""Real nodes for tests: SQLite in a temporary folder, HTTP on a free port of the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from argon2 import PasswordHasher

from venues.settings import Settings
from venues.tree import Level, Venue, VenueRow
from web import auth
from web.app import Server
from web.attempts import AttemptLimits
from web.node import Node
from web.passwords import Passwords
from web.policy import Role
from web.store import User

BRANCH = [
    VenueRow(1, "52", "贵州省", "province", ""),
    VenueRow(2, "5201", "贵阳市", "city", "52"),
    VenueRow(3, "520102", "南明区", "county", "5201"),
    VenueRow(4, "520102001", "新华街道", "township", "520102"),
    VenueRow(5, "520102001001", "宝山村", "village", "520102001"),
    VenueRow(6, "5203", "遵义市", "city", "52"),
    VenueRow(7, "520302", "红花岗区", "county", "5203"),
]
PASSWORD = "correct horse"
PATIENCE_S = 45.0
HIGH = AttemptLimits(
    sign_in_by_name="1000/minute",
    sign_in_by_address="1000/minute",
    check_in_by_address="1000/minute",
    media_by_address="10000/minute",
    media_by_publisher="10000/minute",
    media_by_viewer="10000/minute",
    media_by_node="10000/minute",
)


def cheap() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def settings(folder: Path, **sections: dict[str, Any]) -> Settings:
    given: dict[str, Any] = {
        "node": {"data_dir": str(folder)},
        "http": {"host": "127.0.0.1", "port": 0},
        "heartbeat": {"interval_s": 1, "silent_after_s": 5},
        "web": {"language": "en"},
    }
    for name, section in sections.items():
        given[name] = given.get(name, {}) | section
    return Settings.model_validate(given)


def make_node(folder: Path, *, limits: AttemptLimits = HIGH, **sections: dict[str, Any]) -> Node:
    return Node(settings(folder, **sections), passwords=cheap(), attempt_limits=limits)


@contextlib.asynccontextmanager
async def serving(node: Node) -> AsyncIterator[Server]:
    server = Server(node)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def plant(node: Node) -> dict[str, Venue]:
    """Import the branch; the venues by code."""
    levels: tuple[Level, ...] = tuple(node.settings.levels)
    await node.venues.import_rows(BRANCH, levels)
    await node.look()
    root = await node.venues.root()
    assert root is not None
    return {venue.code: venue for venue in await node.venues.subtree(root.id)}


async def add_user(node: Node, name: str, role: Role, venue: int, *, disabled: bool = False) -> None:
    hashed = await node.passwords.hash(PASSWORD)
    await node.users.add(User(name=name, role=role, venue_id=venue, password_hash=hashed, disabled=disabled))


async def eventually(condition: Callable[[], Awaitable[object]], patience_s: float = PATIENCE_S) -> None:
    """Wait until the condition gives something true."""
    async with asyncio.timeout(patience_s):
        while not await condition():  # noqa: ASYNC110 - what we wait for is in another node's database
            await asyncio.sleep(0.02)


@dataclass
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


@dataclass
class Client:
    """A caller with its own cookies. `csrf` and `bearer` go along with every request once they are set."""

    session: aiohttp.ClientSession
    url: str
    csrf: str = ""
    bearer: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = dict(self.headers) | options.pop("headers", {})
        if self.csrf:
            headers.setdefault(auth.CSRF_HEADER, self.csrf)
        if self.bearer:
            headers.setdefault("Authorization", f"Bearer {self.bearer}")
        if body is not None:
            options["json"] = body
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            is_json = response.content_type == "application/json"
            content = await response.json() if is_json else await response.text(errors="replace")
            return Answer(status=response.status, body=content, headers=response.headers)

    async def sign_in(self, name: str, password: str = PASSWORD) -> Answer:
        answer = await self("POST", "/api/session", {"name": name, "password": password})
        if answer.status == 201:
            self.csrf = answer.body["csrf"]
        return answer


@contextlib.asynccontextmanager
async def client(url: str, **fields: Any) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Client(session=session, url=url, **fields)
