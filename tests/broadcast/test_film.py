from __future__ import annotations

import time
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from broadcast.film import Film, frames
from broadcast.test_pattern import TestPattern, tone_packet

PICTURES = 12  # at 25 a second


def make_film(path: Path, *, sound: bool = True) -> Path:
    drawn = TestPattern(160, 90)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
        audio = container.add_stream("libopus", rate=48_000, layout="stereo") if sound else None
        for number in range(PICTURES):
            frame = av.VideoFrame(160, 90, "yuv420p")
            planes = drawn.draw(number * 40, "")
            for plane, data in zip(frame.planes, (planes.y, planes.u, planes.v), strict=True):
                rows = [data[at : at + plane.width] for at in range(0, len(data), plane.width)]
                plane.update(b"".join(row.ljust(plane.line_size, b"\0") for row in rows))
            frame.pts = number
            container.mux(video.encode(frame))
            for packet in (2 * number, 2 * number + 1) if audio else ():
                piece = av.AudioFrame(format="s16", layout="stereo", samples=960)
                piece.planes[0].update(tone_packet(packet))
                piece.sample_rate, piece.pts, piece.time_base = 48_000, packet * 960, Fraction(1, 48_000)
                container.mux(audio.encode(piece))
        for stream in filter(None, (video, audio)):
            container.mux(stream.encode(None))
    return path


def test_passes_follow_each_other_without_a_step_back(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv")
    both = list(islice(frames(film), 4 * PICTURES * 3))
    for kind in (av.VideoFrame, av.AudioFrame):
        times = [frame.time for frame in both if isinstance(frame, kind)]
        steps = [later - earlier for earlier, later in pairwise(times)]
        assert len(times) > 2 * PICTURES
        assert all(0 < step < 0.1 for step in steps)


def test_sound_comes_in_the_shape_that_opus_wants(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv")
    sound = [frame for frame in islice(frames(film), 60) if isinstance(frame, av.AudioFrame)]
    assert {(f.sample_rate, f.layout.name, f.format.name) for f in sound} == {(48_000, "stereo", "s16")}


async def test_a_film_without_sound_has_no_audio_track(tmp_path: Path) -> None:
    film = Film(make_film(tmp_path / "film.mkv", sound=False), time.time)
    assert film.audio is None
    assert film.video is not None
    frame = await film.video.recv()
    assert (frame.width, frame.height) == (160, 90)


async def test_frames_come_when_their_time_has_come(tmp_path: Path) -> None:
    now = [100.0]

    def clock() -> float:
        now[0] += 1.0  # every look at the clock finds it a second later: nothing is ever too early
        return now[0]

    film = Film(make_film(tmp_path / "film.mkv"), clock)
    assert film.video is not None
    assert [round((await film.video.recv()).time, 2) for _ in range(3)] == [0.0, 0.04, 0.08]


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.mkv"
    path.write_text("not a film")
    with pytest.raises(av.FFmpegError):
        Film(path, time.time)
