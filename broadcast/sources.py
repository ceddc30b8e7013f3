"""What the test publisher sends: the built-in test picture and tone, a media file in a loop, or a capture device."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
from aiortc.contrib.media import MediaPlayer
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE, MediaStreamError, MediaStreamTrack

from broadcast.film import Film
from broadcast.test_pattern import PACKET_SAMPLES, SAMPLE_RATE, TestPattern, tone_packet, tone_second
from venues.errors import TongtangError

AUDIO_TIME_BASE = Fraction(1, SAMPLE_RATE)
_LATE_AUDIO_S = 0.25  # a sender that is later than this skips ahead rather than play old sound


class SourceError(TongtangError):
    """The source {source} cannot be read: {reason}."""

    code: ClassVar[str] = "source_unreadable"
    status: ClassVar[int] = 400


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """`name` is "test", a file or a device; width, height and fps are for "test" (a device gets them as a wish)."""

    name: str = "test"
    width: int = 640
    height: int = 360
    fps: int = 25
    zone: dt.tzinfo = dt.UTC  # of the clock in the test picture


@dataclass(frozen=True, kw_only=True)
class Source:
    video: MediaStreamTrack | None
    audio: MediaStreamTrack | None

    @property
    def ended(self) -> bool:
        tracks = [track for track in (self.video, self.audio) if track is not None]
        return all(track.readyState == "ended" for track in tracks)

    def stop(self) -> None:
        for track in (self.video, self.audio):
            if track is not None:
                track.stop()


def open_source(options: SourceOptions, now: Callable[[], float]) -> Source:
    """A fresh source; `now` is Unix seconds. May block while a file or a device opens. Raises SourceError."""
    if options.name == "test":
        try:
            pattern = TestPattern(options.width, options.height)
        except ValueError as error:
            raise SourceError(source="test", reason=str(error)) from error
        tone_second()  # made here and not at the first packet
        epoch = float(int(now()))  # both tracks count from the same whole second: flash and beep meet
        return Source(
            video=PatternVideo(pattern, options.fps, epoch, now, options.zone), audio=PatternAudio(epoch, now)
        )
    path = Path(options.name)
    if not path.exists():
        raise SourceError(source=options.name, reason="there is no such file or device")
    try:
        player = _open_device(options) if path.is_char_device() else Film(path, now)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(source=options.name, reason=getattr(error, "strerror", None) or str(error)) from error
    if player.video is None and player.audio is None:
        raise SourceError(source=options.name, reason="it holds neither picture nor sound")
    return Source(video=player.video, audio=player.audio)


def _open_device(options: SourceOptions) -> MediaPlayer:
    wish = {"video_size": f"{options.width}x{options.height}", "framerate": str(options.fps)}
    return MediaPlayer(options.name, format="v4l2", options=wish)


class PatternVideo(MediaStreamTrack):
    """The test picture in real time; a frame that comes too late is left out, never sent late."""

    kind = "video"

    def __init__(self, pattern: TestPattern, fps: int, epoch: float, now: Callable[[], float], zone: dt.tzinfo) -> None:
        super().__init__()
        self._pattern, self._fps, self._epoch, self._now, self._zone = pattern, fps, epoch, now, zone
        self._next = 0

    async def recv(self) -> av.VideoFrame:
        self._next = max(self._next, int((self._now() - self._epoch) * self._fps))
        await asyncio.sleep(max(0.0, self._epoch + self._next / self._fps - self._now()))
        if self.readyState != "live":
            raise MediaStreamError
        number, self._next = self._next, self._next + 1
        unix_ms = round(self._epoch * 1000) + number * 1000 // self._fps
        frame = self._draw(unix_ms)
        frame.pts, frame.time_base = number * VIDEO_CLOCK_RATE // self._fps, VIDEO_TIME_BASE
        return frame

    def _draw(self, unix_ms: int) -> av.VideoFrame:
        moment = dt.datetime.fromtimestamp(unix_ms / 1000, self._zone)
        planes = self._pattern.draw(unix_ms, f"{moment:%H:%M:%S}.{moment.microsecond // 10_000:02}")
        frame = av.VideoFrame(self._pattern.width, self._pattern.height, "yuv420p")
        for plane, data in zip(frame.planes, (planes.y, planes.u, planes.v), strict=True):
            plane.update(_padded(data, plane.width, plane.line_size))
        return frame


class PatternAudio(MediaStreamTrack):
    """The test tone in real time, 20 ms a frame."""

    kind = "audio"

    def __init__(self, epoch: float, now: Callable[[], float]) -> None:
        super().__init__()
        self._epoch, self._now = epoch, now
        self._next = int((now() - epoch) * SAMPLE_RATE) // PACKET_SAMPLES

    async def recv(self) -> av.AudioFrame:
        due = self._epoch + self._next * PACKET_SAMPLES / SAMPLE_RATE
        if self._now() - due > _LATE_AUDIO_S:
            self._next = int((self._now() - self._epoch) * SAMPLE_RATE) // PACKET_SAMPLES
        await asyncio.sleep(max(0.0, due - self._now()))
        if self.readyState != "live":
            raise MediaStreamError
        number, self._next = self._next, self._next + 1
        frame = av.AudioFrame(format="s16", layout="stereo", samples=PACKET_SAMPLES)
        frame.planes[0].update(tone_packet(number))
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, number * PACKET_SAMPLES, AUDIO_TIME_BASE
        return frame


def _padded(data: bytes, width: int, line_size: int) -> bytes:
    """Rows of `width` bytes as FFmpeg lays them in memory, `line_size` bytes apart."""
    if width == line_size:
        return data
    gap = bytes(line_size - width)
    return b"".join(data[start : start + width] + gap for start in range(0, len(data), width))
