from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast import rtp

elements = st.dictionaries(st.integers(1, 14), st.binary(min_size=1, max_size=16), max_size=6)


@given(
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    elements,
    st.binary(max_size=99),
)
def test_what_is_built_is_parsed(
    payload_type: int, marker: bool, sequence: int, timestamp: int, extensions: dict[int, bytes], payload: bytes
) -> None:
    block = rtp.extension_block(extensions.items())
    packet = rtp.parse(rtp.build(payload_type, marker, sequence, timestamp, 7, block, payload))
    assert packet == rtp.Packet(payload_type, marker, sequence, timestamp, 7, extensions, payload)


@given(st.dictionaries(st.integers(1, 255), st.binary(max_size=255), min_size=1, max_size=5))
def test_long_extensions_take_the_two_byte_form(extensions: dict[int, bytes]) -> None:
    packet = rtp.parse(rtp.build(96, False, 1, 1, 1, rtp.extension_block(extensions.items()), b"x"))
    assert {k: v for k, v in packet.extensions.items() if k != 15} == {k: v for k, v in extensions.items() if k != 15}


@given(st.binary(max_size=80))
def test_junk_is_a_value_error_or_a_packet(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(rtp.parse(data).payload) <= len(data) - 12


def test_padding_is_taken_off() -> None:
    packet = rtp.build(96, False, 1, 1, 1, b"", b"abc\x00\x00\x03")
    assert rtp.parse(bytes([packet[0] | 0x20]) + packet[1:]).payload == b"abc"
    with pytest.raises(ValueError, match="padding"):
        rtp.parse(bytes([packet[0] | 0x20]) + packet[1:-1] + b"\x09")


def test_rtx_is_unwrapped_and_probing_is_not() -> None:
    inner = rtp.unwrap_rtx(rtp.Packet(97, True, 500, 9, 2, {}, b"\x01\x02data"), 96, 1)
    assert inner == rtp.Packet(96, True, 0x0102, 9, 1, {}, b"data")
    assert rtp.unwrap_rtx(rtp.Packet(97, False, 500, 9, 2, {}, b""), 96, 1) is None


@given(st.integers(0, 0xFFFF), st.integers(-0x8000, 0x7FFF))
def test_difference_wraps(start: int, step: int) -> None:
    assert rtp.difference(start + step & 0xFFFF, start) == step
