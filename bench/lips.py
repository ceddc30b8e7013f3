"""Do sound and picture stay together down the tree? `python -m bench.lips [--json]`.

Starts the real demonstration with the test publisher, pulls its lecture from the root and from the village at once, by
WHEP, and decodes both. Each picture carries the time of its drawing as cells (broadcast/test_pattern.py), each beep
begins on a whole second; the sender reports that came with them say which moment of the publisher's clock each was.
So for every second: how late the beep is by its reports, less how late the pictures are by theirs. Positive: the sound
would be played after its picture. What the publisher does itself (encoding, 6.5 ms of Opus) is in both levels alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import av
from aiortc.codecs import depayload, get_decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from bench.pull import pulling
from broadcast import Relay
from broadcast.rtp import difference
from broadcast.test_pattern import CELLS_PART, SAMPLE_RATE, read_cells
from broadcast.track import Sample
from tests.acceptance.stage import demonstrating

_SECONDS = 20.0
_SETTLE_S = 3.0  # until sender reports for both have come
_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
_LOUD = 32767 * 0.15
_QUIET_S = 0.3
_CODECS = {
    "video": RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000, payloadType=96),
    "audio": RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, channels=2, payloadType=111),
}


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A packet and the Unix time (seconds) that its timestamp means by the reports at its arrival."""

    sample: Sample
    at_s: float


class _Listener:
    """Keeps what comes of one lecture at one level."""

    def __init__(self, lecture: str, door: dict[str, str], http: aiohttp.ClientSession) -> None:
        self.kept: dict[str, list[_Kept]] = {"audio": [], "video": []}
        self._lecture, self._door, self._http = lecture, door, http

    async def run(self, seconds: float) -> None:
        async with pulling(self._lecture, self._door["url"], self._door["token"], self._http) as relay:
            for kind in self.kept:
                self._note(relay, kind)
            await asyncio.sleep(seconds)

    def _note(self, relay: Relay, kind: str) -> None:
        track, kept = relay.stream(self._lecture).track(kind), self.kept[kind]
        push = track.push

        def noting(*arguments: Any, **named: Any) -> Sample | None:
            sample: Sample | None = push(*arguments, **named)
            clock = track.clock(time.monotonic())
            if sample is not None and clock is not None:
                ahead_s = difference(clock[1], sample.timestamp, 32) / sample.codec.clock_rate
                kept.append(_Kept(sample=sample, at_s=clock[0] / 2**32 - _NTP_EPOCH_S - ahead_s))
            return sample

        track.push = noting  # type: ignore[method-assign]


def frames(kept: list[_Kept], kind: str) -> list[tuple[float, Any]]:
    """What is decoded of these packets, each with the time that its timestamp means."""
    decoder = get_decoder(_CODECS[kind])
    found = []
    data = b""
    for each in sorted(kept, key=lambda each: each.sample.index):
        data += depayload(_CODECS[kind], each.sample.payload)
        if kind == "video" and not each.sample.marker:
            continue
        with contextlib.suppress(av.FFmpegError):  # before the first keyframe
            found += [(each.at_s, f) for f in decoder.decode(JitterFrame(data=data, timestamp=each.sample.timestamp))]
        data = b""
    return found


def picture_lags(kept: list[_Kept]) -> list[tuple[float, float]]:
    """(time of drawing, seconds by which the reports make it later) of each picture."""
    lags = []
    for at_s, frame in frames(kept, "video"):
        plane = frame.planes[0]
        row = int(frame.height * sum(CELLS_PART) / 2)
        line = memoryview(plane)[row * plane.line_size : row * plane.line_size + frame.width]
        drawn = read_cells(line)
        if drawn is not None:
            lag_s = difference(int(at_s * 1000) & 0xFFFFFFFF, drawn, 32) / 1000 + at_s % 0.001
            lags.append((at_s - lag_s, lag_s))
    return lags


def beep_lags(kept: list[_Kept]) -> list[tuple[float, float]]:
    """(its whole second, seconds by which the reports make it later) of each beep."""
    lags, quiet_since = [], None
    for at_s, frame in frames(kept, "audio"):
        left = memoryview(frame.planes[0]).cast("h")[: frame.samples * 2 : 2].tolist()
        loud = next((n for n, value in enumerate(left) if abs(value) > _LOUD), None)
        if loud is None:
            quiet_since = at_s if quiet_since is None else quiet_since
            continue
        if quiet_since is not None and at_s - quiet_since > _QUIET_S:
            began = at_s + loud / SAMPLE_RATE
            lags.append((float(round(began)), began - round(began)))
        quiet_since = None
    return lags


def offsets_ms(listener: _Listener) -> dict[str, float]:
    """How much later than its pictures the sound of each second is: median, the worst, how many seconds."""
    pictures = picture_lags(listener.kept["video"])
    found: list[float] = []
    for second, lag_s in beep_lags(listener.kept["audio"]):
        near = [lag for drawn, lag in pictures if abs(drawn - second) < 0.5]
        if near:
            found.append((lag_s - statistics.median(near)) * 1000)
    if not found:
        sys.exit("no second with both a beep and pictures")
    return {
        "median": round(statistics.median(found), 1),
        "worst": round(min(found) if -min(found) > max(found) else max(found), 1),
        "seconds": len(found),
    }


async def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with demonstrating(Path(folder)) as demo, aiohttp.ClientSession() as http:
            await asyncio.sleep(_SETTLE_S)
            doors = {door["level"]: door for door in demo.shown["whep"]}
            levels = ("province", "village")
            listeners = [_Listener(demo.shown["lecture"], doors[level], http) for level in levels]
            await asyncio.gather(*(listener.run(_SECONDS) for listener in listeners))
    return {level: offsets_ms(listener) for level, listener in zip(levels, listeners, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    chosen = parser.parse_args()
    print(json.dumps({"sound_after_picture_ms": asyncio.run(measure())}, indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
