"""The demonstration: five real nodes from province to village on this machine, a lecture on air, sign-ins printed."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import ClassVar

import aiohttp

from attendance.lectures import LectureState
from venues.errors import TongtangError
from venues.status import Presence
from venues.tokens import TokenKind
from venues.tree import VenueRow, parse_file
from web import identity_file
from web.addresses import base_url
from web.commands.node import enrol_at
from web.commands.user import new_password
from web.demo_cast import PARTS, TITLE, branch, people_csv
from web.demo_process import Child, ProcessEnded, free_ports
from web.demo_show import Show, Site
from web.node import Node
from web.process import stop_on_signals
from web.store import User, UserExists

_PATIENCE_S = 120.0
_TOKEN_LIFE = dt.timedelta(days=1)
Say = Callable[[str], None]


class DemoTimeout(TongtangError):
    """The demonstration did not come up in {seconds} s: {what}."""

    code: ClassVar[str] = "demo_timeout"
    status: ClassVar[int] = 500


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    publisher: bool = True
    as_json: bool = False
    data_dir: Path | None = None
    host: str = "127.0.0.1"
    base_port: int = 8600
    verbose: bool = False


async def run_demo(options: DemoOptions, *, say: Say, answer: Say) -> None:
    """Run until SIGINT or SIGTERM. `say` gets what is for people, `answer` the one line of JSON.

    Raises TongtangError (a node that does not come up, a folder of another demonstration …).
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    with _folder(options.data_dir) as folder:
        demo = Demo(options, folder, say)
        try:
            building = asyncio.create_task(demo.build())
            if await _unless(stop, building):
                show = building.result()
                answer(show.to_json()) if options.as_json else say(show.to_text())
                await demo.watch(stop)
        finally:
            say("Stopping …")
            await demo.stop()


