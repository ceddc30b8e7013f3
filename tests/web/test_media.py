"""The media door beyond what the standards say; tests/conformance has their lines."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broadcast import Answer, NothingLive
from tests.web.nodes import HIGH, Client, cheap, client, make_node, plant, serving, settings
from venues.settings import IceServer
from venues.tokens import TokenKind
from web.app import Server
from web.media import ice_links
from web.node import Node
from web.relays import NoRelay


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(make_node(tmp_path)) as server:
        await plant(server.node)
        yield server


async def caller_of(server: Server, kind: TokenKind, lecture: str) -> str:
    venue = server.node.require_venue().id
    return await server.node.tokens.issue(kind, "somebody", venue, lecture, ttl=dt.timedelta(hours=1))


async def offer(caller: Client, path: str) -> object:
    answer = await caller("POST", path, data=b"v=0", headers={"Content-Type": "application/sdp"})
    return answer.status, answer.code


async def test_nothing_is_published_to_a_lecture_that_is_over_or_unknown(server: Server) -> None:
    node = server.node
    lecture = await node.lectures.create("The lecture", node.require_venue().id)
    await node.lectures.start(lecture.id)
    await node.lectures.stop(lecture.id)
    for wanted, refusal in ((lecture.id, (410, "lecture_ended")), ("none", (404, "lecture_unknown"))):
        async with client(server.url, bearer=await caller_of(server, TokenKind.PUBLISH, wanted)) as caller:
            assert await offer(caller, f"/whip/{wanted}") == refusal


async def test_a_token_opens_its_own_lecture_only(server: Server) -> None:
    for kind, door in ((TokenKind.PUBLISH, "whip"), (TokenKind.VIEW, "whep")):
        async with client(server.url, bearer=await caller_of(server, kind, "mine")) as caller:
            assert await offer(caller, f"/{door}/other") == (403, "outside_subtree")


class LateRelay(NoRelay):
    """Nothing is on air until `live` is set; `asked` is set by whoever wants to watch before."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.live = False

    async def whep(self, lecture: str, offer: str, *, node: bool) -> Answer:
        if self.live:
            return Answer(sdp="v=0", session="s", etag="e")
        self.asked.set()
        raise NothingLive


async def test_who_asks_just_before_a_lecture_comes_on_air_is_let_in_when_it_does(tmp_path: Path) -> None:
    relay = LateRelay()
    node = Node(settings(tmp_path / "root"), make_relay=lambda node: relay, passwords=cheap(), attempt_limits=HIGH)
    async with serving(node) as server:
        await plant(node)
        await node.look()
        async with client(server.url, bearer=await caller_of(server, TokenKind.VIEW, "mine")) as caller:

            async def watch() -> int:
                headers = {"Content-Type": "application/sdp"}
                return (await caller("POST", "/whep/mine", data=b"v=0", headers=headers)).status

            asking = asyncio.create_task(watch())
            await relay.asked.wait()
            relay.live = True
            node.changes.notify()
            assert await asking == 201


async def test_other_sites_are_let_in_at_the_media_door_only(server: Server) -> None:
    headers = {"Origin": "https://player.example"}
    async with client(server.url) as caller:
        for path in ("/whip/x", "/whep/x", "/session/x"):
            assert (await caller("OPTIONS", path, headers=headers)).headers["Access-Control-Allow-Origin"] == "*"
        for path in ("/api/lectures", "/healthz", "/"):
            assert "Access-Control-Allow-Origin" not in (await caller("GET", path, headers=headers)).headers


async def test_saying_what_the_door_is_for_touches_no_store(server: Server) -> None:
    await server.node.db.close()
    async with client(server.url, bearer="anything") as caller:
        for method in ("GET", "HEAD", "OPTIONS"):
            assert (await caller(method, "/whep/x")).status == 200


def test_ice_links_quote_what_needs_it() -> None:
    servers = (
        IceServer(url="stun:a.example"),
        IceServer(url="turn:b.example", username="u", credential='back\\slash "quoted"'),
    )
    assert ice_links(servers) == [
        '<stun:a.example>; rel="ice-server"',
        '<turn:b.example>; rel="ice-server"; username="u"; '
        r'credential="back\\slash \"quoted\""; credential-type="password"',
    ]
