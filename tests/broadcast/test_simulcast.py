"""Simulcast through real relays: rungs told apart by RID, viewers moved between them, nodes pull what is needed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import pairwise

import pytest

from bench.dial import dial
from broadcast import Pin, Relay, Uplinks, rtp
from broadcast.negotiate import offer_view
from broadcast.peer import Peer, PeerState
from broadcast.rtcp import ReportBlock, SenderReport, nack, parse, pli, receiver_report
from broadcast.rtp import difference
from broadcast.sdp import Section
from broadcast.vp8 import ids_of
from tests.broadcast.lossy import lossy
from tests.broadcast.peers import LECTURE, pulling, relaying, until
from tests.broadcast.simulcast import Simulcast, simulcasting


class Watcher:
    """A viewer with one track of picture that keeps every packet, in the order in which it came."""

    takes_rtp = True

    def __init__(self) -> None:
        self.peer: Peer | None = None
        self.video: list[rtp.Packet] = []
        self.again: list[rtp.Packet] = []
        self.sounds = 0
        self.clocks: dict[int, SenderReport] = {}

    def on_connected(self, now: float) -> None: ...

    def on_moved(self) -> None: ...

    def on_closed(self, reason: str) -> None: ...

    def on_rtp(self, data: bytes, now: float) -> None:
        packet = rtp.parse(data)
        if packet.payload_type == 96:
            self.video.append(packet)
        elif packet.payload_type == 97:
            self.again.append(packet)
        else:
            self.sounds += 1

    def on_rtcp(self, data: bytes, now: float) -> None:
        self.clocks |= {m.ssrc: m for m in parse(data) if isinstance(m, SenderReport)}

    @property
    def rung(self) -> str:
        """Which one the newest packet belongs to."""
        return self.shows(self.video[-1]) if self.video else ""

    @staticmethod
    def shows(packet: rtp.Packet) -> str:
        frame = packet.payload[5:]
        return (frame[10:11] if is_keyframe(packet) else frame[1:2]).decode()


def is_keyframe(packet: rtp.Packet) -> bool:
    return packet.payload[0] == 0x90 and packet.payload[5] == 0


@asynccontextmanager
async def watching(relay: Relay) -> AsyncIterator[Watcher]:
    watcher, port = Watcher(), relay.open_port()
    try:
        sections = [Section(s.kind, s.mid, "recvonly", s.formats, ()) for s in offer_view()]
        watcher.peer = await dial(port, relay.certificate, watcher, sections, partial(relay.whep, LECTURE))
        yield watcher
    finally:
        relay.close_port(port)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with relaying() as relay:
        yield relay


@pytest.fixture
async def publisher(relay: Relay) -> AsyncIterator[Simulcast]:
    async with simulcasting(relay, partial(relay.whip, LECTURE)) as publisher:
        await until(lambda: len(relay.stream(LECTURE).ladder.order or ()) == 3)
        yield publisher


def is_continuous(packets: list[rtp.Packet]) -> bool:
    """One SSRC, and each packet the number after the one before; time never runs back, no frame is missing."""
    pairs = list(pairwise(packets))
    frames = [ids_of(packet.payload).picture or 0 for packet in packets]
    return (
        len({p.ssrc for p in packets}) == 1
        and all(difference(b.sequence, a.sequence) == 1 for a, b in pairs)
        and all(difference(b.timestamp, a.timestamp, 32) >= 0 for a, b in pairs)
        and all(after - before & 0x7FFF in (0, 1) for before, after in pairwise(frames))
    )


async def test_a_pinned_rung_is_shown_from_its_next_keyframe_on_and_nothing_tells_that_it_is_another(
    relay: Relay, publisher: Simulcast
) -> None:
    async with watching(relay) as screen:
        await until(lambda: screen.rung == "h")
        for pin, rid in ((Pin.LOWEST, "q"), (Pin.MIDDLE, "m"), (Pin.HIGHEST, "h"), (Pin.LOWEST, "q")):
            relay.set_pin(pin)
            await until(lambda rid=rid: screen.rung == rid)
        begun = len(screen.video)
        await until(lambda: len(screen.video) > begun + 20)
        assert is_continuous(screen.video)
        for before, packet in pairwise(screen.video):
            if screen.shows(before) != screen.shows(packet):
                assert is_keyframe(packet)
                # The publisher's moments are 1,800 apart on every rung, however its rungs count.
                assert abs(difference(packet.timestamp, before.timestamp, 32) - 1800) <= 1800


async def test_without_a_picture_sound_goes_on_and_the_picture_comes_back_in_the_same_session(
    relay: Relay, publisher: Simulcast
) -> None:
    async with watching(relay) as screen:
        await until(lambda: screen.rung == "h")
        relay.set_pin(Pin.SOUND)
        seen, heard = len(screen.video), screen.sounds
        await until(lambda: screen.sounds > heard + 50)
        assert len(screen.video) <= seen + 30  # what was on its way
        relay.set_pin(Pin.AUTO)
        seen = len(screen.video)
        await until(lambda: len(screen.video) > seen + 10)
        assert is_continuous(screen.video)
        assert screen.peer is not None
        assert screen.peer.state is PeerState.CONNECTED


async def test_what_was_lost_before_a_move_is_sent_again_after_it(relay: Relay, publisher: Simulcast) -> None:
    async with watching(relay) as screen:
        await until(lambda: screen.rung == "h")
        relay.set_pin(Pin.LOWEST)
        await until(lambda: screen.rung == "q")
        first = next(n for n, packet in enumerate(screen.video) if screen.shows(packet) == "q")
        lost = screen.video[first - 1], screen.video[first]
        assert screen.peer is not None
        screen.peer.send_rtcp(nack(1, lost[0].ssrc, [packet.sequence for packet in lost]))
        await until(lambda: len(screen.again) == 2)
        repaired = [rtp.unwrap_rtx(packet, 96, lost[0].ssrc) for packet in screen.again]
        assert [(p.sequence, p.timestamp, p.payload) for p in repaired if p] == [
            (p.sequence, p.timestamp, p.payload) for p in lost
        ]


async def test_viewers_who_move_together_stay_one_group(relay: Relay, publisher: Simulcast) -> None:
    async with watching(relay) as one, watching(relay) as two:
        await until(lambda: one.rung == two.rung == "h")
        for pin, rid in ((Pin.LOWEST, "q"), (Pin.HIGHEST, "h")):
            relay.set_pin(pin)
            await until(lambda rid=rid: one.rung == two.rung == rid)
        groups = {id(leg.group) for viewer in relay.stream(LECTURE).viewers for leg in viewer.legs if leg.is_picture}
        assert len(groups) == 1


async def test_a_rung_that_the_publisher_gives_up_leaves_its_viewers_one_lower(
    relay: Relay, publisher: Simulcast
) -> None:
    async with watching(relay) as screen:
        await until(lambda: screen.rung == "h")
        publisher.silent.add("h")
        await until(lambda: screen.rung == "m")
        publisher.silent.clear()
        publisher.asked["h"] = 1
        await until(lambda: screen.rung == "h")
        assert is_continuous(screen.video)


async def test_keyframes_are_asked_for_on_the_rung_that_is_watched(relay: Relay, publisher: Simulcast) -> None:
    async with watching(relay) as screen:
        await until(lambda: screen.rung == "h")
        relay.set_pin(Pin.MIDDLE)
        await until(lambda: screen.rung == "m")
        before = dict(publisher.requests)
        assert screen.peer is not None
        screen.peer.send_rtcp(pli(1, screen.video[-1].ssrc))
        await until(lambda: publisher.requests["m"] > before["m"])
        assert publisher.requests["h"] == before["h"]
        assert publisher.requests["q"] == before["q"]


class Clock:
    """A relay's; it can be made to run faster once all are connected."""

    def __init__(self) -> None:
        self._at = self._since = time.monotonic()
        self._speed = 1.0

    def __call__(self) -> float:
        return self._at + (time.monotonic() - self._since) * self._speed

    def run(self, speed: float) -> None:
        self._at, self._since, self._speed = self(), time.monotonic(), speed


