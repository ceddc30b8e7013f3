from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.event import Event, Kind, Method
from attendance.judge import Presence, Status, judge
from attendance.lectures import Lecture, LectureState
from attendance.policy import FIRST, Policy, Rules
from tests.attendance.world import VILLAGE, VILLAGE_2, an_event

BEGIN = dt.datetime(2026, 11, 22, 1, tzinfo=dt.UTC)
LECTURE = Lecture(
    id="01890a5d-0000-774b-bcce-b302099a8057",
    title="课",
    venue_id=1,
    state=LectureState.ENDED,
    started_at=BEGIN,
    ended_at=BEGIN + dt.timedelta(minutes=90),
)
LIVE = dataclasses.replace(LECTURE, state=LectureState.LIVE, ended_at=None)


def at(minute: float, n: int = 1, **changed: object) -> Event:
    """A check-in by code so many minutes after the beginning."""
    changed = {"method": Method.CODE} | changed
    return an_event(n, captured_at=BEGIN + dt.timedelta(minutes=minute), **changed)


def left(minute: float, n: int, **changed: object) -> Event:
    return at(minute, n, kind=Kind.SIGN_OUT, **changed)


def said(minute: float, n: int, state: str, **data: int | str | bool) -> Event:
    return at(minute, n, kind=Kind.CORRECTION, method=Method.DESK, reason="查证", data={"state": state, **data})


def under(**rules: object) -> Policy:
    return dataclasses.replace(FIRST, version=2, rules=dataclasses.replace(Rules(), **rules))


def found(*events: Event, lecture: Lecture | None = LECTURE, policy: Policy = FIRST) -> Presence:
    row = judge(events, lecture, policy)
    assert row is not None
    return row


def test_nobody_is_there_without_a_word() -> None:
    assert judge([], LECTURE) is None
    first = at(0)
    undo = at(1, 2, kind=Kind.UNDO, supersedes=first.id)
    assert judge([first, undo], LECTURE) is None
    assert judge([undo], LECTURE) is None


def test_the_first_check_in_counts_and_a_second_venue_is_flagged() -> None:
    row = found(at(3, 1), at(2, 2, venue=VILLAGE_2, method=Method.BADGE))
    assert (row.venue, row.event, row.first_at) == (VILLAGE_2, at(2, 2).id, BEGIN + dt.timedelta(minutes=2))
    assert (row.methods, row.other_venue, row.status) == (("badge", "code"), True, Status.PRESENT)


@pytest.mark.parametrize(("minute", "late"), [(-20, False), (15, False), (15.1, True), (80, True), (100, True)])
def test_late_is_after_a_quarter_of_an_hour(minute: float, late: bool) -> None:
    assert found(at(minute)).late is late
    assert found(at(minute), lecture=LIVE).late is late
    assert not found(at(minute, method=Method.ROLL_CALL)).late  # a tick says "was here"
    assert found(at(minute, method=Method.ROLL_CALL), policy=under(tick_counts_whole=False)).late is late


def test_nobody_is_late_before_the_planned_time() -> None:
    planned = dataclasses.replace(LECTURE, starts_at=BEGIN + dt.timedelta(minutes=30))
    assert not found(at(44), lecture=planned).late
    assert found(at(46), lecture=planned).late


@pytest.mark.parametrize(
    ("events", "minutes", "early"),
    [
        ([at(0)], 90, False),
        ([at(-30)], 90, False),
        ([at(30)], 60, False),
        ([at(0), left(60, 2)], 60, True),
        ([at(0), left(76, 2)], 76, False),
        ([at(0), left(30, 2), at(50, 3), left(70, 4)], 50, True),
        ([at(0), left(30, 2), at(50, 3)], 70, False),
        ([at(0), left(40, 2, venue=VILLAGE_2)], 90, False),  # of a place where the person was not
        ([at(0), left(40, 2), at(20, 3, venue=VILLAGE_2), left(60, 4, venue=VILLAGE_2)], 60, True),  # a union
        ([at(0), at(80, 2)], 90, False),
        ([at(95)], 0, False),
        ([at(200, method=Method.ROLL_CALL)], 90, False),  # ticked in the evening
        ([at(20, method=Method.WALK_IN), left(60, 2)], 60, True),
    ],
)
def test_minutes_are_the_union_of_the_stays(events: list[Event], minutes: int, early: bool) -> None:
    row = found(*events)
    assert (row.seconds, row.early) == (minutes * 60, early)


