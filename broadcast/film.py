"""A media file in an endless loop, decoded and paced.

aiortc's own MediaPlayer winds a file back without moving its timestamps on, so that receivers take the second pass for
old packets; here each pass goes on where the last one ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE, MediaStreamError, MediaStreamTrack

Frame = av.VideoFrame | av.AudioFrame

SAMPLE_RATE = 48_000
_PACKET_SAMPLES = 960  # 20 ms


class Film:
    """Frames of one file on demand; `video` and `audio` are None where the file has none. Raises av.FFmpegError."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path, self._now = path, now
        with av.open(str(path)) as container:
            kinds = {stream.type for stream in container.streams if stream.type in ("video", "audio")}
        self._waiting: dict[str, deque[Frame]] = {kind: deque() for kind in kinds}
        self._frames = frames(path)
        self._lock = asyncio.Lock()
        self._began: float | None = None
        self.video = FilmTrack(self, "video") if "video" in kinds else None
        self.audio = FilmTrack(self, "audio") if "audio" in kinds else None

    async def next(self, kind: str) -> Frame | None:
        """The next frame of this kind when its time has come; None when the file can no longer be read."""
        queue = self._waiting[kind]
        async with self._lock:
            while not queue:
                frame = await asyncio.to_thread(next, self._frames, None)
                if frame is None:
                    return None
                self._waiting["video" if isinstance(frame, av.VideoFrame) else "audio"].append(frame)
        frame = queue.popleft()
        if self._began is None:
            self._began = self._now()
        await asyncio.sleep(max(0.0, self._began + (frame.time or 0.0) - self._now()))
        return frame


class FilmTrack(MediaStreamTrack):
    def __init__(self, film: Film, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._film = film

    async def recv(self) -> Frame:
        frame = await self._film.next(self.kind) if self.readyState == "live" else None
        if frame is None:
            self.stop()
            raise MediaStreamError
        return frame


def frames(path: Path) -> Iterator[Frame]:
    """Pictures and sound (stereo, 16 bit, 48 kHz, 20 ms) pass after pass; ends when a pass yields nothing at all."""
    offset = 0.0
    while True:
        end = offset
        for frame in _one_pass(path, offset):
            length = frame.samples / SAMPLE_RATE if isinstance(frame, av.AudioFrame) else 0.04
            end = max(end, (frame.time or 0.0) + length)
            yield frame
        if end == offset:
            return
        offset = end


def _one_pass(path: Path, offset: float) -> Iterator[Frame]:
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=SAMPLE_RATE, frame_size=_PACKET_SAMPLES)
    samples: int | None = None
    with av.open(str(path)) as container:
        streams = [kind[0] for kind in (container.streams.video, container.streams.audio) if kind]
        start = (container.start_time or 0) / 1_000_000
        for frame in container.decode(*streams):
            if not isinstance(frame, av.VideoFrame | av.AudioFrame):
                continue
            moment = offset + max(0.0, (frame.time or 0.0) - start)
            if isinstance(frame, av.VideoFrame):
                frame.pts, frame.time_base = round(moment * VIDEO_CLOCK_RATE), VIDEO_TIME_BASE
                yield frame
            else:
                if samples is None:
                    samples = round(moment * SAMPLE_RATE)
                for piece in resampler.resample(frame):
                    piece.pts, piece.time_base = samples, Fraction(1, SAMPLE_RATE)
                    samples += piece.samples
                    yield piece
