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


def test_a_clock_that_is_set_between_two_measurements_is_noticed_at_once() -> None:
    at = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)
    measured = ClockEstimate(offset_ms=40, uncertainty_ms=5, at=at, running_s=1000.0)
    later = at + dt.timedelta(hours=1)
    assert measured.now(later, 4600.0) == measured
    assert measured.now(later + dt.timedelta(milliseconds=900), 4600.0) == measured  # drifted
    back = measured.now(later - dt.timedelta(hours=3), 4600.0)
    assert back == ClockEstimate(offset_ms=40 + 3 * 3_600_000, uncertainty_ms=5)
    assert measured.now(later + dt.timedelta(days=1), 4600.0).offset_ms == 40 - 86_400_000
    uncounted = ClockEstimate(offset_ms=40, uncertainty_ms=5)
    assert uncounted.now(later, 1.0) == uncounted


def test_a_measurement_during_which_the_clock_was_set_is_dropped_and_the_one_before_holds() -> None:
    clock = ClockFilter()
    at = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)
    second = dt.timedelta(seconds=1)
    clock.add(at, at, at, at, 100.0, 0.0)
    set_back = at - dt.timedelta(hours=3)
    clock.add(at + second, at + second, at + second, set_back + second, 101.0, 0.0)
    clock.add(at + second, at + second, at + second, at + 3600 * second, 101.0, 0.0)
    known = clock.estimate
    assert known == ClockEstimate(offset_ms=0, uncertainty_ms=1)
    assert known.now(set_back + 2 * second, 102.0).offset_ms == 3 * 3_600_000
    clock.add(set_back + 3 * second, at + 3 * second, at + 3 * second, set_back + 3 * second, 103.0, 0.0)
    known = clock.estimate
    assert known is not None
    assert known.now(set_back + 4 * second, 104.0).offset_ms == 3 * 3_600_000
