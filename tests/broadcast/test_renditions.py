from __future__ import annotations

from broadcast import rtp
from broadcast.negotiate import Plan
from broadcast.renditions import Rungs
from broadcast.rtp import Packet

URIS = {10: rtp.RID, 11: rtp.REPAIRED_RID}


def packet(ssrc: int, **named: str) -> Packet:
    numbers = {"rid": 10, "repaired": 11}
    extensions = {numbers[name]: value.encode() for name, value in named.items()}
    return Packet(96, False, 1, 1, ssrc, extensions, b"x")


def test_where_nothing_was_agreed_there_is_one_rung() -> None:
    rungs = Rungs([Plan("video")])
    assert not rungs.several
    assert rungs.of(packet(5), {}, repair=False) == 0
    assert rungs.requests(set(), set(), 0.0) == []
    assert rungs.told(5) is None


def test_a_publishers_rungs_are_known_by_rid_and_later_by_ssrc() -> None:
    rungs = Rungs([Plan("video", rids=("l", "m"))])
    assert rungs.of(packet(5), URIS, repair=False) is None
    assert rungs.of(packet(5, rid="m"), URIS, repair=False) == 1
    assert rungs.of(packet(5), URIS, repair=False) == 1
    assert rungs.of(packet(6, rid="other"), URIS, repair=False) is None
    assert rungs.of(packet(7, repaired="l"), URIS, repair=True) == 0
    assert rungs.of(packet(7), URIS, repair=True) == 0
    for ssrc in range(100, 300):  # a stranger's SSRCs are not learned without bound
        rungs.of(packet(ssrc, rid="l"), URIS, repair=False)
    assert rungs.of(packet(299), URIS, repair=False) is None


def test_a_parents_rungs_are_known_by_ssrc() -> None:
    rungs = Rungs([Plan("video", ssrcs={50: 0, 51: 1}, rtx_ssrcs={60: 50, 61: 51})])
    assert rungs.of(packet(51), {}, repair=False) == 1
    assert rungs.of(packet(60), {}, repair=True) == 0
    assert rungs.of(packet(9), {}, repair=False) is None
    assert rungs.told(51) == 1


def test_what_is_needed_is_asked_for_until_it_is_seen() -> None:
    rungs = Rungs([Plan("video", ssrcs={50: 0, 51: 1})])
    assert rungs.requests({0}, {0}, 0.0) == []  # the first comes by itself, at first
    assert rungs.requests({0, 1}, {0}, 1.0) == [(51, 0, False)]
    assert rungs.requests({0, 1}, {0}, 1.05) == []
    assert rungs.requests({0, 1}, {0}, 1.15) == [(51, 0, False)]  # lost on its way
    assert rungs.requests({0, 1}, {0, 1}, 1.2) == []
    assert rungs.requests({1}, {0, 1}, 2.0) == [(50, 1, True)]
    assert rungs.requests({1}, {1}, 2.2) == []
    assert rungs.requests({0, 1}, {1}, 3.0) == [(50, 1, False)]
    assert rungs.requests(set(), {0, 1}, 4.0) == [(50, 2, True), (51, 1, True)]
