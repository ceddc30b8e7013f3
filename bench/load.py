"""Load made of real sessions: a publisher that sends any RTP you like, over the relay's own ICE, DTLS and SRTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench.dial import dial
from broadcast import Answer, rtp
from broadcast.negotiate import offer_view
from broadcast.peer import Peer, PeerState
from broadcast.relay import Relay
from broadcast.rtcp import KeyframeRequest, Nack, parse
from broadcast.sdp import Section
from broadcast.send import runs

VIDEO_SSRC, AUDIO_SSRC = 0x1111, 0x2222
VIDEO_PT, AUDIO_PT = 96, 111
KEYFRAME, DELTA = b"\x10\x00", b"\x10\x01"  # VP8 payload descriptor, first octet of the frame


class RawPublisher:
    """The handler of a publishing peer that answers NACKs from what it has sent, and counts keyframe requests."""

    takes_rtp = True

    def __init__(self) -> None:
        self.peer: Peer | None = None
        self.keyframe_requests = 0
        self.resent = 0
        self._sent: dict[tuple[int, int], bytes] = {}
        self._sequence = {VIDEO_SSRC: 65000, AUDIO_SSRC: 100}  # the picture's numbers wrap soon

    def on_connected(self, now: float) -> None: ...

    def on_rtp(self, data: bytes, now: float) -> None: ...

    def on_moved(self) -> None: ...

    def on_closed(self, reason: str) -> None: ...

    def on_rtcp(self, data: bytes, now: float) -> None:
        for message in parse(data):
            if isinstance(message, KeyframeRequest):
                self.keyframe_requests += 1
            elif isinstance(message, Nack):
                again = [p for s in message.sequences if (p := self._sent.get((message.ssrc, s))) is not None]
                self.resent += len(again)
                self._send(again)

    def send(self, ssrc: int, timestamp: int, payloads: list[bytes], *, payload_type: int | None = None) -> None:
        """One frame: a packet for each payload, the marker on the last. VP8 and Opus unless said otherwise."""
        if payload_type is None:
            payload_type = VIDEO_PT if ssrc == VIDEO_SSRC else AUDIO_PT
        packets = []
        for number, payload in enumerate(payloads):
            sequence = self._sequence[ssrc] = self._sequence[ssrc] + 1 & 0xFFFF
            last = number == len(payloads) - 1
            packet = rtp.build(payload_type, last, sequence, timestamp, ssrc, b"", payload)
            self._sent[ssrc, sequence] = packet
            packets.append(packet)
        self._send(packets)

    def _send(self, packets: list[bytes]) -> None:
        peer = self.peer
        assert peer is not None
        assert peer.way is not None
        for run in runs(packets):
            peer.sender.send(peer.way, run)


@asynccontextmanager
async def raw_publishing(own: Relay, whip: Callable[[str], Awaitable[Answer]]) -> AsyncIterator[RawPublisher]:
    """A publisher connected by `whip`, dialing from a UDP port of the relay `own` (which may be the same one)."""
    publisher = RawPublisher()
    port = own.open_port()
    try:
        sections = [Section(s.kind, s.mid, "sendonly", s.formats, ()) for s in offer_view()]
        peer = publisher.peer = await dial(port, own.certificate, publisher, sections, whip)
        async with asyncio.timeout(10):
            while peer.state is not PeerState.CONNECTED:  # noqa: ASYNC110 (a peer has no event)
                await asyncio.sleep(0.01)
        yield publisher
    finally:
        own.close_port(port)
