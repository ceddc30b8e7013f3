from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from broadcast.rota import Rota


@given(st.integers(0, 300), st.lists(st.floats(0.001, 0.1), min_size=100, max_size=100))
def test_everybody_has_one_turn_a_round(count: int, steps: list[float]) -> None:
    rota: Rota[int] = Rota(1.0)
    everybody, turns, now = set(range(count)), Counter[int](), 100.0
    assert rota.due(everybody, now) == []
    for step in steps:
        now += step
        turns.update(rota.due(everybody, now))
    rounds = [turns[one] for one in everybody]
    if rounds:
        assert max(rounds) - min(rounds) <= 1
    assert sum(turns.values()) <= count * (now - 100.0 + 1)


def test_who_has_left_has_no_turn() -> None:
    rota: Rota[int] = Rota(1.0)
    rota.due({1, 2, 3, 4}, 0.0)
    assert set(rota.due({2, 4}, 0.9)) <= {2, 4}
    assert set(rota.due({4}, 1.0)) <= {4}