def test_minutes_while_the_lecture_goes_on_are_those_that_are_over() -> None:
    assert found(at(5), lecture=LIVE).seconds == 0
    row = found(at(5), left(25, 2), lecture=LIVE)
    assert (row.seconds, row.attended, row.credit, row.early) == (20 * 60, False, 0, False)


def test_without_its_lecture_nothing_is_judged_yet() -> None:
    row = found(at(50), lecture=None)
    assert (row.policy, row.late, row.seconds, row.attended, row.status) == (0, False, 0, False, "present")


def test_who_stays_half_of_it_has_attended_and_gets_its_hours() -> None:
    assert (found(at(0)).attended, found(at(0)).credit) == (True, 200)  # 90 minutes: two hours of 45
    assert (found(at(45)).attended, found(at(46)).attended) == (True, False)
    assert found(at(46)).credit == 0
    by_the_minute = under(credit_whole=False, credit_step=25)
    assert found(at(20), policy=by_the_minute).credit == 150  # 70 / 45 = 1.55
    assert not found(at(20), policy=under(least_minutes=71)).attended
    assert found(at(20), policy=under(least_minutes=70, hour_minutes=60)).credit == 150


def test_leave_excuses_who_did_not_come_or_went() -> None:
    leave = at(-60, 5, kind=Kind.LEAVE, method=Method.ROLL_CALL, reason="生病")
    row = found(leave)
    assert (row.status, row.seconds, row.credit, row.last_at) == (Status.LEAVE, 0, 0, None)
    row = found(leave, at(0), left(50, 2))
    assert (row.status, row.early, row.seconds) == (Status.PRESENT, False, 3000)
    undo = at(0, 6, kind=Kind.UNDO, supersedes=leave.id)
    assert judge([leave, undo], LECTURE) is None


@pytest.mark.parametrize(
    ("hours", "minute", "status"),
    [
        (0, -1, Status.LEAVE),
        (0, 0, Status.LEAVE),
        (0, 1, Status.ABSENT),
        (2, 120, Status.LEAVE),
        (2, 121, Status.ABSENT),
    ],
)
def test_leave_that_is_entered_too_late_is_absence(hours: int, minute: float, status: Status) -> None:
    by_then = under(leave_whenever=False, leave_hours=hours)
    leave = at(minute, 5, kind=Kind.LEAVE, method=Method.ROLL_CALL, reason="生病")
    stated = at(minute, 6, kind=Kind.CORRECTION, method=Method.ROLL_CALL, reason="生病", data={"state": "leave"})
    for entered in ([leave], [stated], [at(-5), stated]):
        assert found(*entered).status == Status.LEAVE
        assert found(*entered, policy=by_then).status == status


def test_of_several_leaves_one_in_time_is_enough_and_the_organizer_may_say_so_later() -> None:
    beforehand = under(leave_whenever=False)
    early, late = (at(m, m + 100, kind=Kind.LEAVE, method=Method.ROLL_CALL, reason="病") for m in (-5, 30))
    row = found(early, late, policy=beforehand)
    assert (row.status, row.event) == (Status.LEAVE, early.id)
    assert found(late, said(500, 7, "leave"), policy=beforehand).status == Status.LEAVE
    assert found(late, at(0), policy=beforehand).status == Status.PRESENT
    assert found(late, lecture=dataclasses.replace(LIVE, started_at=None), policy=beforehand).status == Status.LEAVE


def test_leave_that_is_entered_too_late_excuses_nobody_who_left_early() -> None:
    leave = at(40, 5, kind=Kind.LEAVE, method=Method.ROLL_CALL, reason="生病")
    stay = [at(0), left(50, 2)]
    assert not found(leave, *stay).early
    assert found(leave, *stay, policy=under(leave_whenever=False)).early
    assert not found(leave, *stay, policy=under(leave_whenever=False, leave_hours=1)).early


