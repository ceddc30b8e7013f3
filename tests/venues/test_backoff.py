from __future__ import annotations

from venues.backoff import full_jitter


def test_the_ceiling_doubles_up_to_the_most() -> None:
    ceilings = [full_jitter(failures, 1.0, first_s=1, most_s=30) for failures in (1, 2, 3, 4, 5, 6, 7, 10_000)]
    assert ceilings == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_whole_range_is_used() -> None:
    assert full_jitter(3, 0.0, first_s=1, most_s=30) == 0
    assert full_jitter(3, 0.5, first_s=1, most_s=30) == 2
    assert full_jitter(0, 0.5, first_s=1, most_s=30) == 0.5
