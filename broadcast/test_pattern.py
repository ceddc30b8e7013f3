"""The built-in test picture and tone: pure drawing, bytes out, nothing else.

The picture, from top to bottom: eight colour bars that drift to the left; a strip with the time of day in large digits
and, at its right end, a square that is white for the first 80 ms of every second; a row of black and white cells that
holds the same time for machines (`read_cells`). The tone is a quiet hum with a 1 kHz beep while the square is white, so
a person sees and hears whether lips would be in sync, and a program can measure how late a picture is.

Colours and geometry are public so that a test can compare what a browser has decoded with what was drawn.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

RGB = tuple[int, int, int]

BARS: tuple[RGB, ...] = (  # 75 % bars, left to right at drift 0, full-range R, G, B
    (191, 191, 191),
    (191, 191, 0),
    (0, 191, 191),
    (0, 191, 0),
    (191, 0, 191),
    (191, 0, 0),
    (0, 0, 191),
    (0, 0, 0),
)
BARS_PART = (0.0, 0.625)  # top and bottom of each part, as fractions of the height
CLOCK_PART = (0.625, 0.875)
CELLS_PART = (0.875, 1.0)
DRIFT_S = 16  # seconds in which the bars move by one whole width

FLASH_MS = 80  # how long the square is white and the beep sounds, from the start of every second
CELLS = 40  # 32 bits of Unix milliseconds (modulo 2**32), 8 bits of check, most significant first

SAMPLE_RATE = 48_000
PACKET_SAMPLES = 960  # 20 ms, the frame that WebRTC sends in Opus
BEEP_HZ, BEEP_LEVEL = 1_000, 0.5
HUM_HZ, HUM_LEVEL = 440, 0.02

_BLACK, _WHITE, _PAPER, _NEUTRAL = 16, 235, 40, 128  # luma (BT.601, limited range) and the chroma of grey
_GLYPHS = {  # 5 x 7 dots, one number per line, the left dot is bit 4
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    ":": (0, 4, 4, 0, 4, 4, 0),
    ".": (0, 0, 0, 0, 0, 12, 12),
}
_TEXT_CHARS = len("00:00:00.00")


def yuv(colour: RGB) -> tuple[int, int, int]:
    """Full-range R, G, B as limited-range Y, Cb, Cr (ITU-R BT.601 §2.5)."""
    r, g, b = (part / 255 for part in colour)
    return (
        round(16 + 65.481 * r + 128.553 * g + 24.966 * b),
        round(128 - 37.797 * r - 74.203 * g + 112.0 * b),
        round(128 + 112.0 * r - 93.786 * g - 18.214 * b),
    )


@dataclass(frozen=True, kw_only=True)
class Planes:
    """One picture in yuv420p without padding: `y` is width x height bytes, `u` and `v` a quarter of that each."""

    y: bytes
    u: bytes
    v: bytes


class TestPattern:
    """Draws pictures of one size. Width is a multiple of 80 (whole bars and cells), height an even number."""

    __test__ = False  # a pattern for tests, not a test class

    def __init__(self, width: int, height: int) -> None:
        if width <= 0 or width % 80 or height < 90 or height % 2:
            raise ValueError("width must be a multiple of 80 and height an even number of at least 90")
        self.width, self.height = width, height
        edges = [_even(height * part) for part in (BARS_PART[1], CLOCK_PART[1])]
        self.bars_rows, self.clock_rows, self.cells_rows = edges[0], edges[1] - edges[0], height - edges[1]
        bar, colours = width // len(BARS), [yuv(colour) for colour in BARS]
        # Every row twice over: a drift is then one slice.
        self._y = b"".join(bytes([y]) * bar for y, _, _ in colours) * 2
        self._u = b"".join(bytes([u]) * (bar // 2) for _, u, _ in colours) * 2
        self._v = b"".join(bytes([v]) * (bar // 2) for _, _, v in colours) * 2
        self._grey = bytes([_NEUTRAL]) * (width // 2 * ((height - self.bars_rows) // 2))
        self.flash_width = min(_even(width * 0.14), self.clock_rows)
        self._scale = max(1, min(self.clock_rows * 3 // 4 // 7, (width - self.flash_width) // (6 * _TEXT_CHARS + 2)))

    def drift(self, unix_ms: int) -> int:
        """By how many pixels (an even number) the bars have moved to the left at this instant."""
        return (unix_ms % (DRIFT_S * 1000) * self.width // (DRIFT_S * 1000)) & ~1

    def bar_at(self, x: int, unix_ms: int) -> RGB:
        """The colour of the bars at column x at this instant."""
        return BARS[(x + self.drift(unix_ms)) % self.width * len(BARS) // self.width]

    def draw(self, unix_ms: int, time_of_day: str) -> Planes:
        """The picture of one instant; `time_of_day` is drawn as text (`HH:MM:SS.cc`)."""
        shift, rows = self.drift(unix_ms), self.bars_rows
        chroma = slice(shift // 2, shift // 2 + self.width // 2)
        bars = self._y[shift : shift + self.width] * rows
        return Planes(
            y=b"".join((bars, self._clock(unix_ms, time_of_day), self._cells(unix_ms) * self.cells_rows)),
            u=self._u[chroma] * (rows // 2) + self._grey,
            v=self._v[chroma] * (rows // 2) + self._grey,
        )

    def _clock(self, unix_ms: int, text: str) -> bytes:
        flash = bytes([_WHITE if is_flash(unix_ms) else _BLACK]) * self.flash_width
        room, scale = self.width - self.flash_width, self._scale
        margin = self.clock_rows - 7 * scale
        empty = bytes([_PAPER]) * room + flash
        lines = [empty * (margin // 2)]
        for row in range(7):
            ink = b"".join(_glyph_row(char, row, scale) for char in text[:_TEXT_CHARS])
            lines.append(((bytes([_PAPER]) * scale + ink).ljust(room, bytes([_PAPER])) + flash) * scale)
        lines.append(empty * (margin - margin // 2))
        return b"".join(lines)

    def _cells(self, unix_ms: int) -> bytes:
        cell = self.width // CELLS
        return b"".join(bytes([_WHITE if bit else _BLACK]) * cell for bit in time_bits(unix_ms))


def is_flash(unix_ms: int) -> bool:
    """Whether the square is white and the beep sounds at this instant."""
    return unix_ms % 1000 < FLASH_MS


def time_bits(unix_ms: int) -> tuple[bool, ...]:
    """The cells of one instant, left to right: 32 bits of time, then 8 bits of check."""
    value = unix_ms & 0xFFFFFFFF
    number = value << 8 | _check(value)
    return tuple(bool(number >> shift & 1) for shift in range(CELLS - 1, -1, -1))


def read_cells(luma: Sequence[int]) -> int | None:
    """Unix milliseconds modulo 2**32 from one row of a decoded picture (any width), or None if the check fails."""
    number = 0
    for cell in range(CELLS):
        number = number << 1 | (luma[(2 * cell + 1) * len(luma) // (2 * CELLS)] > 125)
    return number >> 8 if number & 0xFF == _check(number >> 8) else None


@lru_cache(maxsize=1)
def tone_second() -> bytes:
    """One second of the tone that starts on a whole second: interleaved stereo, 16 bit, 48 kHz; it loops seamlessly."""
    hum = [HUM_LEVEL * math.sin(2 * math.pi * HUM_HZ * n / SAMPLE_RATE) for n in range(SAMPLE_RATE)]
    beep = SAMPLE_RATE * FLASH_MS // 1000
    for n in range(beep):
        edge = min(1.0, n / 96, (beep - n) / 96)  # 2 ms of ramp: no click
        hum[n] += edge * BEEP_LEVEL * math.sin(2 * math.pi * BEEP_HZ * n / SAMPLE_RATE)
    return b"".join(struct.pack("<hh", value, value) for value in (round(32767 * level) for level in hum))


def tone_packet(index: int) -> bytes:
    """20 ms of the tone, the `index`-th since a whole second."""
    size = PACKET_SAMPLES * 4
    start = index % (SAMPLE_RATE // PACKET_SAMPLES) * size
    return tone_second()[start : start + size]


def _check(value: int) -> int:
    return (sum(value.to_bytes(4, "big")) ^ 0xA5) & 0xFF


def _even(value: float) -> int:
    return int(value) & ~1


@lru_cache(maxsize=512)
def _glyph_row(char: str, row: int, scale: int) -> bytes:
    dots = _GLYPHS.get(char, (0,) * 7)[row]
    return b"".join(bytes([_WHITE if dots >> bit & 1 else _PAPER]) * scale for bit in (4, 3, 2, 1, 0)) + (
        bytes([_PAPER]) * scale
    )
