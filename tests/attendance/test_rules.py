from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from attendance import rules
from attendance.event import Event, Kind, Method
from attendance.lectures import Lecture, LectureState, LectureUnknown
from attendance.people import Person, person_id
from tests.attendance.world import VILLAGE, VILLAGE_2, an_event
from venues.errors import TongtangError

NOW = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)
LECTURE = Lecture(id=an_event().lecture, title="民法典", venue_id=1, state=LectureState.LIVE)
ZHANG = Person(id=person_id("A1"), number="A1", name="张三", home=VILLAGE)


def draft(method: Method = Method.WALK_IN, **more: str | None) -> rules.Draft:
    return rules.Draft(lecture=LECTURE.id, venue=VILLAGE, kind=Kind.CHECK_IN, method=method, **more)


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (draft(Method.ROLL_CALL, person=ZHANG.id), ZHANG),
        (draft(Method.CODE, number=" a1", name="张 三"), ZHANG),
        (draft(number="A1"), ZHANG),
        (draft(number="A1", name="张三"), ZHANG),
    ],
)
def test_somebody_of_the_roster(asked: rules.Draft, known: Person) -> None:
    assert rules.key(asked) == ZHANG.id
    assert rules.attendee(asked, known) == rules.Attendee(person=ZHANG.id, number="A1", name="张三")


@pytest.mark.parametrize("method", [Method.CODE, Method.WALK_IN, Method.BADGE])
def test_a_number_that_the_roster_does_not_know_is_a_guest(method: Method) -> None:
    who = rules.attendee(draft(method, number="x9", name=" 钱 八 "), None)
    assert who == rules.Attendee(person=person_id("X9"), number="X9", name="钱 八")


def test_a_walk_in_needs_no_number() -> None:
    assert rules.key(draft(name="钱八")) is None
    assert rules.attendee(draft(name="钱八"), None) == rules.Attendee(person=None, number=None, name="钱八")


@pytest.mark.parametrize(
    ("asked", "known", "code"),
    [
        (draft(Method.CODE, number="A1", name="李四"), ZHANG, "name_mismatch"),
        (draft(Method.CODE, number="A1"), ZHANG, "name_mismatch"),
        (draft(Method.WALK_IN, number="A1", name="李四"), ZHANG, "name_mismatch"),
        (draft(Method.ROLL_CALL, person="nobody"), None, "person_unknown"),
        (draft(Method.ROLL_CALL, name="钱八"), None, "person_unknown"),
        (draft(Method.CODE, name="钱八"), None, "number_missing"),
        (draft(Method.WALK_IN, number="x9", name="  "), None, "name_missing"),
        (draft(Method.WALK_IN, name="钱" * 101), None, "name_too_long"),
        (draft(Method.WALK_IN, name="钱八", number="9" * 65), None, "number_too_long"),
    ],
)
def test_what_the_page_is_told(asked: rules.Draft, known: Person | None, code: str) -> None:
    with pytest.raises(TongtangError) as caught:
        rules.attendee(asked, known)
    assert caught.value.code == code
    assert "{" not in caught.value.message


def test_checked_in_twice_the_first_stands_and_another_venue_is_another_check_in() -> None:
    first = an_event(1)
    assert rules.check_in(draft(), LECTURE, [first], NOW) is first
    assert rules.check_in(draft(), None, [first], NOW) is first  # a repeat is a success whatever happened since
    assert rules.check_in(draft(), LECTURE, [an_event(1, venue=VILLAGE_2)], NOW) is None
    assert rules.check_in(draft(), LECTURE, [first, an_event(2, kind=Kind.UNDO, supersedes=first.id)], NOW) is None


def test_who_was_said_not_to_be_there_may_come_later_unless_the_organizer_said_so() -> None:
    first, data = an_event(1), {"state": "absent"}
    absent = an_event(2, kind=Kind.CORRECTION, reason="没来", data=data, captured_at=NOW)
    assert rules.check_in(draft(), LECTURE, [first, absent], NOW) is None
    back = an_event(3, captured_at=NOW + dt.timedelta(minutes=1))
    assert rules.check_in(draft(), LECTURE, [first, absent, back], NOW) is first
    with pytest.raises(rules.OrganizerSaysOtherwise):
        rules.check_in(draft(), LECTURE, [first, dataclasses.replace(absent, method=Method.DESK)], NOW)


def test_twelve_hours_after_the_end_it_is_over() -> None:
    ended = dataclasses.replace(LECTURE, state=LectureState.ENDED, ended_at=NOW)
    assert rules.check_in(draft(), ended, [], NOW + dt.timedelta(hours=12)) is None
    with pytest.raises(rules.LectureOver):
        rules.check_in(draft(), ended, [], NOW + dt.timedelta(hours=12, seconds=1))


def test_no_lecture() -> None:
    with pytest.raises(LectureUnknown):
        rules.check_in(draft(), None, [], NOW)


def test_an_undo_takes_back_all_that_stands_here() -> None:
    events = [an_event(1), an_event(2), an_event(3, venue=VILLAGE_2)]
    assert rules.undo(draft(), events) == events[:2]
    assert rules.undo(draft(supersedes=events[1].id), events) == events[:2]


def test_a_stay_that_is_over_can_be_taken_back_and_the_others_stand() -> None:
    stays = [an_event(1), an_event(2), an_event(3, kind=Kind.SIGN_OUT), an_event(4)]
    assert rules.undo(draft(supersedes=stays[1].id), stays) == stays[:2]
    assert rules.undo(draft(supersedes=stays[3].id), stays) == stays[3:]
    assert rules.undo(draft(), stays) == stays[3:]


def test_an_undo_again_is_a_success() -> None:
    first = an_event(1)
    undo = an_event(2, kind=Kind.UNDO, supersedes=first.id)
    again = an_event(3)
    assert rules.undo(draft(supersedes=first.id), [first, undo]) is undo
    assert rules.undo(draft(), [first, undo]) is undo
    assert rules.undo(draft(supersedes=first.id), [first, undo, again]) is undo  # and does not touch the later check-in


@pytest.mark.parametrize("events", [[], [an_event(1, venue=VILLAGE_2)]])
def test_nothing_to_take_back(events: list[Event]) -> None:
    with pytest.raises(rules.NotCheckedIn):
        rules.undo(draft(), events)
