from __future__ import annotations

import math
import random

import pytest

from attendance import badge
from attendance.badge_sheet import modules
from attendance.camera import FrameInvalid, read_code
from venues.identity import NodeKey

PAYLOAD = badge.payload(1, 4821, NodeKey.make(bytes(range(32))))
WIDE, HIGH = 640, 480


def seen(payload: str, *, turned: float = 0.0, module: float = 5.0, noise: int = 0) -> bytes:
    """A camera's picture of a card: `turned` a little, grey on grey."""
    rows, chance = modules(payload), random.Random(1)
    side, frame = len(rows), bytearray()
    for y in range(HIGH):
        for x in range(WIDE):
            across, down = (x - WIDE / 2) / module, (y - HIGH / 2) / module
            column = math.floor(across + turned * down + side / 2)
            row = math.floor(down - turned * across + side / 2)
            dark = 0 <= row < side and 0 <= column < side and rows[row][column]
            frame.append((60 if dark else 190) + chance.randint(-noise, noise))
    return bytes(frame)


def test_a_card_before_the_camera_is_read() -> None:
    assert read_code(seen(PAYLOAD, noise=25), WIDE, HIGH) == PAYLOAD
    assert read_code(seen(PAYLOAD, turned=0.2, module=4.0), WIDE, HIGH) == PAYLOAD


def test_other_codes_are_read_and_nothing_is_nothing() -> None:
    assert read_code(seen("https://example.org/"), WIDE, HIGH) == "https://example.org/"
    assert read_code(bytes(WIDE * HIGH), WIDE, HIGH) is None
    chance = random.Random(2)
    assert read_code(chance.randbytes(100 * 100), 100, 100) is None


def test_a_frame_has_its_size() -> None:
    for frame, width in ((b"", 0), (bytes(99), 10), (bytes(101), 10)):
        with pytest.raises(FrameInvalid):
            read_code(frame, width, 10)
