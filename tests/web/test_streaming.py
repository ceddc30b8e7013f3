"""What the node does to its media sessions when a lecture ends, a user is disabled or a node is revoked."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broadcast import Answer
from tests.broadcast.peers import publishing, until
from tests.web.nodes import add_user, client, plant, serving, settings
from venues.tokens import TokenKind
from web.app import Server
from web.node import Node
from web.policy import Role
from web.streaming import Streaming, own_addresses, path_at


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    media = {"host": "127.0.0.1", "udp_port": 0}
    async with serving(Node(settings(tmp_path, media=media), make_relay=Streaming)) as server:
        await plant(server.node)
        yield server


async def whip(server: Server, subject: str, lecture: str, offer: str) -> Answer:
    """By HTTP, as `subject`."""
    node = server.node
    token = await node.tokens.issue(
        TokenKind.PUBLISH, subject, node.require_venue().id, lecture, ttl=dt.timedelta(hours=1)
    )
    async with client(server.url) as caller:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        url = f"{server.url}/whip/{lecture}"
        async with caller.session.post(url, data=offer, headers=headers) as response:
            assert response.status == 201, await response.text()
            return Answer(sdp=await response.text(), session=response.headers["Location"], etag="")


async def test_the_end_of_a_lecture_ends_its_sessions(server: Server) -> None:
    node = server.node
    lecture = await node.lectures.create("lecture", node.require_venue().id)
    await node.lectures.start(lecture.id)
    async with publishing(lambda offer: whip(server, "somebody", lecture.id, offer)) as peer:
        await until(lambda: node.relay.status(lecture.id).live)
        await node.lectures.stop(lecture.id)
        node.changes.notify()
        await until(lambda: not node.relay.status(lecture.id).fed)
        await until(lambda: peer.connectionState == "closed")


async def test_a_disabled_user_is_off_the_air(server: Server) -> None:
    node = server.node
    lecture = await node.lectures.create("lecture", node.require_venue().id)
    await node.lectures.start(lecture.id)
    await add_user(node, "wang", Role.LECTURER, node.require_venue().id)
    async with publishing(lambda offer: whip(server, "wang", lecture.id, offer)):
        await until(lambda: node.relay.status(lecture.id).live)
        await node.users.change("wang", disabled=True)
        node.changes.notify()
        await until(lambda: not node.relay.status(lecture.id).fed)


def test_addresses_that_are_announced() -> None:
    assert own_addresses("192.0.2.7") == ["192.0.2.7"]
    found = own_addresses("0.0.0.0")
    assert "127.0.0.1" in found
    assert not any(address.startswith("127.") for address in found[:-1])


def test_what_another_parent_gave_is_not_asked_of_this_one() -> None:
    """The bearer of one parent is nobody else's business, and a session of one parent means nothing to the next."""
    assert path_at("http://192.0.2.1:8600", "/whep/1") == "/whep/1"
    assert path_at("http://192.0.2.1:8600", "http://192.0.2.1:8600/session/1?a=%2F") == "/session/1?a=%2F"
    assert path_at("https://node.example/up", "https://node.example/up/session/1") == "/session/1"
    assert path_at("https://node.example/up", "https://node.example/session/1") == "/session/1"
    for url in ("http://192.0.2.1/session/1", "http://192.0.2.1:86001/1", "ftp:/session/1", "//192.0.2.9/1", "x", ""):
        with pytest.raises(ConnectionError, match="another parent"):
            path_at("http://192.0.2.1:8600", url)
