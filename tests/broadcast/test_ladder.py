from __future__ import annotations

from broadcast.codecs import Codec
from broadcast.ladder import Ladder
from broadcast.rtcp import Rendition
from broadcast.rtp import Packet
from broadcast.track import Track

VP8 = Codec("video", "vp8", 90000)


def tracks() -> list[Track]:
    return [Track("video", n, 100 + n, 0, 0, 64, rung=n) for n in range(4)]


def feed(track: Track, frames: int, octets: int, *, size: tuple[int, int] | None = None) -> None:
    for number in range(frames):
        payload = b"\x10\x01" + bytes(octets)
        if size is not None and number == 0:
            width, height = (side.to_bytes(2, "little") for side in size)
            payload = b"\x10\x00\x00\x00\x9d\x01\x2a" + width + height + bytes(octets)
        index = track.octets + (1 << 16)
        track.push("a", VP8, index, Packet(96, True, index & 0xFFFF, index, 5, {}, payload), (), b"\0\0\0", 0.0)


def test_a_publisher_of_one_rung_has_one() -> None:
    ladder = Ladder(tracks())
    ladder.begin(several=False, pulled=False, now=0.0)
    assert ladder.order == (0,)
    assert ladder.has_one
    assert not ladder.keyframe(0)
    assert not ladder.measure(1.0)


def test_rungs_are_ordered_by_their_size_however_they_are_named_or_measured() -> None:
    each = tracks()
    ladder = Ladder(each)
    ladder.begin(several=True, pulled=False, now=0.0)
    assert ladder.order is None
    feed(each[0], 10, 500, size=(1280, 720))
    assert ladder.keyframe(0)
    feed(each[1], 10, 900, size=(320, 180))
    assert ladder.keyframe(1)
    feed(each[2], 10, 700, size=(640, 360))
    assert ladder.keyframe(2)
    assert ladder.order == (1, 2, 0)
    assert not ladder.measure(1.0)
    assert 9 * 900 * 8 < ladder.rate(1) < 11 * 950 * 8
    assert ladder.size(2) == (640, 360)


def test_a_rung_that_falls_silent_goes_only_when_another_has_moved_on_and_returns_with_a_keyframe() -> None:
    each = tracks()
    ladder = Ladder(each)
    ladder.begin(several=True, pulled=False, now=0.0)
    for rung, size in ((0, (320, 180)), (1, (640, 360))):
        feed(each[rung], 1, 100, size=size)
        ladder.keyframe(rung)
    ladder.measure(1.0)
    for _ in range(100):  # slides that nobody touches
        assert not ladder.measure(1.0)
        assert not ladder.flowed(0, 1)
        assert not ladder.flowed(1, 1)
    assert ladder.order == (0, 1)
    assert not ladder.flowed(0, 19)
    assert ladder.flowed(0, 1)
    assert ladder.order == (0,)
    assert not ladder.flowed(1, 5)
    assert not ladder.measure(1.0)
    assert ladder.keyframe(1)
    assert ladder.order == (0, 1)
    assert not ladder.flowed(1, 19)
    assert ladder.flowed(1, 1)
    assert ladder.order == (1,)


def test_the_frames_of_several_do_not_add_up_against_one() -> None:
    each = tracks()
    ladder = Ladder(each)
    ladder.begin(several=True, pulled=False, now=0.0)
    for rung in range(3):
        feed(each[rung], 1, 100 * (rung + 1), size=(320 << rung, 180 << rung))
        ladder.keyframe(rung)
    for _ in range(10):
        assert not ladder.flowed(0, 1)
        assert not ladder.flowed(1, 3)
    assert ladder.order == (0, 1, 2)


def told(ladder: Ladder, *rates: int | None) -> bool:
    return any([ladder.told(rung, Rendition(rung, rate, 16 * rung, 9 * rung), 1.0) for rung, rate in enumerate(rates)])


def test_below_the_parent_says_which_there_are() -> None:
    ladder = Ladder(tracks())
    ladder.begin(several=True, pulled=True, now=0.0)
    assert ladder.has_one
    assert told(ladder, 100, 500, 2000, None)
    assert ladder.order == (0, 1, 2)
    assert ladder.rates() == [100, 500, 2000]
    assert ladder.size(2) == (32, 18)
    assert not ladder.has_one
    assert ladder.is_told(4.0)
    assert not ladder.is_told(5.0)
    assert not told(ladder, 110, 510, 2100, None)
    assert told(ladder, None, None, None, None)
    assert ladder.order is None  # no picture now: nobody is moved
    assert not ladder.is_told(1.0)


def test_what_the_link_cannot_carry_is_not_there_for_anybody_below() -> None:
    ladder = Ladder(tracks())
    ladder.begin(several=True, pulled=True, now=0.0)
    told(ladder, 100_000, 500_000, 2_000_000)
    expected = missed = 0
    for second in range(3, 10):
        expected, missed = expected + 300, missed + 150
        ladder.link(expected, missed, float(second))
    assert ladder.order == (0, 1)
    for second in range(10, 40):
        expected += 100
        ladder.link(expected, missed, float(second))
    assert ladder.order == (0, 1, 2)
