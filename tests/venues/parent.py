"""A small parent node, written by hand on our own Enrolment, Health and Collections, on a real socket."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.venues.world import CITY, COUNTY, LEVELS, Clock, Entropy, rows
from venues import (
    Changes,
    Collections,
    Database,
    Enrolment,
    Grant,
    Health,
    Identity,
    NodeKey,
    TokenStore,
    TongtangError,
    VenueStore,
    enrol,
    format_time,
    parse_heartbeat,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Parent:
    """The province's node, with the small tree. `ahead` is how far its clock is ahead of the test's."""

    def __init__(self, db: Database, clock: Clock) -> None:
        entropy = Entropy()
        self.ahead = dt.timedelta(0)
        self.venues = VenueStore(db)
        self.tokens = TokenStore(db, clock, entropy)
        self.enrolment = Enrolment(db, clock, entropy, self.tokens)
        self.health = Health(db, clock, 35)
        self.changes = Changes()
        self.collections = Collections([self.venues], self.changes)
        self.requests: list[str] = []  # every path that was asked for
        self.languages: set[str] = set()  # in which it was asked to answer
        self.failing: dict[str, web.Response] = {}  # path → what to answer instead
        self._clock = clock
        self._server: TestServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def prepare(self) -> None:
        await self.venues.import_rows(rows(), LEVELS)

    async def start(self) -> None:
        """Listen; after a `stop`, on the same port again."""
        app = web.Application(middlewares=[self._edge])
        app.router.add_post("/api/node/enrol", self._enrol)
        app.router.add_post("/api/node/challenge", self._challenge)
        app.router.add_post("/api/node/token", self._token)
        app.router.add_post("/api/node/heartbeat", self._heartbeat)
        app.router.add_get("/api/node/changes", self._poll)
        app.router.add_get("/api/node/collections/{name}", self._collection)
        app.router.add_route("*", "/api/echo", self._echo)
        self._server = TestServer(app, host="127.0.0.1", port=self._port)
        await self._server.start_server(shutdown_timeout=0.1)
        assert self._server.port is not None
        self._port = self._server.port

    async def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            await server.close()

    async def make_node(self, venue_id: int = CITY, seed: int = 1) -> Identity:
        """A node enrolled over the socket."""
        key = NodeKey.make(bytes([seed] * 32))
        token = await self.enrolment.issue(venue_id, dt.timedelta(hours=1))
        result = await enrol(self.url, token, key)
        return Identity(node_id=result.node_id, venue_id=result.venue_id, venue_code=result.venue_code, key=key)

    def asked(self, path: str) -> int:
        return self.requests.count(path)

    @web.middleware
    async def _edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(request.path)
        self.languages.add(request.headers.get("Accept-Language", ""))
        if request.path in self.failing:
            canned = self.failing[request.path]
            return web.Response(status=canned.status, body=canned.body)
        try:
            return await handler(request)
        except TongtangError as error:
            return failure(error.status, error.code, error.message)

    async def _grant(self, request: web.Request) -> Grant:
        grant = await self.tokens.check(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if grant is None:
            raise Unauthorized
        return grant

    async def _enrol(self, request: web.Request) -> web.Response:
        record = await self.enrolment.enrol(**await request.json())
        venue = await self.venues.get(record.venue_id)
        body = {"node": record.id, "venue": venue.id, "venue_code": venue.code, "venue_name": venue.name}
        return web.json_response(body, status=201)

    async def _challenge(self, request: web.Request) -> web.Response:
        return web.json_response({"nonce": await self.enrolment.challenge((await request.json())["node"])})

    async def _token(self, request: web.Request) -> web.Response:
        body = await request.json()
        token, life_s = await self.enrolment.bearer(body["node"], body["nonce"], body["signature"])
        return web.json_response({"token": token, "expires_in": life_s})

    async def _heartbeat(self, request: web.Request) -> web.Response:
        grant = await self._grant(request)
        beat = parse_heartbeat(await request.json())
        ack = await self.health.heard(grant.venue_id, beat.report, beat.below, base=beat.revision_base)
        nodes_ack, _ = await self.enrolment.take(grant.subject, beat.nodes_base, beat.nodes)
        at = format_time(self._clock() + self.ahead)
        return web.json_response({"received_at": at, "sent_at": at, "ack": ack, "nodes_ack": nodes_ack})

    async def _poll(self, request: web.Request) -> web.Response:
        grant = await self._grant(request)
        versions = await self.collections.await_change(grant.venue_id, dict(request.query), 5)
        return web.json_response({"versions": versions})

    async def _collection(self, request: web.Request) -> web.Response:
        grant = await self._grant(request)
        wanted = self.collections.get(request.match_info["name"])
        version, content = await wanted.version(grant.venue_id), await wanted.export(grant.venue_id)
        return web.json_response({"version": version, "content": content})

    async def _echo(self, request: web.Request) -> web.Response:
        grant = await self._grant(request)
        said = f"{request.method} {request.headers.get('X-Test', '')} {await request.text()}"
        return web.Response(status=418, text=said, headers={"X-Subject": grant.subject})


class Unauthorized(TongtangError):
    """Sign in first."""

    code = "unauthorized"
    status = 401


def failure(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


async def until(condition: Callable[[], bool | Awaitable[bool]], timeout: float = 30.0) -> None:
    """Wait for it, looking every 10 ms."""
    async with asyncio.timeout(timeout):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.01)


__all__ = ["CITY", "COUNTY", "Parent", "failure", "until"]
