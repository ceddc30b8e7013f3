from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.receive import Receiver, TransportFeedback
from broadcast.rtcp import SenderReport


def test_a_hole_is_asked_for_until_it_is_filled() -> None:
    receiver = Receiver(90000)
    assert receiver.on_packet(65534, 0, 0.0) is not None
    first = receiver.on_packet(1, 0, 0.1)
    assert receiver.nacks(0.105, 0.05) == []  # this may be reordering
    assert receiver.nacks(0.12, 0.05) == [65535, 0]
    assert receiver.nacks(0.13, 0.05) == []  # the answer is on its way
    assert receiver.nacks(0.20, 0.05) == [65535, 0]
    assert receiver.on_packet(65535, 0, 0.21) == first - 2  # type: ignore[operator]
    assert receiver.on_packet(65535, 0, 0.21) is None  # a repeat
    assert receiver.nacks(0.40, 0.05) == [0]
    assert (receiver.lost, receiver.given_up) == (1, 0)
    assert receiver.nacks(2.0, 0.05) == []  # given up
    assert (receiver.lost, receiver.given_up) == (1, 1)
    assert (receiver.expected, receiver.received, receiver.lost, receiver.recovered) == (4, 3, 1, 1)


def test_how_long_a_repair_takes_is_measured_where_it_is_certain() -> None:
    receiver = Receiver(90000)
    receiver.on_packet(1, 0, 0.0)
    receiver.on_packet(6, 0, 0.0)
    assert receiver.repair_s is None
    assert receiver.nacks(0.1, 0.1) == [2, 3, 4, 5]
    receiver.on_packet(2, 0, 0.11)  # only late: it came by itself
    assert receiver.repair_s is None
    receiver.on_packet(3, 0, 0.18, repair=True)
    assert receiver.repair_s == pytest.approx(0.08)
    receiver.on_packet(4, 0, 0.22, repair=True)
    assert receiver.repair_s == pytest.approx(0.09)
    assert receiver.nacks(0.3, 0.1) == [5]
    receiver.on_packet(5, 0, 0.31, repair=True)  # the answer to which of the two?
    assert receiver.repair_s == pytest.approx(0.09)


@given(st.integers(0, 0xFFFF), st.integers(0, 2**32), st.integers(2, 300))
def test_any_loss_that_is_repaired_leaves_none(start: int, seed: int, count: int) -> None:
    chance = random.Random(seed)
    receiver = Receiver(90000)
    receiver.on_packet(start, 0, 0.0)
    lost = [i for i in range(1, count) if chance.random() < 0.3]
    for i in range(1, count + 1):
        if i not in lost:
            receiver.on_packet(start + i & 0xFFFF, i, i * 0.001)
    wanted = receiver.nacks(count * 0.001 + 0.02, 0.05)
    assert sorted(wanted) == sorted(start + i & 0xFFFF for i in lost)
    for sequence in wanted:
        assert receiver.on_packet(sequence, 0, 1.0) is not None
    assert receiver.lost == 0
    assert receiver.missing == 0


def test_a_source_that_begins_anew_is_not_loss() -> None:
    receiver = Receiver(90000)
    receiver.on_packet(10, 0, 0.0)
    receiver.on_packet(20000, 0, 0.1)
    assert receiver.nacks(0.2, 0.05) == []


def test_the_report_says_what_was_lost_since_the_last() -> None:
    receiver = Receiver(8000)
    for sequence in (1, 2, 4):
        receiver.on_packet(sequence, sequence * 160, sequence * 0.02)
    receiver.on_sender_report(SenderReport(7, 0x0000_0001_8000_0000, 0, 0, 0, ()), 1.0)
    block = receiver.report(7, 1.5)
    assert (block.fraction, block.lost, block.jitter, receiver.jitter_s) == (64, 1, 0, 0.0)
    assert (block.lsr, block.dlsr) == (0x0001_8000, 0x8000)
    assert receiver.report(7, 2.0).fraction == 0


def test_transport_feedback_says_when_each_packet_came() -> None:
    feedback = TransportFeedback()
    assert feedback.take() is None
    feedback.on_packet(65535, 0.128)
    feedback.on_packet(1, 0.130)
    base, reference, count, deltas = feedback.take()  # type: ignore[misc]
    assert (base, reference, count, deltas) == (65535, 2, 0, [0, None, 8])
    feedback.on_packet(3, 0.2)
    base, _, count, deltas = feedback.take()  # type: ignore[misc]
    assert (base, count, len(deltas)) == (2, 1, 2)
    assert deltas[0] is None


def test_the_end_of_a_frame_that_does_not_come_is_asked_for() -> None:
    receiver = Receiver(90000)
    receiver.on_packet(10, 0, 0.0, ends=False)
    assert receiver.nacks(0.04, 0.02) == []
    assert receiver.nacks(0.06, 0.02) == [11]
    assert (receiver.expected, receiver.lost, receiver.given_up) == (1, 0, 0)  # nobody knows yet that it exists
    assert receiver.on_packet(11, 0, 0.08, repair=True, ends=False) is not None
    assert receiver.nacks(0.14, 0.02) == [12]
    assert receiver.on_packet(12, 0, 0.16, repair=True, ends=True) is not None
    assert receiver.nacks(1.0, 0.02) == []
    assert (receiver.received, receiver.recovered, receiver.missing) == (3, 2, 0)


def test_an_end_that_never_comes_is_given_up() -> None:
    receiver = Receiver(90000)
    receiver.on_packet(10, 0, 0.0, ends=False)
    asked = [receiver.nacks(at / 50, 0.02) for at in range(500)]
    assert 1 <= sum(map(len, asked)) <= 10
    assert (receiver.missing, receiver.given_up) == (0, 0)
    assert receiver.on_packet(11, 0, 20.0) is not None
    assert receiver.missing == 0