class Reporter:
    """Reports that so great a part of the picture was lost, again and again, until it is cancelled."""

    def __init__(self, screen: Watcher) -> None:
        self.loss = 0.0
        self._screen = screen

    async def run(self) -> None:
        screen, highest, lost = self._screen, 0, 0
        assert screen.peer is not None
        while True:
            highest, lost = highest + 100, lost + int(100 * self.loss)
            block = ReportBlock(screen.video[0].ssrc, int(self.loss * 255), lost, highest, 0, 0, 0)
            screen.peer.send_rtcp(receiver_report(1, [block]))
            await asyncio.sleep(0.05)


async def test_a_viewer_who_reports_loss_goes_down_to_sound_alone_and_has_a_picture_again_when_it_ends() -> None:
    async with AsyncExitStack() as stack:
        clock = Clock()
        relay = await stack.enter_async_context(relaying(clock=clock))
        await stack.enter_async_context(simulcasting(relay, partial(relay.whip, LECTURE)))
        await until(lambda: len(relay.stream(LECTURE).ladder.order or ()) == 3)
        screen = await stack.enter_async_context(watching(relay))
        await until(lambda: screen.rung == "h")
        reporter = Reporter(screen)
        running = asyncio.create_task(reporter.run())
        try:
            (viewer,) = relay.stream(LECTURE).viewers
            clock.run(6)
            reporter.loss = 0.6
            await until(lambda: screen.rung in ("m", "q"))
            await until(lambda: viewer.shown.rung is None)
            heard = screen.sounds
            await until(lambda: screen.sounds > heard + 10)
            reporter.loss = 0.0
            seen = len(screen.video)
            await until(lambda: viewer.shown.rung is not None and len(screen.video) > seen + 5)
            assert is_continuous(screen.video)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_what_a_nodes_link_cannot_carry_is_pulled_no_more() -> None:
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(relaying())
        await stack.enter_async_context(simulcasting(relay, partial(relay.whip, LECTURE)))
        link, ask = await stack.enter_async_context(lossy(relay, seed=1, loss=0.0))
        clock = Clock()
        child = await stack.enter_async_context(relaying(linger_s=0.2, clock=clock))
        uplinks = Uplinks(child, ask, chance=random.Random(1).random)
        uplinks.follow({LECTURE})
        stack.push_async_callback(uplinks.stop)
        await until(lambda: child.stream(LECTURE).ladder.order == (0, 1, 2))
        screen = await stack.enter_async_context(watching(child))
        await until(lambda: screen.rung == "h")
        clock.run(3)
        link.lose(0.3)
        await until(lambda: screen.rung in ("q", "m"))
        assert len(child.stream(LECTURE).ladder.order or ()) < 3
        link.lose(0.0)
        heard = screen.sounds
        await until(lambda: screen.sounds > heard + 10)


