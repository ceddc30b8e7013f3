"""The size of a picture by the first packet of its keyframe, where that packet tells it: VP8 and H.264. Pure.

Only to put the rungs of a simulcast in order; nothing is decoded.
"""

from __future__ import annotations

Size = tuple[int, int]
_SPS, _STAP_A = 7, 24
_MOST = 16384  # pixels a side: what claims more is no picture
_WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


def size_of(name: str, payload: bytes) -> Size | None:
    """(width, height) in pixels, None if this packet does not say."""
    try:
        found = _vp8(payload) if name == "vp8" else _h264(payload) if name == "h264" else None
    except IndexError:  # cut off
        return None
    return found if found is not None and 0 < found[0] <= _MOST and 0 < found[1] <= _MOST else None


def _vp8(payload: bytes) -> Size | None:
    """RFC 7741 §4.2, then RFC 6386 §9.1."""
    position = 1
    if payload[0] & 0x80:
        flags = payload[1]
        position = 2
        if flags & 0x80:
            position += 2 if payload[position] & 0x80 else 1
        position += bool(flags & 0x40) + bool(flags & 0x30)
    head = payload[position : position + 10]
    if len(head) < 10 or head[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _h264(payload: bytes) -> Size | None:
    """An SPS alone or in a STAP-A (RFC 6184 §5.7.1)."""
    if payload[0] & 0x1F == _SPS:
        return _sps(payload)
    if payload[0] & 0x1F != _STAP_A:
        return None
    position = 1
    while position + 3 <= len(payload):
        length = int.from_bytes(payload[position : position + 2], "big")
        unit = payload[position + 2 : position + 2 + length]
        if unit and unit[0] & 0x1F == _SPS:
            return _sps(unit)
        position += 2 + length
    return None


class _Bits:
    """The bits of a NAL unit without its emulation prevention (H.264 §7.3.1, §7.2, §9.1)."""

    def __init__(self, unit: bytes) -> None:
        self._data = unit.replace(b"\0\0\x03", b"\0\0")
        self._at = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> 7 - (self._at & 7) & 1
            self._at += 1
        return value

    def exp_golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise IndexError
        return (1 << zeros) - 1 + self.take(zeros)


def _sps(unit: bytes) -> Size | None:
    """H.264 §7.3.2.1.1; a stream with scaling lists is passed over, no encoder of a browser writes them."""
    bits = _Bits(unit)
    bits.take(8)
    profile = bits.take(8)
    bits.take(16)
    bits.exp_golomb()
    chroma = 1
    if profile in _WITH_CHROMA:
        chroma = bits.exp_golomb()
        if chroma == 3:
            bits.take(1)
        bits.exp_golomb()
        bits.exp_golomb()
        bits.take(1)
        if bits.take(1):
            return None
    bits.exp_golomb()
    order = bits.exp_golomb()
    if order == 0:
        bits.exp_golomb()
    elif order == 1:
        bits.take(1)
        bits.exp_golomb()
        bits.exp_golomb()
        for _ in range(min(bits.exp_golomb(), 255)):
            bits.exp_golomb()
    bits.exp_golomb()
    bits.take(1)
    width = 16 * (bits.exp_golomb() + 1)
    rows = 16 * (bits.exp_golomb() + 1)
    frames_only = bits.take(1)
    height = rows * (2 - frames_only)
    if not frames_only:
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        left, right, top, bottom = (bits.exp_golomb() for _ in range(4))
        step = 2 if chroma in (1, 2) else 1
        width -= step * (left + right)
        height -= (2 if chroma == 1 else 1) * (2 - frames_only) * (top + bottom)
    return width, height
