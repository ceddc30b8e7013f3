from __future__ import annotations

from broadcast.casting import Casting
from broadcast.codecs import Codec
from broadcast.group import Group, Leg, LegState, Place
from broadcast.negotiate import Plan
from broadcast.rtcp import Rendition
from broadcast.rungs import Pin
from broadcast.stream import Stream
from broadcast.track import Track
from broadcast.viewer import Viewer

PLAN = Plan("video", codecs={96: Codec("video", "vp8", 90000)})


def tracks() -> list[Track]:
    return [Track("video", 10 + rung, 20 + rung, 0, 0, 64, rung=rung) for rung in range(4)]


def casting() -> Casting:
    """Below a parent that has three rungs."""
    made = Casting(tracks(), linger_s=5.0)
    made.ladder.begin(several=True, pulled=True, now=0.0)
    for rung, rate in enumerate((100, 500, 2000, None)):
        made.ladder.told(rung, Rendition(rung, rate, 160 << rung, 90 << rung), 0.0)
    return made


def viewer(slots: int = 0) -> Viewer:
    legs = []
    for slot in range(slots) if slots else [None]:
        track = tracks()[slot or 0]
        group = Group(track, PLAN, Place(ssrc=track.ssrc, rtx_ssrc=track.rtx_ssrc))
        legs.append(Leg(group, PLAN, {}, slot, wanted=not slot))
    return Viewer(legs, Stream.__new__(Stream), node=bool(slots))


def rungs(made: Casting, who: Viewer) -> list[int | None]:
    return [None if track is None else track.rung for _, track in made.targets(who)]


def test_a_screen_has_the_best_or_what_is_pinned_a_node_what_it_asks_for() -> None:
    made, screen, node = casting(), viewer(), viewer(slots=4)
    assert rungs(made, screen) == [2]
    assert rungs(made, node) == [0, None, None, None]
    node.legs[2].wanted = node.legs[3].wanted = True
    for pin, rung in ((Pin.LOWEST, 0), (Pin.MIDDLE, 1), (Pin.SOUND, None)):
        made.pin = pin
        assert rungs(made, screen) == [rung]
        assert rungs(made, node) == [0, None, 2, None]  # there is no fourth


def test_while_nobody_knows_which_rungs_there_are_nobody_is_moved() -> None:
    made = casting()
    for rung in range(4):
        made.ladder.told(rung, Rendition(rung, None), 1.0)
    assert made.targets(viewer()) == []


def test_a_rung_is_pulled_while_it_is_used_and_a_while_longer() -> None:
    made = casting()
    assert made.wanted([], [], 0.0) == set()
    assert made.wanted([2], [0], 1.0) == {0, 2}
    assert made.wanted([], [], 1.4) == {0, 2}
    assert made.wanted([], [], 5.9) == {2}  # a node has waited itself
    assert made.wanted([], [], 6.1) == set()
    made.expect(7.0)
    assert made.wanted([], [], 7.0) == {2}
    assert made.wanted([3], [], 8.0) == {2}  # that is not there


def test_one_rung_is_pulled_whether_it_is_used_or_not() -> None:
    made = Casting(tracks(), linger_s=5.0)
    assert made.wanted([], [], 0.0) == {0}


def test_a_node_is_told_what_it_can_have_and_a_page_what_it_gets() -> None:
    made, screen, node = casting(), viewer(), viewer(slots=4)
    told = made.renditions(node, shows=True)
    assert [(each.ssrc, each.bitrate, each.width) for each in told] == [
        (10, 100, 160),
        (11, 500, 320),
        (12, 2000, 640),
        (13, None, 0),
    ]
    assert all(each.bitrate is None for each in made.renditions(node, shows=False))
    assert made.renditions(screen, shows=True) == []
    shown = made.shown(screen)
    assert (shown.rung, shown.rungs, shown.width) == (0, 3, 160)
    screen.legs[0].become(LegState.PAUSED)
    assert made.shown(screen).rung is None
