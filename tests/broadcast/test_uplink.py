from __future__ import annotations

from broadcast.uplink import back_off, is_gone


def test_back_off_has_full_jitter_and_a_bound() -> None:
    assert back_off(5, 0.0) == 0.0
    assert [back_off(n, 1.0) for n in range(7)] == [0.25, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert back_off(100000, 1.0) == 1.0


def test_a_parent_is_gone_after_three_seconds_of_silence_and_after_one_when_in_doubt() -> None:
    assert not is_gone(12.9, 10.0, None)
    assert is_gone(13.1, 10.0, None)
    assert not is_gone(11.9, 10.0, 11.0)
    assert is_gone(12.1, 10.0, 11.0)
    assert not is_gone(12.1, 11.1, 11.0)  # heard since: the doubt was unfounded
