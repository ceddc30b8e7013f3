from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.codecs import Codec
from broadcast.rtcp import SenderReport
from broadcast.rtp import Packet
from broadcast.track import KeyframeRequests, Sample, Track

VP8 = Codec("video", "vp8", 90000)
KEY, DELTA = b"\x10\x00key", b"\x10\x01delta"


def track(first: int = 100, capacity: int = 64) -> Track:
    return Track("video", 1, 2, first, 1000, capacity)


def push(
    t: Track, source: object, index: int, payload: bytes = DELTA, timestamp: int = 0, now: float = 0.0
) -> Sample | None:
    packet = Packet(96, False, index & 0xFFFF, timestamp, 5, {}, payload)
    return t.push(source, VP8, index, packet, (), b"\0\0\0", now)


def test_numbers_go_on_where_the_last_source_stopped() -> None:
    t = track()
    first = push(t, "a", 70000, timestamp=500, now=1.0)
    second = push(t, "a", 70001, timestamp=3500, now=1.1)
    other = push(t, "b", 9, timestamp=77, now=2.1)
    assert first is not None
    assert second is not None
    assert other is not None
    assert [s.index for s in (first, second, other)] == [65636, 65637, 65638]
    assert second.timestamp - first.timestamp == 3000
    assert other.timestamp - second.timestamp == 90000  # one second of silence
    assert push(t, "b", 8) is None  # older than the source's first
    assert t.pending == [first, second, other]


@given(st.permutations(range(70000, 70030)))
def test_any_order_of_arrival_keeps_every_packet_at_its_place(order: list[int]) -> None:
    t = track()
    start = push(t, "a", 69999)
    assert start is not None
    for index in order:
        sample = push(t, "a", index)
        assert sample is not None
        assert sample.index - start.index == index - 69999
        assert push(t, "a", index) is None  # a repeat
    assert [s.index for s in t.since(start.index)] == [start.index + i for i in range(31)]
    for i in range(31):
        found = t.find(start.index + i & 0xFFFF)
        assert found is not None
        assert found.index == start.index + i


def test_history_is_bounded_and_what_left_it_is_not_found() -> None:
    t = track(capacity=16)
    for index in range(65530, 65600):
        push(t, "a", index)
    assert len(t.since(0)) == 16
    assert t.find(t.head - 16 & 0xFFFF) is None
    assert push(t, "a", 65540) is None


def test_a_viewer_joins_at_the_last_keyframe_while_it_is_near() -> None:
    t = track()
    assert t.joinable(50) is None
    push(t, "a", 1000, KEY, timestamp=1)
    push(t, "a", 1001, KEY, timestamp=1)  # same frame: its start counts
    start = t.joinable(50)
    assert start == t.head - 1
    for index in range(1002, 1060):
        push(t, "a", index, timestamp=2)
    assert t.joinable(50) is None
    push(t, "a", 1060, KEY, timestamp=3)
    assert t.joinable(50) == t.head
    push(t, "b", 1)
    assert t.joinable(50) is None  # another source: nothing of it can be decoded yet


def test_the_clock_follows_the_publisher_over_our_timestamps() -> None:
    t = track()
    sample = push(t, "a", 1000, timestamp=400, now=1.0)
    assert sample is not None
    assert t.clock(1.0) is None
    t.on_sender_report("a", SenderReport(5, 10 << 32, 400 + 9000, 0, 0, ()), 1.1)
    assert t.clock(2.1) == (11 << 32, sample.timestamp + 9000 + 90000)
    t.on_sender_report("b", SenderReport(5, 99 << 32, 0, 0, 0, ()), 1.2)
    assert t.clock(1.1) == (10 << 32, sample.timestamp + 9000)


def test_the_report_that_was_least_delayed_counts_until_the_clock_is_set() -> None:
    t = track()
    push(t, "a", 70000, timestamp=0, now=0.0)

    def report(clock_s: float, arrived: float) -> None:
        t.on_sender_report("a", SenderReport(5, int(clock_s * 2**32), int(clock_s * 90000), 0, 0, ()), arrived)

    def shows(at: float) -> float:
        clock = t.clock(at)
        assert clock is not None
        return clock[0] / 2**32

    report(1.0, 1.010)
    report(2.0, 2.150)  # was long on its way
    assert shows(3.0) == pytest.approx(2.990)
    report(3.0, 3.005)
    assert shows(4.0) == pytest.approx(3.995)
    report(14.0, 5.0)
    assert shows(6.0) == pytest.approx(15.0)
    report(7.0, 7.0)
    assert shows(8.0) == pytest.approx(8.0)


def test_keyframes_are_asked_for_once_a_second_and_no_more_once_one_came() -> None:
    requests = KeyframeRequests()
    assert not requests.take(0.0)
    for _ in range(100):
        requests.want()
    assert requests.take(0.0)
    assert not requests.take(0.9)
    assert requests.take(1.0)
    requests.satisfied()
    assert not requests.take(3.0)


def test_the_tail_is_said_again_when_nothing_follows() -> None:
    t = track()
    assert t.tail(9.0) is None  # nothing has come yet
    for at in range(4):
        push(t, "a", 70000 + at, now=10.0 + at / 30)
        assert t.tail(10.0 + at / 30 + 0.1) is None  # a picture that moves
    last = t.at(t.head)
    told = [(at, t.tail(10.1 + at / 100)) for at in range(500)]
    assert [sample for _, sample in told if sample is not None] == [last] * 3
    assert [at for at, sample in told if sample is not None] == pytest.approx([12, 36, 108], abs=1)
    push(t, "a", 70004, now=20.0)
    assert t.tail(20.2) is t.at(t.head)
