from __future__ import annotations

import datetime as dt

import pytest

from attendance.event import Kind
from attendance.presence import moment, standing
from tests.attendance.world import an_event

NOON = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)


def test_an_undo_takes_out_until_checked_in_again() -> None:
    first = an_event(1)
    undo = an_event(2, kind=Kind.UNDO, supersedes=first.id)
    again = an_event(3, captured_at=NOON)
    assert standing([first, undo, again]) == [again]


def test_a_clock_known_to_be_wrong_is_set_right() -> None:
    three_hours_slow = an_event(captured_at=NOON, clock_offset_ms=3 * 3_600_000, clock_uncertainty_ms=50)
    assert moment(three_hours_slow) == NOON + dt.timedelta(hours=3)
    assert moment(an_event(captured_at=NOON, clock_offset_ms=1500, clock_uncertainty_ms=50)) == NOON
    assert (
        moment(an_event(captured_at=NOON, clock_offset_ms=9000, clock_uncertainty_ms=8000)) == NOON
    )  # not sure enough
    assert moment(an_event(captured_at=NOON, clock_offset_ms=None, clock_uncertainty_ms=None)) == NOON


@pytest.mark.parametrize("offset_ms", [2**63 - 1, -(2**63 - 1), 10**15])
def test_an_offset_that_leads_out_of_the_calendar_is_none(offset_ms: int) -> None:
    assert moment(an_event(captured_at=NOON, clock_offset_ms=offset_ms, clock_uncertainty_ms=2)) == NOON
    assert moment(an_event(captured_at=NOON, clock_offset_ms=5000, clock_uncertainty_ms=2**63 - 1)) == NOON


def test_the_first_is_the_first_by_the_right_clock() -> None:
    fast = an_event(1, captured_at=NOON, clock_offset_ms=-3_600_000, clock_uncertainty_ms=10)
    right = an_event(2, captured_at=NOON - dt.timedelta(minutes=10), clock_offset_ms=0, clock_uncertainty_ms=10)
    assert standing([right, fast]) == [fast, right]
