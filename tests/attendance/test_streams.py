from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from attendance.streams import Stream, add, from_text, set_back, to_text

NEW = Stream(node="n", epoch=1)


@given(st.sets(st.integers(1, 40)), st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_mark_is_the_longest_run_whatever_the_order(seqs: set[int], chance: random.Random, size: int) -> None:
    order = list(seqs)
    chance.shuffle(order)
    stream = NEW
    for start in range(0, len(order), size):
        stream = add(stream, order[start : start + size])
    assert stream.upto == next(n for n in range(41) if n + 1 not in seqs)
    assert {seq for seq in range(1, 41) if stream.holds(seq)} == seqs
    assert stream.last == max(seqs, default=0)
    assert stream.forked_at is None
    assert stream.mark == stream.upto
    assert from_text(to_text(stream.beyond)) == stream.beyond


def test_a_gap_holds_the_mark_until_it_is_filled() -> None:
    stream = add(NEW, [1, 2, 4, 5, 9])
    assert (stream.upto, stream.beyond) == (2, ((4, 5), (9, 9)))
    stream = add(stream, [3])
    assert (stream.upto, stream.beyond) == (5, ((9, 9),))


def test_a_number_borne_twice_is_a_fork_and_the_mark_stays_below_it() -> None:
    stream = add(add(NEW, range(1, 11)), [7, 6])
    assert (stream.upto, stream.forked_at, stream.mark) == (10, 6, 5)
    assert add(stream, [11]).mark == 5
    within = add(NEW, [1, 2, 2, 3])
    assert (within.upto, within.forked_at) == (3, 2)
    beyond = add(add(NEW, [1, 5]), [5])
    assert (beyond.mark, beyond.forked_at) == (1, 5)


def test_a_disk_that_was_set_back() -> None:
    assert not set_back(None, 0)
    assert set_back(None, 1)
    assert not set_back(add(NEW, [1, 2, 3]), 3)
    assert set_back(add(NEW, [1, 2]), 3)