def test_the_last_correction_stands() -> None:
    was_there, was_not = said(100, 7, "present"), said(200, 8, "absent")
    row = found(was_there)
    assert (row.status, row.seconds, row.credit, row.attended) == (Status.PRESENT, 5400, 200, True)
    row = found(at(0), was_not, was_there)
    assert (row.status, row.seconds, row.credit, row.attended) == (Status.ABSENT, 0, 0, False)
    undo = at(300, 9, kind=Kind.UNDO, supersedes=was_not.id)
    assert found(at(0), was_not, was_there, undo).status == Status.PRESENT
    assert found(at(0), said(100, 7, "present", late=True)).late
    assert not found(at(50), said(100, 7, "present", late=False)).late
    assert found(at(0), said(100, 7, "a_newer_word")).status == Status.PRESENT


def test_who_comes_after_the_operator_said_absent_is_there_and_the_organizer_stands() -> None:
    absent, back = dataclasses.replace(said(20, 7, "absent"), method=Method.ROLL_CALL), at(30, 8)
    assert found(at(0), absent).status == Status.ABSENT
    row = found(absent, back)
    assert (row.status, row.event, row.late) == (Status.PRESENT, back.id, True)
    assert found(at(0), absent, back, at(40, 9, kind=Kind.UNDO, supersedes=back.id)).status == Status.ABSENT
    assert found(said(20, 7, "absent"), back).status == Status.ABSENT
    assert found(said(20, 7, "present", late=True), at(0), back).late
    slow = at(-160, 8)  # the node's clock was set back meanwhile, and nobody knows by how much
    assert found(absent, slow).status == Status.PRESENT
    assert found(absent, dataclasses.replace(slow, node="another")).status == Status.ABSENT


def test_made_up_in_time_counts_by_its_share() -> None:
    assert (found(said(500, 7, "makeup")).status, found(said(500, 7, "makeup")).credit) == (Status.MAKEUP, 200)
    assert found(said(500, 7, "makeup"), policy=under(makeup_percent=50)).credit == 100
    assert found(said(31 * 24 * 60 + 100, 7, "makeup")).credit == 0


def test_signed_out_for_the_last_time() -> None:
    assert found(at(0), left(60, 2)).last_at == BEGIN + dt.timedelta(minutes=60)
    assert found(at(0), left(60, 2), at(70, 3)).last_at is None


def test_a_slow_clock_makes_nobody_early() -> None:
    """Three hours slow, and known to be: on time by the right clock."""
    slow = at(-170, clock_offset_ms=3 * 3_600_000, clock_uncertainty_ms=100)
    row = found(slow)
    assert (row.first_at, row.late) == (BEGIN + dt.timedelta(minutes=10), False)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """All that can be said of one person at two venues; undos may come before, twice, or of nothing."""
    kinds = st.sampled_from([Kind.CHECK_IN, Kind.CHECK_IN, Kind.SIGN_OUT, Kind.LEAVE, Kind.CORRECTION, Kind.UNDO])
    events = []
    for number in range(1, draw(st.integers(1, 8))):
        kind = draw(kinds)
        changed: dict[str, object] = {"kind": kind, "method": draw(st.sampled_from(list(Method)))}
        if kind == Kind.CORRECTION:
            changed["data"] = {"state": draw(st.sampled_from(["present", "absent", "leave", "makeup", "other"]))}
        if kind == Kind.UNDO:
            changed["supersedes"] = at(0, draw(st.integers(1, 9))).id
        venue = draw(st.sampled_from([VILLAGE, VILLAGE_2]))
        events.append(at(draw(st.integers(-5, 95)), number, venue=venue, **changed))
    return events


@given(
    histories().flatmap(lambda events: st.tuples(st.just(events), st.permutations(events + events))),
    st.sampled_from([LECTURE, LIVE, None]),
    st.builds(
        lambda tick, whole, least: under(tick_counts_whole=tick, open_stay_counts=whole, least_percent=least),
        st.booleans(),
        st.booleans(),
        st.sampled_from([0, 50, 100]),
    ),
)
def test_order_and_repeats_do_not_matter_and_nobody_has_more_than_all(
    pair: tuple[list[Event], list[Event]], lecture: Lecture | None, policy: Policy
) -> None:
    once, jumbled = pair
    row = judge(once, lecture, policy)
    assert judge(jumbled, lecture, policy) == row
    if row is not None:
        assert row.seconds >= 0
        assert row.status == Status.PRESENT or not (row.late or row.early or row.attended or row.seconds)
        if lecture is LECTURE:
            assert row.seconds <= 5400
            assert row.credit <= 200