def flows(relay: Relay) -> Callable[[], set[int]]:
    """The rungs of which packets have come since this was asked for the last time."""
    tracks = [relay.stream(LECTURE).track("video", rung) for rung in range(4)]
    before = [track.octets for track in tracks]

    def asked() -> set[int]:
        nonlocal before
        now = [track.octets for track in tracks]
        found = {rung for rung in range(4) if now[rung] != before[rung]}
        before = now
        return found

    return asked


async def come_to(relay: Relay, rungs: set[int]) -> None:
    """Until exactly these rungs of the picture have flowed there for a while."""
    async with asyncio.timeout(20):
        flow, same = flows(relay), 0
        while same < 4:
            await asyncio.sleep(0.1)
            same = same + 1 if flow() == rungs else 0


async def test_nodes_pull_the_rungs_that_somebody_below_them_needs(relay: Relay, publisher: Simulcast) -> None:
    async with AsyncExitStack() as stack:
        nodes = [relay] + [await stack.enter_async_context(relaying(linger_s=0.2)) for _ in range(3)]
        for child, parent in zip(nodes[1:], nodes, strict=False):
            await stack.enter_async_context(pulling(child, lambda parent=parent: parent))
        village = nodes[3]
        await until(lambda: village.stream(LECTURE).ladder.order == (0, 1, 2))
        await come_to(village, set())  # nobody watches: sound alone
        assert village.status(LECTURE).picture
        assert village.status(LECTURE).sound
        screen = await stack.enter_async_context(watching(village))
        await until(lambda: screen.rung == "h")
        await come_to(nodes[1], {2})
        village.set_pin(Pin.LOWEST)
        await until(lambda: screen.rung == "q")
        other = await stack.enter_async_context(watching(nodes[2]))
        await until(lambda: other.rung == "h")
        await come_to(village, {0})
        await come_to(nodes[1], {0, 2})
        assert is_continuous(screen.video)
        assert village.stream(LECTURE).ladder.size(2) == (1280, 720)
