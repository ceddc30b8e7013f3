from __future__ import annotations

import datetime as dt

from tests.venues.world import START
from venues.clock import ClockEstimate, ClockFilter


def measure(clock: ClockFilter, offset_ms: float, there_ms: float, back_ms: float, thinking_ms: float = 5) -> None:
    def at(milliseconds: float) -> dt.datetime:
        return START + dt.timedelta(milliseconds=milliseconds)

    received = there_ms + offset_ms
    returned = there_ms + thinking_ms + back_ms
    clock.add(at(0), at(received), at(received + thinking_ms), at(returned))


def test_nothing_is_known_at_first() -> None:
    assert ClockFilter().estimate is None


def test_offset_and_uncertainty() -> None:
    clock = ClockFilter()
    measure(clock, offset_ms=2500, there_ms=20, back_ms=20)
    assert clock.estimate == ClockEstimate(offset_ms=2500, uncertainty_ms=21)


def test_the_shortest_way_is_believed_and_holds_the_truth() -> None:
    clock = ClockFilter()
    measure(clock, offset_ms=100, there_ms=10, back_ms=10)
    measure(clock, offset_ms=100, there_ms=400, back_ms=20)
    assert clock.estimate == ClockEstimate(offset_ms=100, uncertainty_ms=11)
    for _ in range(8):
        measure(clock, offset_ms=100, there_ms=60, back_ms=20)
    estimate = clock.estimate
    assert estimate is not None
    assert abs(estimate.offset_ms - 100) <= estimate.uncertainty_ms


def test_a_clock_that_was_set_voids_what_was_measured() -> None:
    clock = ClockFilter()
    measure(clock, offset_ms=0, there_ms=1, back_ms=1)
    measure(clock, offset_ms=60_000, there_ms=30, back_ms=30)
    assert clock.estimate == ClockEstimate(offset_ms=60_000, uncertainty_ms=31)


def test_a_way_of_less_than_no_time_is_dropped() -> None:
    clock = ClockFilter()
    measure(clock, offset_ms=0, there_ms=-50, back_ms=10)
    assert clock.estimate is None
