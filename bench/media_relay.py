"""Stock aiortc with `MediaRelay`: what it takes in is decoded once, and encoded again for every viewer.

The server is a process of its own with asyncio's own event loop, as aiortc is commonly run. Since it decodes, its
source is a real film, of about the load's packets a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import multiprocessing as mp
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.opus import OpusEncoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.contrib.media import MediaRelay

from bench.load import AUDIO_SSRC, VIDEO_SSRC, RawPublisher
from bench.namespaces import Sides
from bench.rpc import Server
from broadcast import Answer, sdp

BIT_RATE = 1_480_000  # of the picture: just under aiortc's upper limit
_WIDTH, _HEIGHT, _FPS, _SECONDS = 640, 480, 30, 3


class _Stock:
    def __init__(self) -> None:
        self._relay = MediaRelay()
        self._tracks: dict[str, MediaStreamTrack] = {}
        self._peers: list[RTCPeerConnection] = []

    async def call(self, name: str, offer: str) -> Answer:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)
        if name == "whip":
            peer.on("track", lambda track: self._tracks.__setitem__(track.kind, track))
        else:
            for track in self._tracks.values():
                peer.addTrack(self._relay.subscribe(track))
        await peer.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return Answer(sdp=peer.localDescription.sdp, session="", etag="")


async def _serve(connection: Connection) -> None:
    stock = _Stock()
    connection.send("ready")
    while True:
        try:
            name, arguments = await asyncio.to_thread(connection.recv)
        except EOFError:
            return
        try:
            connection.send(await stock.call(name, *arguments))
        except Exception as error:
            connection.send(RuntimeError(repr(error)))


def _main(connection: Connection) -> None:
    asyncio.run(_serve(connection))


@contextlib.contextmanager
def media_relay_process(sides: Sides) -> Iterator[tuple[Server, int]]:
    """Calls to the server, and its process id."""
    here, there = mp.Pipe()
    process = mp.get_context("spawn").Process(target=_main, args=(there,), daemon=True)
    with sides.server_side():
        process.start()
    there.close()
    try:
        if not here.poll(20) or here.recv() != "ready":
            raise RuntimeError("the process with aiortc's MediaRelay has not started")
        assert process.pid is not None
        yield Server(here), process.pid
    finally:
        here.close()
        process.terminate()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()


def for_aiortc(offer: str, address: tuple[str, int]) -> str:
    """An offer of the bench's, for a full ICE agent that answers: with the candidate that it must check, and with the
    DTLS role that `CountingViewer` plays."""
    (candidate,) = sdp.candidate_lines((address,))
    offer = offer.replace("a=setup:actpass", "a=setup:active")
    return offer.replace("a=end-of-candidates", f"{candidate}\r\na=end-of-candidates")


@dataclass(frozen=True, kw_only=True)
class Film:
    """Payloads frame by frame: pictures at 30 a second, sound at 50."""

    pictures: list[list[bytes]]
    sounds: list[list[bytes]]


def film() -> Film:
    """Three seconds of a picture that moves too much for its bit rate, and of a tone."""
    chance = random.Random(1)
    rows = [_coarse(chance.randbytes(_WIDTH // 4)) for _ in range(2 * _HEIGHT // 4)]
    encoder = Vp8Encoder()
    encoder.target_bitrate = BIT_RATE
    pictures = []
    for number in range(_FPS * _SECONDS):
        frame = av.VideoFrame(_WIDTH, _HEIGHT, "yuv420p")
        first = chance.randrange(_HEIGHT // 4)
        frame.planes[0].update(b"".join(rows[first + line // 4] for line in range(_HEIGHT)))
        for plane in frame.planes[1:]:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts, frame.time_base = number * 90000 // _FPS, Fraction(1, 90000)
        pictures.append(encoder.encode(frame)[0])
    return Film(pictures=pictures, sounds=_sounds())


def _coarse(noise: bytes) -> bytes:
    return b"".join(bytes([64 + (value & 63)]) * 4 for value in noise)


def _sounds() -> list[list[bytes]]:
    encoder = OpusEncoder()
    encoder.codec.bit_rate = 43_000  # about 120 bytes a packet
    sounds = []
    for number in range(50 * _SECONDS):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        moments = range(number * 960, number * 960 + 960)
        values = (int(8000 * math.sin(at * math.tau * 440 / 48000)) for at in moments)
        frame.planes[0].update(b"".join(2 * value.to_bytes(2, "little", signed=True) for value in values))
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
        payloads, _ = encoder.encode(frame)
        sounds.append(payloads)
    return [payloads for payloads in sounds if payloads]


class FilmPublisher:
    """Sends the film again and again; its timestamps go on."""

    def __init__(self, publisher: RawPublisher, film: Film) -> None:
        self._publisher, self._film = publisher, film
        self._picture = self._sound = 0

    async def publish(self, seconds: float) -> int:
        """The film, on time, for `seconds`; how many packets were sent."""
        start, sent = time.perf_counter(), 0
        ticks = 0
        while (due := ticks / 150) < seconds:
            await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
            if ticks % 5 == 0:
                payloads = self._film.pictures[self._picture % len(self._film.pictures)]
                self._publisher.send(VIDEO_SSRC, self._picture * 3000, payloads)
                self._picture += 1
                sent += len(payloads)
            if ticks % 3 == 0:
                payloads = self._film.sounds[self._sound % len(self._film.sounds)]
                self._publisher.send(AUDIO_SSRC, self._sound * 960, payloads)
                self._sound += 1
                sent += len(payloads)
            ticks += 1
        return sent
