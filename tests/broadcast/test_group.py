from __future__ import annotations

from broadcast import rtp
from broadcast.codecs import Codec
from broadcast.group import Group, Leg, LegState, Place
from broadcast.negotiate import Plan
from broadcast.rtp import Packet
from broadcast.stream import Stream
from broadcast.track import Sample, Track
from broadcast.viewer import Viewer

VP8 = Codec("video", "vp8", 90000)
PLAN = Plan("video", codecs={96: VP8})
PLACE = Place(ssrc=1, rtx_ssrc=2)


def filled(rung: int, first: int, packets: int, timestamp: int, begun: float = 1.0) -> Track:
    """A track whose first packet begins a keyframe, one frame a packet, 3,000 apart."""
    track = Track("video", 1, 2, first, 0, 256, rung=rung)
    for number in range(packets):
        payload = b"\x10" + (b"\x00" if number == 0 else b"\x01") + b"%d/%d" % (rung, number)
        packet = Packet(96, True, number, timestamp + 3000 * number, 5, {}, payload)
        track.push(rung, VP8, 70_000 + number, packet, (), b"\0\0\0", begun + number / 30)
    return track


def watching(track: Track) -> tuple[Viewer, Leg]:
    """A viewer who has had all of it."""
    group = Group(track, PLAN, PLACE)
    leg = Leg(group, PLAN, {})
    viewer = Viewer([leg], Stream.__new__(Stream), node=False)
    group.legs[viewer] = leg
    leg.become(LegState.LIVE)
    group.last = track.head
    return viewer, leg


def moved(leg: Leg, viewer: Viewer, track: Track) -> list[Sample]:
    start = track.joinable(200)
    assert start is not None
    place = leg.place_at(track, start)
    assert place is not None
    leg.move(viewer, Group(track, PLAN, place), start)
    return track.since(leg.cursor)


def test_the_numbers_go_on_from_one_rung_to_another() -> None:
    low, high = filled(0, 500, 20, 1000), filled(1, 9, 90, 77_000, 1.7)
    viewer, leg = watching(low)
    last = rtp.parse(leg.group.plain(low.since(low.head)[0]) or b"")
    samples = moved(leg, viewer, high)
    plain = [rtp.parse(leg.group.plain(sample) or b"") for sample in samples]
    assert [packet.sequence for packet in plain] == [last.sequence + 1 + n for n in range(90)]
    assert {packet.ssrc for packet in plain} == {1}
    assert 0 < plain[0].timestamp - last.timestamp < 9000  # 0.07 s, by the times of arrival
    assert leg.before is not None
    assert viewer not in leg.before.legs


def test_what_was_sent_before_the_move_is_found_where_it_was_and_as_it_was() -> None:
    low, high = filled(0, 500, 20, 1000), filled(1, 9, 30, 77_000, 1.7)
    viewer, leg = watching(low)
    sent = {n: leg.group.plain(sample) for n, sample in enumerate(low.since(low.head - 5))}
    moved(leg, viewer, high)
    for packet in filter(None, sent.values()):
        found = leg.find(rtp.parse(packet).sequence)
        assert found is not None
        group, sample = found
        assert group.plain(sample) == packet
    new = leg.find(leg.first & 0xFFFF)
    assert new is not None
    assert new[0] is leg.group


def test_an_older_keyframe_is_no_place_to_go_on_from() -> None:
    low = filled(0, 500, 60, 1000)
    old = Track("video", 1, 2, 9, 0, 256, rung=1)
    packet = Packet(96, True, 1, 1000, 5, {}, b"\x10\x00key")
    old.push(1, VP8, 70_000, packet, (), b"\0\0\0", 1.0)  # two seconds before what has been shown
    _, leg = watching(low)
    start = old.joinable(200)
    assert start is not None
    assert leg.place_at(old, start) is None


def test_after_a_pause_nothing_counts_as_lost() -> None:
    track = filled(0, 500, 20, 1000)
    viewer, leg = watching(track)
    leg.become(LegState.PAUSED)
    leg.leave(viewer)
    for number in range(20, 120):
        packet = Packet(96, True, number, 1000 + 3000 * number, 5, {}, b"\x10\x01")
        track.push(0, VP8, 70_000 + number, packet, (), b"\0\0\0", 1.0 + number / 30)
    key = Packet(96, True, 120, 1000 + 3000 * 120, 5, {}, b"\x10\x00")
    track.push(0, VP8, 70_120, key, (), b"\0\0\0", 5.0)
    last = leg.last
    assert last is not None
    (sample,) = moved(leg, viewer, track)
    assert rtp.parse(leg.group.plain(sample) or b"").sequence == last + 1 & 0xFFFF
    assert not leg.parted
