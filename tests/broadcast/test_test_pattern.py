from __future__ import annotations

import struct

import pytest

from broadcast import test_pattern as pattern

NOW = 1_790_000_000_000  # a whole second


@pytest.mark.parametrize(("width", "height"), [(320, 180), (640, 360), (1280, 720), (1920, 1080)])
def test_planes_have_the_size_of_yuv420p(width: int, height: int) -> None:
    planes = pattern.TestPattern(width, height).draw(NOW + 123, "12:34:56.78")
    assert (len(planes.y), len(planes.u), len(planes.v)) == (
        width * height,
        width * height // 4,
        width * height // 4,
    )


@pytest.mark.parametrize("later_ms", [0, 1_000, 7_777, 15_999])
def test_bars_have_the_published_colours_where_bar_at_says(later_ms: int) -> None:
    drawn = pattern.TestPattern(640, 360)
    now = NOW // 16_000 * 16_000 + later_ms
    planes = drawn.draw(now, "")
    for x in range(0, 640, 2):
        expected = pattern.yuv(drawn.bar_at(x, now))
        row = 100
        got = (planes.y[row * 640 + x], planes.u[row // 2 * 320 + x // 2], planes.v[row // 2 * 320 + x // 2])
        assert got == expected


def test_bars_drift_once_around_in_the_published_time() -> None:
    drawn = pattern.TestPattern(640, 360)
    start = NOW // 16_000 * 16_000
    positions = [drawn.drift(start + ms) for ms in range(0, 16_000, 40)]
    assert positions[0] == 0
    assert positions == sorted(positions)
    assert positions[-1] < 640
    assert drawn.drift(start + 16_000) == 0


def test_square_is_white_for_the_first_80_ms_of_a_second() -> None:
    drawn = pattern.TestPattern(640, 360)
    row = int(360 * sum(pattern.CLOCK_PART) / 2)
    lumas = {ms: drawn.draw(NOW + ms, "").y[row * 640 + 639] for ms in (0, 79, 80, 999)}
    assert lumas == {0: 235, 79: 235, 80: 16, 999: 16}


def test_cells_read_back_as_the_time_they_show() -> None:
    drawn = pattern.TestPattern(640, 360)
    for ms in (0, 1, 39, 999, 123_456):
        planes = drawn.draw(NOW + ms, "")
        assert pattern.read_cells(planes.y[350 * 640 : 351 * 640]) == (NOW + ms) % 2**32


def test_cells_of_something_else_are_refused() -> None:
    assert pattern.read_cells(bytes([16]) * 640) is None
    assert pattern.read_cells(bytes([235]) * 640) is None


def test_the_time_of_day_is_visible_and_changes() -> None:
    drawn = pattern.TestPattern(640, 360)
    assert drawn.draw(NOW + 500, "12:34:56.78").y != drawn.draw(NOW + 500, "12:34:56.79").y
    assert drawn.draw(NOW + 500, "?").y == drawn.draw(NOW + 500, "").y  # what has no glyph leaves a gap


@pytest.mark.parametrize(("width", "height"), [(0, 360), (642, 360), (640, 361), (640, 64)])
def test_other_sizes_are_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="multiple of 80"):
        pattern.TestPattern(width, height)


def test_tone_beeps_with_the_flash_and_hums_otherwise() -> None:
    samples = struct.unpack(f"<{2 * pattern.SAMPLE_RATE}h", pattern.tone_second())
    beep = samples[: 2 * pattern.SAMPLE_RATE * pattern.FLASH_MS // 1000]
    rest = samples[len(beep) :]
    assert max(beep) > 10 * max(rest) > 0
    assert samples[0::2] == samples[1::2]


def test_tone_packets_are_the_second_in_order_and_loop() -> None:
    assert b"".join(pattern.tone_packet(n) for n in range(50)) == pattern.tone_second()
    assert pattern.tone_packet(50) == pattern.tone_packet(0)
