"""What our own client owes a WHEP server: a node that pulls from its parent (broadcast.uplink).

The publisher's part (broadcast.publisher, the pages' whip.js) is in tests/broadcast/test_publisher.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web as http
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from broadcast import UplinkState
from tests.broadcast.peers import LECTURE, publishing, until
from tests.conformance.parents import Parent, child_of, parenting


@pytest.fixture
async def door(folder: Path) -> AsyncIterator[tuple[Parent, str]]:
    """A parent with the lecture on air, and its URL."""
    async with parenting() as (parent, base), publishing(partial(parent.relay.whip, LECTURE)):
        await until(lambda: parent.relay.status(LECTURE).live)
        yield parent, base


async def test_the_uplink_posts_one_offer_and_nothing_more_is_patched(door: tuple[Parent, str]) -> None:
    """One aggregated PATCH at most: none at all, since the offer is complete and the parent has all it needs."""
    parent, base = door
    async with child_of(base) as (relay, _):
        await until(lambda: relay.status(LECTURE).live)
        assert parent.seen == [("POST", f"/whep/{LECTURE}", "application/sdp")]


async def test_the_uplink_deletes_its_session_at_shutdown(door: tuple[Parent, str]) -> None:
    parent, base = door
    async with child_of(base) as (relay, _):
        await until(lambda: relay.status(LECTURE).live)
    assert parent.count("DELETE", "/session/") == 1


async def test_the_uplink_deletes_its_session_when_the_lecture_is_no_longer_followed(door: tuple[Parent, str]) -> None:
    parent, base = door
    async with child_of(base) as (relay, uplinks):
        await until(lambda: relay.status(LECTURE).live)
        uplinks.follow(set())
        await until(lambda: parent.count("DELETE", "/session/") == 1)


async def test_the_uplink_follows_307(door: tuple[Parent, str]) -> None:
    parent, base = door
    parent.script = [http.Response(status=307, headers={"Location": f"/elsewhere/whep/{LECTURE}"})]
    async with child_of(base) as (relay, _):
        await until(lambda: relay.status(LECTURE).live)
        assert [seen[1] for seen in parent.seen] == [f"/whep/{LECTURE}", f"/elsewhere/whep/{LECTURE}"]


@pytest.mark.parametrize("status", [204, 299, 302, 400, 404, 418, 429, 499, 500, 503, 599])
async def test_the_uplink_takes_an_unknown_status_by_its_class_and_asks_again(
    door: tuple[Parent, str], status: int
) -> None:
    parent, base = door
    parent.script = [http.Response(status=status)]
    async with child_of(base) as (relay, uplinks):
        await until(lambda: relay.status(LECTURE).live)
        await until(lambda: uplinks.state(LECTURE) is UplinkState.CONNECTED)
    assert parent.count("POST") == 2


async def test_the_uplink_survives_an_answer_that_cannot_be_read(door: tuple[Parent, str]) -> None:
    parent, base = door
    for body in ("", "hello", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"):
        headers = {"Location": "/session/none"}
        parent.script.append(http.Response(status=201, text=body, content_type="application/sdp", headers=headers))
        parent.script.append(http.Response(status=404))  # its DELETE
    async with child_of(base) as (relay, _):
        await until(lambda: relay.status(LECTURE).live)


async def test_e1_the_uplink_waits_as_long_as_a_409_says(door: tuple[Parent, str]) -> None:
    parent, base = door
    parent.script = [http.Response(status=409, headers={"Retry-After": "1"})]
    async with child_of(base) as (relay, uplinks):
        await until(lambda: uplinks.state(LECTURE) is UplinkState.NOTHING_LIVE)
        await until(lambda: relay.status(LECTURE).live)
    first, second = parent.posted_at
    assert second - first >= 1.0


async def test_e1_news_from_the_parent_end_the_wait(door: tuple[Parent, str]) -> None:
    parent, base = door
    parent.script = [http.Response(status=409, headers={"Retry-After": "3600"})]
    async with child_of(base) as (relay, uplinks):
        await until(lambda: uplinks.state(LECTURE) is UplinkState.NOTHING_LIVE)
        uplinks.wake()
        await until(lambda: relay.status(LECTURE).live)


async def test_e2_the_uplink_answers_a_counter_offer(door: tuple[Parent, str]) -> None:
    """draft-ietf-wish-whep §4.2: 406 with the server's own offer and Location; PATCH with the answer; 204."""
    parent, base = door
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        for kind in ("audio", "video"):
            peer.addTransceiver(kind, direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        headers = {"Location": "/session/counter", "ETag": '"counter"'}
        offer = peer.localDescription.sdp
        parent.script = [
            http.Response(status=406, text=offer, content_type="application/sdp", headers=headers),
            http.Response(status=204),
        ]
        async with child_of(base):
            await until(lambda: len(parent.seen) > 1)
            assert parent.seen[1] == ("PATCH", "/session/counter", "application/sdp")
            assert parent.matched[1] == '"counter"'
            await peer.setRemoteDescription(RTCSessionDescription(sdp=parent.bodies[1], type="answer"))
            await until(lambda: peer.connectionState == "connected")
    finally:
        await peer.close()


async def test_a_location_is_relative_to_what_was_asked(door: tuple[Parent, str]) -> None:
    """RFC 9725 §4.2 and RFC 9110 §10.2.2: the session's URL may be relative; DELETE goes there."""
    parent, base = door
    parent.relative = True
    async with child_of(base) as (relay, _):
        await until(lambda: relay.status(LECTURE).live)
    assert parent.count("DELETE", "/whep/session/") == 1
