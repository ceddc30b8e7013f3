from __future__ import annotations

from broadcast.uplink import back_off


def test_back_off_has_full_jitter_and_a_bound() -> None:
    assert back_off(5, 0.0) == 0.0
    assert [back_off(n, 1.0) for n in range(7)] == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0]
    assert back_off(100000, 1.0) == 2.0