class Demo:
    def __init__(self, options: DemoOptions, folder: Path, say: Say) -> None:
        self._options, self._folder, self._say = options, folder, say
        self._servers: list[Child] = []
        self._publishers: list[Child] = []
        self._waiting_for = "the nodes to start"

    async def build(self) -> Show:
        """Everything up to the moment at which all five nodes are connected."""
        try:
            async with asyncio.timeout(_PATIENCE_S), contextlib.AsyncExitStack() as stack:
                return await self._build(stack)
        except TimeoutError as error:
            raise DemoTimeout(seconds=int(_PATIENCE_S), what=f"waited for {self._waiting_for}") from error

    async def _build(self, stack: contextlib.AsyncExitStack) -> Show:
        began = time.monotonic()
        data = (resources.files("venues") / "data" / "guizhou_venues.csv").read_bytes()
        rows = parse_file(data)
        sites = self._write_sites(branch(rows))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        # The four below start while we fill the root's database; each waits for its enrolment.
        below = [await self._serve(site) for site in sites[1:]]
        root = await stack.enter_async_context(Node(sites[0].settings).opened())
        self._say(f"Importing {len(rows):,} venues …")
        await root.venues.import_rows(rows, root.settings.levels)
        await root.people.import_csv(people_csv())
        await root.look()
        lecture, passwords = await self._prepare(root, sites)
        servers = [await self._serve(sites[0]), *below]
        publish_token = await self._token(root, TokenKind.PUBLISH, lecture)
        nodes = [root]
        for number, site in enumerate(sites):
            await self._until(f"the {site.level} node", partial(_answers, http, site))
            if number == 0:
                if self._options.publisher:
                    await self._publish(site, lecture, publish_token)
                continue
            nodes.append(await stack.enter_async_context(Node(site.settings).opened()))
            await self._enrol(nodes[number - 1], sites[number - 1], site)
        for site, node in zip(sites[1:], nodes[1:], strict=True):
            await self._until(f"the lecture at the {site.level} node", partial(_knows, node, lecture))
        await self._until("the roster and the operator at the village", lambda: _is_equipped(nodes[-1]))
        await self._until("all nodes to be connected", lambda: _are_connected(root, sites))
        self._say(f"All five nodes are connected, after {time.monotonic() - began:.0f} s.")
        return Show(
            lecture=lecture,
            sites=sites,
            pids=tuple(server.pid for server in servers),
            publish_token=publish_token,
            view_tokens=tuple([await self._token(node, TokenKind.VIEW, lecture) for node in nodes]),
            api_token=await self._token(root, TokenKind.API, None),
            passwords=passwords,
        )

    def _write_sites(self, venues: tuple[VenueRow, ...]) -> tuple[Site, ...]:
        options = self._options
        ports = free_ports(options.host, options.base_port, len(venues))
        sites: list[Site] = []
        for venue, port in zip(venues, ports, strict=True):
            folder = self._folder / venue.level
            folder.mkdir(parents=True, exist_ok=True)
            url = base_url(options.host, port, tls=False)
            settings = {
                "node": {"venue": venue.code, "data_dir": str(folder.absolute() / "data")},
                "parent": {"urls": [sites[-1].url] if sites else []},
                "http": {"host": options.host, "port": port, "public_url": url},
                "media": {"udp_port": port},
                "heartbeat": {"interval_s": 2, "silent_after_s": 8},
                "log": {"level": "info" if options.verbose else "warning"},
            }
            site = Site(level=venue.level, venue=venue, folder=folder, url=url, port=port)
            site.config.write_text(json.dumps(settings, ensure_ascii=False, indent=2) + "\n")  # JSON is YAML
            sites.append(site)
        return tuple(sites)

    async def _serve(self, site: Site) -> Child:
        child = await Child.start(
            f"{site.level} node", "serve", "--config", str(site.config), log=site.folder / "node.log"
        )
        self._servers.append(child)
        return child

    async def _publish(self, root: Site, lecture: str, token: str) -> None:
        child = await Child.start(
            "publisher",
            "publish",
            f"{root.url}/whip/{lecture}",
            log=self._folder / "publisher.log",
            environment={"TONGTANG_TOKEN": token},
        )
        self._publishers.append(child)

    async def _prepare(self, root: Node, sites: tuple[Site, ...]) -> tuple[str, tuple[str, ...]]:
        """Users and the lecture, in the root's database: (the lecture's id, passwords of PARTS)."""
        codes = {site.level: site.venue.code for site in sites}
        passwords = tuple(new_password() for _ in PARTS)
        for part, password in zip(PARTS, passwords, strict=True):
            hashed = await root.passwords.hash(password)
            place = await root.venues.by_code(codes[part.level])
            try:
                await root.users.add(User(name=part.name, role=part.role, venue_id=place.id, password_hash=hashed))
            except UserExists:  # the folder of an earlier demonstration
                await root.users.change(part.name, password_hash=hashed)
        for old in await root.lectures.list():
            if old.state is LectureState.LIVE:
                await root.lectures.stop(old.id)
        lecture = await root.lectures.create(TITLE, root.require_venue().id)
        await root.lectures.start(lecture.id)
        return lecture.id, passwords

    async def _enrol(self, parent: Node, parent_site: Site, site: Site) -> None:
        """As two people would do it: a one-time token from the parent's database, a new key, the parent's API."""
        data_dir = Path(site.settings.node.data_dir)
        if identity_file.load(data_dir) is not None:  # the folder of an earlier demonstration
            return
        await self._until(f"the tree at the {parent_site.level} node", lambda: _has_venue(parent, site.venue.code))
        place = await parent.venues.by_code(site.venue.code)
        token = await parent.enrolment.issue(place.id, dt.timedelta(minutes=5))
        identity_file.save(data_dir, await enrol_at(parent_site.url, token))
        self._say(f"{site.venue.name} is enrolled at {parent_site.venue.name}.")

    async def _token(self, node: Node, kind: TokenKind, lecture: str | None) -> str:
        await node.look()
        return await node.tokens.issue(kind, "demo", node.require_venue().id, lecture, ttl=_TOKEN_LIFE)

    async def _until(self, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
        self._waiting_for = what
        while not await condition():  # it happens in other processes: nobody would wake us
            for child in self._servers + self._publishers:
                child.check()
            await asyncio.sleep(0.05)

    async def watch(self, stop: asyncio.Event) -> None:
        """Until `stop`: tell of a process that ends meanwhile, and go on without it."""
        endings = {asyncio.create_task(child.ended()): child for child in self._servers + self._publishers}
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stopped.done():
                await asyncio.wait({stopped, *endings}, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in endings if task.done()]:
                    child = endings.pop(task)
                    with contextlib.suppress(ProcessEnded):
                        child.check()
                    self._say(f"The {child.name} has stopped (status {task.result()}). To start it again:")
                    self._say(f"  {child.again}")
        finally:
            for task in (stopped, *endings):
                task.cancel()

    async def stop(self) -> None:
        """The publisher first, so that it can take its leave; then all nodes at once."""
        for group in (self._publishers, self._servers):
            await asyncio.gather(*(child.stop() for child in group))


async def _unless(stop: asyncio.Event, task: asyncio.Task[Show]) -> bool:
    """Whether the task was done (or has failed: its exception is raised) before `stop`; else it is cancelled."""
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.done()
    finally:
        for each in (task, stopped):
            each.cancel()
        await asyncio.wait({task, stopped})


@contextlib.contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted
    else:
        with tempfile.TemporaryDirectory(prefix="tongtang-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)


async def _answers(http: aiohttp.ClientSession, site: Site) -> bool:
    try:
        async with http.get(f"{site.url}/healthz", timeout=aiohttp.ClientTimeout(total=2)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _has_venue(node: Node, code: str) -> bool:
    try:
        await node.venues.by_code(code)
    except TongtangError:
        return False
    return True


async def _knows(node: Node, lecture: str) -> bool:
    found = await node.lectures.get(lecture)
    return found is not None and found.state is LectureState.LIVE


async def _is_equipped(village: Node) -> bool:
    await village.look()
    if village.venue is None or await village.users.get("operator") is None:
        return False
    return await village.people.export(village.venue.id) != []


async def _are_connected(root: Node, sites: tuple[Site, ...]) -> bool:
    ids = [(await root.venues.by_code(site.venue.code)).id for site in sites]
    statuses = await root.health.statuses(ids)
    return all(statuses[each].presence is Presence.CONNECTED for each in ids)
