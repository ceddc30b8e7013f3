from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.codecs import VIDEO, Codec, nearest, profile_of, starts_keyframe


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("vp8", b"\x10\x00", True),  # S=1, key frame
        ("vp8", b"\x10\x01", False),  # S=1, inter frame
        ("vp8", b"\x00\x00", False),  # not the start
        ("vp8", b"\x90\x80\x81\x23\x00", True),  # extended, 15-bit picture id
        ("vp8", b"\x90\xe0\x01\x02\x03\x00", True),  # picture id, TL0PICIDX, TID
        ("vp8", b"\x90\x80", False),
        ("h264", b"\x65abc", True),
        ("h264", b"\x67abc", True),
        ("h264", b"\x41abc", False),
        ("h264", b"\x78\x00\x01\x09\x00\x02\x67\x00", True),  # STAP-A: AUD, SPS
        ("h264", b"\x78\x00\x02\x41\x00", False),
        ("h264", b"\x7c\x85", True),  # FU-A start of an IDR
        ("h264", b"\x7c\x05", False),  # FU-A, not its start
        ("vp9", b"\x08", True),
        ("vp9", b"\x48", False),
        ("vp9", b"\xa8\x01\x02", False),  # spatial layer 1
        ("av1", b"\x18\x00", True),
        ("av1", b"\x10\x00", False),
        ("vp8", b"", False),
    ],
)
def test_where_a_keyframe_starts(name: str, payload: bytes, expected: bool) -> None:
    assert starts_keyframe(name, payload) is expected


@given(st.sampled_from(VIDEO), st.binary(max_size=12))
def test_any_payload_has_an_answer(name: str, payload: bytes) -> None:
    assert starts_keyframe(name, payload) in (True, False)


def test_an_h264_profile_is_served_by_another_of_the_same_packetization_mode() -> None:
    high = Codec(
        "video", "h264", 90000, 1, profile_of("h264", {"packetization-mode": "1", "profile-level-id": "640032"})
    )
    offered = {Codec("video", "h264", 90000, 1, "0/42e0"): 96, Codec("video", "h264", 90000, 1, "1/42e0"): 98}
    assert nearest(high, offered) == 98
    assert nearest(high, {high: 100, **offered}) == 100
    assert nearest(high, {Codec("video", "vp8", 90000): 96}) is None
    assert nearest(Codec("video", "vp9", 90000, 1, "2"), {Codec("video", "vp9", 90000, 1, "0"): 98}) is None
