"""RTP packets (RFC 3550 §5.1) with header extensions (RFC 8285): parse, build, compare. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

HEADER = struct.Struct("!BBHII")
_U16 = struct.Struct("!H")
_EXTENSION = struct.Struct("!HH")

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"  # RFC 8852
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
ABS_CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

# What goes down the tree unchanged but for its number; the others belong to one hop.
END_TO_END = frozenset({ABS_CAPTURE_TIME, AUDIO_LEVEL, VIDEO_ORIENTATION, PLAYOUT_DELAY, DEPENDENCY_DESCRIPTOR})


@dataclass(slots=True)
class Packet:
    """One RTP packet; `payload` is without padding, `extensions` by the number they had on this hop."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    extensions: dict[int, bytes]
    payload: bytes


def parse(data: bytes) -> Packet:
    """The packet in `data`. Raises ValueError for anything that is not one whole RTP packet."""
    if len(data) < 12:
        raise ValueError("shorter than an RTP header")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise ValueError("not RTP version 2")
    start = 12 + 4 * (first & 0x0F)
    end = len(data)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        if end < start + 4:
            raise ValueError("extension header is cut off")
        profile, words = _EXTENSION.unpack_from(data, start)
        start += 4
        if end < start + 4 * words:
            raise ValueError("extension is cut off")
        block = data[start : start + 4 * words]
        start += 4 * words
        if profile == 0xBEDE:
            _one_byte(block, extensions)
        elif profile & 0xFFF0 == 0x1000:
            _two_byte(block, extensions)
    if start > end:
        raise ValueError("header is cut off")
    if first & 0x20 and end > start:
        padding = data[-1]
        if not 0 < padding <= end - start:
            raise ValueError("padding is longer than the payload")
        end -= padding
    return Packet(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, extensions, data[start:end])


def _one_byte(block: bytes, out: dict[int, bytes]) -> None:
    """RFC 8285 §4.2."""
    position, end = 0, len(block)
    while position < end:
        number, length = block[position] >> 4, (block[position] & 0x0F) + 1
        position += 1
        if number == 0:
            continue
        if number == 15:
            return
        if position + length > end:
            raise ValueError("extension element is cut off")
        out[number] = block[position : position + length]
        position += length


def _two_byte(block: bytes, out: dict[int, bytes]) -> None:
    """RFC 8285 §4.3."""
    position, end = 0, len(block)
    while position < end:
        number = block[position]
        position += 1
        if number == 0:
            continue
        if position >= end:
            raise ValueError("extension element is cut off")
        length = block[position]
        position += 1
        if position + length > end:
            raise ValueError("extension element is cut off")
        out[number] = block[position : position + length]
        position += length


def extension_block(elements: Iterable[tuple[int, bytes]]) -> bytes:
    """The header extension with these (number, value) elements, b"" for none (RFC 8285 §4.2, else §4.3)."""
    chosen = list(elements)
    if not chosen:
        return b""
    if all(number < 15 and 0 < len(value) <= 16 for number, value in chosen):
        profile = 0xBEDE
        body = b"".join(bytes((number << 4 | len(value) - 1,)) + value for number, value in chosen)
    else:
        profile = 0x1000
        body = b"".join(bytes((number, len(value))) + value for number, value in chosen if len(value) < 256)
    body += bytes(-len(body) % 4)
    return _EXTENSION.pack(profile, len(body) // 4) + body


def build(
    payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, extension: bytes, payload: bytes
) -> bytes:
    """A whole RTP packet; `extension` is an `extension_block`."""
    first = 0x90 if extension else 0x80
    second = payload_type | 0x80 if marker else payload_type
    return HEADER.pack(first, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + extension + payload


def unwrap_rtx(packet: Packet, payload_type: int, ssrc: int) -> Packet | None:
    """The original packet inside a retransmission (RFC 4588 §4), None if it carries none (padding, probing)."""
    if len(packet.payload) < 2:
        return None
    (sequence,) = _U16.unpack_from(packet.payload)
    return Packet(payload_type, packet.marker, sequence, packet.timestamp, ssrc, packet.extensions, packet.payload[2:])


def difference(a: int, b: int, bits: int = 16) -> int:
    """`a - b` of two counters that wrap at 2**bits, in [-2**(bits-1), 2**(bits-1))."""
    half = 1 << bits - 1
    return ((a - b + half) & (1 << bits) - 1) - half


def abs_send_time(seconds: float) -> bytes:
    """24-bit fixed point, 6.18, of a clock in seconds; wraps every 64 s."""
    return (int(seconds * (1 << 18)) & 0xFFFFFF).to_bytes(3, "big")
