from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from attendance.streams import Stream, add, from_text, may_lack, set_back, surely_has, to_text

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
    three = add(NEW, [1, 2, 3])
    assert not set_back(NEW, NEW)
    assert set_back(NEW, add(NEW, [1]))
    assert not set_back(three, three)
    assert set_back(add(NEW, [1, 2]), three)
    assert set_back(add(NEW, [1, 2, 3, 4]), add(three, [3]))  # it has counted on, over numbers that it had given before
    assert not set_back(add(three, [3]), add(three, [3]))
    assert set_back(add(three, [3]), add(three, [2, 3]))


def test_what_a_parent_may_have_lost() -> None:
    own = add(NEW, [1, 2, 3, 5, 6])
    assert not may_lack(own, own)
    assert not may_lack(own, add(NEW, range(1, 9)))
    assert not may_lack(NEW, own)
    for told in (NEW, add(NEW, [1, 2]), add(NEW, [1, 2, 3]), add(NEW, [1, 2, 3, 6])):
        assert may_lack(own, told)
    assert [seq for seq in (1, 2, 3, 5, 6) if not surely_has(own, add(NEW, [1, 2, 3, 6]), seq)] == [5]


def test_of_a_number_that_two_events_bear_nobody_knows_which_the_parent_has() -> None:
    own = add(NEW, [1, 2, 3, 4])
    forked = add(own, [3])
    for mine, told in ((own, forked), (forked, own), (forked, forked)):
        assert may_lack(mine, told)
        assert [seq for seq in (1, 2, 3, 4) if surely_has(mine, told, seq)] == [1, 2]
