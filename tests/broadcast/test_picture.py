from __future__ import annotations

from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.picture import size_of


def h264(width: int, height: int) -> list[bytes]:
    """The NAL units of a keyframe by a real encoder."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 30)
    encoder.options = {"tune": "zerolatency", "profile": "baseline", "preset": "ultrafast"}
    frame = av.VideoFrame(width, height, "yuv420p")
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    return [unit.rstrip(b"\0") for unit in data.split(b"\0\0\1") if unit.strip(b"\0")]


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 360), (320, 180), (1920, 1080)])
def test_h264_says_its_size_in_the_sps_alone_or_with_others(width: int, height: int) -> None:
    units = h264(width, height)
    sps = next(unit for unit in units if unit[0] & 0x1F == 7)
    assert size_of("h264", sps) == (width, height)
    together = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units[:2] if len(unit) < 1000)
    assert size_of("h264", together) == (width, height)
    assert size_of("h264", next(unit for unit in units if unit[0] & 0x1F == 5)) is None


def test_vp8_says_its_size_behind_the_start_code() -> None:
    frame = b"\x00\x00\x00\x9d\x01\x2a" + (1280).to_bytes(2, "little") + (720 | 1 << 14).to_bytes(2, "little")
    assert size_of("vp8", b"\x10" + frame) == (1280, 720)
    assert size_of("vp8", b"\x90\xe0\x81\x23\x05\x40" + frame) == (1280, 720)  # picture id of 15 bits, TL0PICIDX, TID
    assert size_of("vp8", b"\x10" + frame[:8]) is None


@given(st.sampled_from(["vp8", "h264", "vp9", "av1"]), st.binary(max_size=80))
def test_no_bytes_make_it_raise(name: str, payload: bytes) -> None:
    size = size_of(name, payload)
    assert size is None or all(0 < side <= 16384 for side in size)
