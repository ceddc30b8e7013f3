"""A publisher of a simulcast that sends any RTP you like on any rung, told apart by RID."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench.dial import dial
from bench.load import AUDIO_PT, AUDIO_SSRC, VIDEO_PT
from broadcast import Answer, Relay, rtp
from broadcast.negotiate import offer_view
from broadcast.peer import Peer, PeerState
from broadcast.rtcp import KeyframeRequest, SenderReport, parse, sender_report
from broadcast.sdp import Section
from broadcast.send import runs

RIDS = ("q", "m", "h")
SSRCS = {"q": 0x100, "m": 0x200, "h": 0x300}
SIZES = {"q": (320, 180), "m": (640, 360), "h": (1280, 720)}
BASES = {"q": 1000, "m": 500_000, "h": 0xFFFFF000}  # each rung has timestamps of its own, the last wraps soon
FIRST = {"q": 20_000, "m": 300, "h": 32_760}  # PictureID
_RID = 10


def head(rid: str, moment: int, *, first: bool) -> bytes:
    """The VP8 payload descriptor: PictureID of 15 bits and TL0PICIDX."""
    picture = FIRST[rid] + moment & 0x7FFF
    return struct.pack("!BBHB", 0x90 if first else 0x80, 0xC0, 0x8000 | picture, picture & 0xFF)


def keyframe(rid: str) -> bytes:
    """The beginning of a VP8 keyframe of this rung's size, with its name."""
    return b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", *SIZES[rid]) + rid.encode()


class Simulcast:
    """`frame()` sends one moment: a frame on each rung, 20 ms of sound; keyframes when asked for and each second."""

    takes_rtp = True

    def __init__(self) -> None:
        self.peer: Peer | None = None
        self.asked = dict.fromkeys(RIDS, 1)  # keyframes still to be sent
        self.requests = dict.fromkeys(RIDS, 0)
        self.silent: set[str] = set()
        self.moment = 0
        self._sequence = dict.fromkeys([*SSRCS.values(), AUDIO_SSRC], 65000)

    def on_connected(self, now: float) -> None: ...

    def on_rtp(self, data: bytes, now: float) -> None: ...

    def on_moved(self) -> None: ...

    def on_closed(self, reason: str) -> None: ...

    def on_rtcp(self, data: bytes, now: float) -> None:
        for message in parse(data):
            if isinstance(message, KeyframeRequest):
                for rid, ssrc in SSRCS.items():
                    if ssrc == message.ssrc:
                        self.requests[rid] += 1
                        self.asked[rid] = 1

    def frame(self) -> None:
        self.moment += 1
        self._send(AUDIO_PT, AUDIO_SSRC, self.moment * 960, [b"sound"], b"")
        for rid in RIDS:
            if rid in self.silent:
                continue
            key = self.asked[rid] or self.moment % 50 == 1
            frame = keyframe(rid) if key else b"\x01" + rid.encode()
            self.asked[rid] = 0
            more = head(rid, self.moment, first=False) + b"\x01" + rid.encode() + bytes(200)
            payloads = [head(rid, self.moment, first=True) + frame, *[more] * RIDS.index(rid)]
            extension = rtp.extension_block([(_RID, rid.encode())])
            self._send(VIDEO_PT, SSRCS[rid], self.timestamp(rid), payloads, extension)
        if self.moment % 25 == 1:
            self.report()

    def timestamp(self, rid: str) -> int:
        return BASES[rid] + self.moment * 1800 & 0xFFFFFFFF

    def report(self) -> None:
        """All rungs by one wall clock."""
        assert self.peer is not None
        ntp = (1000 << 32) + (self.moment << 32) // 50
        for rid, ssrc in SSRCS.items():
            self.peer.send_rtcp(sender_report(SenderReport(ssrc, ntp, self.timestamp(rid), 0, 0, ())))
        self.peer.send_rtcp(sender_report(SenderReport(AUDIO_SSRC, ntp, self.moment * 960, 0, 0, ())))

    def _send(self, payload_type: int, ssrc: int, timestamp: int, payloads: list[bytes], extension: bytes) -> None:
        packets = []
        for number, payload in enumerate(payloads):
            sequence = self._sequence[ssrc] = self._sequence[ssrc] + 1 & 0xFFFF
            last = number == len(payloads) - 1
            packets.append(rtp.build(payload_type, last, sequence, timestamp, ssrc, extension, payload))
        peer = self.peer
        assert peer is not None
        assert peer.way is not None
        for run in runs(packets):
            peer.sender.send(peer.way, run)

    async def run(self) -> None:
        while True:
            self.frame()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def simulcasting(own: Relay, whip: Callable[[str], Awaitable[Answer]]) -> AsyncIterator[Simulcast]:
    """Fifty moments a second until the end."""
    publisher = Simulcast()
    port = own.open_port()
    try:
        audio, video = offer_view()
        sections = [
            Section(audio.kind, audio.mid, "sendonly", audio.formats, ()),
            Section(video.kind, video.mid, "sendonly", video.formats, ((_RID, rtp.RID),), rids=RIDS),
        ]
        peer = publisher.peer = await dial(port, own.certificate, publisher, sections, whip)
        async with asyncio.timeout(20):
            while peer.state is not PeerState.CONNECTED:  # noqa: ASYNC110 (a peer has no event)
                await asyncio.sleep(0.01)
        running = asyncio.create_task(publisher.run())
        try:
            yield publisher
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        own.close_port(port)
