"""The running numbers inside VP8 payloads (RFC 7741 §4.2), so that they can go on where another encoding stopped. Pure.

A receiver works out from them which frames it still lacks; after a leap it may wait for frames that never come.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ids:
    """PictureID and TL0PICIDX of a frame, or what is added to them; None where the encoder writes none."""

    picture: int | None = None
    layer: int | None = None

    def __bool__(self) -> bool:
        return bool(self.picture or self.layer)


NO_IDS = Ids()


def _places(payload: bytes) -> tuple[int, int, int]:
    """Where PictureID is, its length in octets (0: none), and where TL0PICIDX is (0: none). Raises IndexError."""
    if not payload[0] & 0x80:
        return 0, 0, 0
    flags, at, length = payload[1], 2, 0
    if flags & 0x80:
        length = 2 if payload[2] & 0x80 else 1
    return at, length, at + length if flags & 0x40 else 0


def ids_of(payload: bytes) -> Ids:
    """The numbers in one packet."""
    try:
        at, length, layer = _places(payload)
        picture = None
        if length == 2:
            picture = (payload[at] & 0x7F) << 8 | payload[at + 1]
        elif length == 1:
            picture = payload[at] & 0x7F
        return Ids(picture, payload[layer] if layer else None)
    except IndexError:  # cut off
        return Ids()


def following(last: Ids, first: Ids) -> Ids:
    """What to add to the numbers of the frame `first` and of all after it so that they follow on `last`."""
    picture = None if last.picture is None or first.picture is None else last.picture + 1 - first.picture & 0x7FFF
    layer = None if last.layer is None or first.layer is None else last.layer + 1 - first.layer & 0xFF
    return Ids(picture, layer)


def moved(payload: bytes, by: Ids) -> bytes:
    """The packet with `by` added to its numbers."""
    try:
        at, length, layer = _places(payload)
        out = bytearray(payload)
        if length == 2 and by.picture:
            picture = ((payload[at] & 0x7F) << 8 | payload[at + 1]) + by.picture & 0x7FFF
            out[at], out[at + 1] = 0x80 | picture >> 8, picture & 0xFF
        elif length == 1 and by.picture:
            out[at] = payload[at] + by.picture & 0x7F
        if layer and by.layer:
            out[layer] = payload[layer] + by.layer & 0xFF
        return bytes(out)
    except IndexError:
        return payload
