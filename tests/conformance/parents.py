"""A parent as a child's uplink meets it: HTTP between, and first whatever answers a test has written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web as http
from aiohttp.test_utils import TestServer
from yarl import URL

from broadcast import Relay, Reply, Uplinks
from tests.broadcast.peers import LECTURE, relaying
from venues.errors import TongtangError


class Parent:
    """`script` answers the first requests; then the relay does. `seen` holds (method, path, content type)."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.script: list[http.Response] = []
        self.seen: list[tuple[str, str, str]] = []
        self.bodies: list[str] = []
        self.relative = False  # whether a session's Location is a relative reference
        self.matched: list[str] = []  # If-Match
        self.posted_at: list[float] = []

    async def handle(self, request: http.Request) -> http.Response:
        self.seen.append((request.method, request.path, request.content_type))
        body = await request.text()
        self.bodies.append(body)
        self.matched.append(request.headers.get("If-Match", ""))
        if request.method == "POST":
            self.posted_at.append(asyncio.get_running_loop().time())
        if self.script:
            return self.script.pop(0)
        try:
            return await self._serve(request, body)
        except TongtangError as error:
            return http.Response(status=error.status, headers={"Retry-After": "1"})

    async def _serve(self, request: http.Request, body: str) -> http.Response:
        match request.method, request.path.split("/")[1:]:
            case "POST", [*_, "whep", lecture]:
                answer = await self.relay.whep(lecture, body, node=True)
                place = "session/" if self.relative else "/session/"
                headers = {"Location": place + answer.session, "ETag": f'"{answer.etag}"'}
                return http.Response(status=201, text=answer.sdp, content_type="application/sdp", headers=headers)
            case "DELETE", [*_, "session", session]:
                self.relay.delete(session)
                return http.Response()
        return http.Response(status=405)

    def count(self, method: str, start: str = "/") -> int:
        return sum(seen[0] == method and seen[1].startswith(start) for seen in self.seen)


@asynccontextmanager
async def parenting() -> AsyncIterator[tuple[Parent, str]]:
    """The parent and its base URL."""
    async with relaying() as relay:
        parent = Parent(relay)
        application = http.Application()
        application.router.add_route("*", "/{anything:.*}", parent.handle)
        server = TestServer(application)
        await server.start_server()
        try:
            yield parent, str(server.make_url("/"))
        finally:
            await server.close()


@asynccontextmanager
async def child_of(base: str) -> AsyncIterator[tuple[Relay, Uplinks]]:
    """A child's relay and its uplinks, which pull the lecture without any random part of their waits."""
    async with aiohttp.ClientSession() as session, relaying() as relay:

        async def ask(method: str, path: str, *, body: str = "", content_type: str = "", if_match: str = "") -> Reply:
            async with session.request(
                method,
                URL(base).join(URL(path)),
                data=body.encode(),
                headers={n: v for n, v in (("Content-Type", content_type), ("If-Match", if_match)) if v},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=5),
            ) as response:
                return Reply(
                    status=response.status, headers=response.headers, body=await response.text(), url=str(response.url)
                )

        uplinks = Uplinks(relay, ask, chance=lambda: 0.0)
        uplinks.follow({LECTURE})
        try:
            yield relay, uplinks
        finally:
            await uplinks.stop()
