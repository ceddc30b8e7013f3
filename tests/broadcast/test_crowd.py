"""Many viewers at once: those who do not read and strangers who shout cost the others nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from bench.load import AUDIO_SSRC, DELTA, KEYFRAME, VIDEO_SSRC, RawPublisher, raw_publishing
from bench.viewers import CountingViewer, client_port
from broadcast import Relay
from broadcast.dtls import Certificate
from tests.broadcast.peers import LECTURE, relaying, until


@asynccontextmanager
async def crowd(relay: Relay, publisher: RawPublisher, count: int) -> AsyncIterator[list[CountingViewer]]:
    """Viewers that are connected and have caught up: every further packet is for all of them."""
    certificate = Certificate(dt.datetime.now(dt.UTC))
    publisher.send(VIDEO_SSRC, 0, [KEYFRAME + b"start"])
    await until(lambda: relay.status(LECTURE).picture)
    viewers = [CountingViewer() for _ in range(count)]
    ports = [client_port("127.0.0.1") for _ in viewers]
    try:
        for viewer, port in zip(viewers, ports, strict=True):
            await viewer.join(port, certificate, partial(relay.whep, LECTURE))
        await until(lambda: all(viewer.packets == 1 for viewer in viewers))
        yield viewers
    finally:
        for port in ports:
            port.close()


async def send(publisher: RawPublisher, frames: int) -> int:
    """A frame of five packets and a sound each 5 ms; how many packets that makes."""
    for number in range(frames):
        publisher.send(VIDEO_SSRC, number * 3000, [DELTA + bytes(1000)] * 5)
        publisher.send(AUDIO_SSRC, number * 960, [bytes(100)])
        await asyncio.sleep(0.005)
    return 6 * frames


async def test_five_viewers_that_read_nothing_do_not_delay_twenty_good_ones() -> None:
    async with (
        relaying() as relay,
        raw_publishing(relay, partial(relay.whip, LECTURE)) as publisher,
        crowd(relay, publisher, 25) as viewers,
    ):
        good, deaf = viewers[:20], viewers[20:]
        for viewer in deaf:
            assert viewer.port is not None
            asyncio.get_running_loop().remove_reader(viewer.port.socket)
            viewer.port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sent = await send(publisher, 200)
        await until(lambda: all(viewer.packets == 1 + sent for viewer in good))
        assert relay.stream(LECTURE).sender.dropped == 0


async def test_ten_thousand_junk_datagrams_a_second_cost_the_viewers_no_packet() -> None:
    async with (
        relaying() as relay,
        raw_publishing(relay, partial(relay.whip, LECTURE)) as publisher,
        crowd(relay, publisher, 10) as viewers,
    ):
        chance = random.Random(1)
        stun = b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x00\x06\x00\x04a:bc"
        junk = [stun, *(chance.randbytes(chance.randrange(1, 1200)) for _ in range(200))]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            sending = asyncio.create_task(send(publisher, 200))
            shouted = 0
            while not sending.done():
                for _ in range(50):
                    stranger.sendto(chance.choice(junk), ("127.0.0.1", relay.udp_port))
                    shouted += 1
                await asyncio.sleep(0.004)
            sent = await sending
        await until(lambda: all(viewer.packets >= 1 + sent * 0.99 for viewer in viewers))
        assert shouted > 5000
