"""Real aiortc peers for tests: a publisher and a viewer from another hand, and a tree of relays without HTTP."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from broadcast import Answer, Relay, Reply, Uplinks
from broadcast.sources import SourceOptions, open_source
from venues.errors import TongtangError

LECTURE = "lecture"
Open = Callable[[str], Awaitable[Answer]]


async def until(condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 (the condition belongs to code that has no event for us)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def relaying(linger_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Relay]:
    relay = Relay(
        host="127.0.0.1", udp_port=0, addresses=["127.0.0.1"], max_sessions=100, linger_s=linger_s, clock=clock
    )
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


def asking(parent: Callable[[], Relay]) -> Callable[..., Awaitable[Reply]]:
    """The parent's WHEP endpoint as an uplink asks it, without HTTP between."""

    async def ask(method: str, path: str, *, body: str = "", content_type: str = "", if_match: str = "") -> Reply:
        try:
            if method == "DELETE":
                parent().delete(path.rpartition("/")[2])
                return Reply(status=200, headers={}, body="", url=path)
            answer = await parent().whep(path.removeprefix("/whep/").replace("/", ":"), body, node=True)
        except TongtangError as error:
            return Reply(status=error.status, headers={"Retry-After": "1"}, body=error.message, url=path)
        headers = {"Location": f"/session/{answer.session}"}
        return Reply(status=201, headers=headers, body=answer.sdp, url=path)

    return ask


@asynccontextmanager
async def pulling(relay: Relay, parent: Callable[[], Relay], seed: int = 1) -> AsyncIterator[Uplinks]:
    uplinks = Uplinks(relay, asking(parent), chance=random.Random(seed).random)
    uplinks.follow({LECTURE})
    try:
        yield uplinks
    finally:
        await uplinks.stop()


@asynccontextmanager
async def publishing(whip: Open, *, codec: str = "VP8") -> AsyncIterator[RTCPeerConnection]:
    """The test picture and tone, by WHIP."""
    source = open_source(SourceOptions(width=320, height=180, fps=20), time.time)
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        for track in (source.audio, source.video):
            assert track is not None
            peer.addTransceiver(track, direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        wanted = [c for c in codecs if c.mimeType in (f"video/{codec}", "video/rtx")]
        peer.getTransceivers()[1].setCodecPreferences(wanted)
        await peer.setLocalDescription(await peer.createOffer())
        answer = await whip(peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(sdp=answer.sdp, type="answer"))
        yield peer
    finally:
        await peer.close()
        source.stop()


class Screen:
    """A viewer that decodes; `pictures` counts frames, `last` is the newest."""

    def __init__(self, codec: str | None = None) -> None:
        self._codec = codec
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pictures = 0
        self.sounds = 0
        self.last: av.VideoFrame | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.peer.on("track", self._on_track)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._read(track)))

    async def _read(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            if isinstance(frame, av.VideoFrame):
                self.pictures += 1
                self.last = frame
            else:
                self.sounds += 1

    async def open(self, whep: Open) -> Answer:
        for kind in ("audio", "video"):
            transceiver = self.peer.addTransceiver(kind, direction="recvonly")
            if kind == "video" and self._codec is not None:
                codecs = RTCRtpReceiver.getCapabilities("video").codecs
                transceiver.setCodecPreferences([c for c in codecs if c.mimeType == f"video/{self._codec}"])
        await self.peer.setLocalDescription(await self.peer.createOffer())
        answer = await whep(self.peer.localDescription.sdp)
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer.sdp, type="answer"))
        return answer

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.peer.close()


@asynccontextmanager
async def watching(whep: Open) -> AsyncIterator[Screen]:
    screen = Screen()
    try:
        await screen.open(whep)
        yield screen
    finally:
        await screen.close()
