from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from attendance.event import Event, Kind, Method
from attendance.presence import presence, standing
from tests.attendance.world import VILLAGE, VILLAGE_2, an_event

NOON = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)


def test_nobody_is_present_without_a_check_in() -> None:
    assert presence([]) is None


def test_the_first_check_in_counts_and_a_second_venue_is_flagged() -> None:
    late = an_event(1, captured_at=NOON, method=Method.CODE)
    early = an_event(2, captured_at=NOON - dt.timedelta(minutes=1), venue=VILLAGE_2)
    found = presence([late, early])
    assert found is not None
    assert (found.venue, found.event, found.first_at) == (VILLAGE_2, early.id, early.captured_at)
    assert (found.methods, found.other_venue) == (("code", "roll_call"), True)


def test_an_undo_takes_out_until_checked_in_again() -> None:
    first = an_event(1)
    undo = an_event(2, kind=Kind.UNDO, supersedes=first.id)
    again = an_event(3, captured_at=NOON)
    assert presence([first, undo]) is None
    assert presence([undo]) is None
    assert standing([first, undo, again]) == [again]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Check-ins and undos of one person at two venues; undos may come before, twice, or of nothing."""
    check_ins = [
        an_event(
            number,
            venue=draw(st.sampled_from([VILLAGE, VILLAGE_2])),
            captured_at=NOON + dt.timedelta(minutes=draw(st.integers(0, 3))),
            method=draw(st.sampled_from(Method)),
        )
        for number in range(1, draw(st.integers(1, 5)))
    ]
    undos = [
        an_event(100 + number, kind=Kind.UNDO, supersedes=an_event(draw(st.integers(1, 6))).id)
        for number in range(draw(st.integers(0, 3)))
    ]
    return check_ins + undos


@given(histories().flatmap(lambda events: st.tuples(st.just(events), st.permutations(events + events))))
def test_order_and_repeats_do_not_matter(pair: tuple[list[Event], list[Event]]) -> None:
    once, jumbled = pair
    assert presence(jumbled) == presence(once)
