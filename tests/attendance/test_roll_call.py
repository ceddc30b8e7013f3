from __future__ import annotations

import dataclasses
import datetime as dt

from attendance.event import Event, Kind, Method
from attendance.lectures import Lecture
from attendance.roll_call import CHECK_OPEN, Said, check_moment, check_open, room, said
from tests.attendance.world import an_event

NOON = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)
ID = "01890a5d-0000-774b-bcce-b302099a8057"


def at(minute: int, n: int, **changed: object) -> Event:
    return an_event(n, captured_at=NOON + dt.timedelta(minutes=minute), **changed)


def of_venue(minute: int, n: int, kind: Kind, people: int | None = None, **changed: object) -> Event:
    data = None if people is None else {"people": people}
    return at(minute, n, person=None, number=None, name="", kind=kind, data=data, **changed)


def test_from_nothing_to_here_to_gone_and_back() -> None:
    came, went, back = at(0, 1), at(30, 2, kind=Kind.SIGN_OUT), at(40, 3)
    assert said([]) == Said()
    assert (said([came]).state, said([came]).event) == ("present", came.id)
    gone = said([came, went])
    assert (gone.state, gone.at, gone.event, gone.since) == ("signed_out", went.captured_at, went.id, None)
    again = said([came, went, back])
    assert (again.state, again.since) == ("present", back.captured_at)
    undone = said([came, went, at(31, 4, kind=Kind.UNDO, supersedes=went.id)])
    assert (undone.state, undone.since) == ("present", came.captured_at)


def test_leave_and_what_the_operator_states() -> None:
    leave = at(-10, 1, kind=Kind.LEAVE, reason="生病")
    assert (said([leave]).state, said([leave]).reason) == ("leave", "生病")
    assert said([leave, at(5, 2)]).state == "present"
    late = at(6, 3, kind=Kind.CORRECTION, reason="路远", data={"state": "present", "late": True})
    told = said([leave, at(5, 2), late])
    assert (told.state, told.late, told.since, told.event) == ("present", True, at(5, 2).captured_at, late.id)
    assert said([late, at(7, 4, kind=Kind.UNDO, supersedes=late.id)]) == Said()


def test_who_comes_after_all_is_there() -> None:
    absent = at(5, 2, kind=Kind.CORRECTION, reason="没来", data={"state": "absent"})
    assert said([at(0, 1), absent]).state == "absent"
    told = said([absent, at(6, 3)])
    assert (told.state, told.event) == ("present", at(6, 3).id)
    assert said([dataclasses.replace(absent, method=Method.DESK), at(6, 3)]).state == "absent"


def test_seen_at_a_check_says_nothing_of_having_come() -> None:
    seen = at(20, 2, kind=Kind.PRESENCE_CHECK)
    assert (said([seen]).state, said([seen]).seen_at) == ("", seen.captured_at)
    assert said([at(0, 1), seen]).seen_at == seen.captured_at


def test_the_room_has_its_last_headcount_and_its_checks() -> None:
    assert room([]).headcount is None
    counts = [of_venue(5, 1, Kind.HEADCOUNT, 8), of_venue(9, 2, Kind.HEADCOUNT, 7)]
    check = of_venue(20, 3, Kind.PRESENCE_CHECK)
    found = room([*counts, check])
    assert (found.headcount, found.checks, found.check_at) == (7, 1, check.captured_at)
    assert check_open(found, check.captured_at + CHECK_OPEN)
    assert not check_open(found, check.captured_at + CHECK_OPEN + dt.timedelta(seconds=1))
    assert not check_open(room([]), NOON)


def test_the_moment_of_a_check_is_the_same_however_often_it_is_asked_and_another_elsewhere() -> None:
    lecture = Lecture(id=ID, title="课", venue_id=1, started_at=NOON)
    moments = {check_moment(lecture, f"node-{n}") for n in range(100)}
    assert check_moment(lecture, "node-1") == check_moment(lecture, "node-1")
    assert len(moments) > 10
    earliest, latest = NOON + dt.timedelta(minutes=10), NOON + dt.timedelta(minutes=40)
    assert all(found is not None and earliest <= found < latest for found in moments)
    assert check_moment(Lecture(id=ID, title="课", venue_id=1), "node-1") is None


def test_a_walk_in_by_badge_is_present() -> None:
    assert said([at(0, 1, method=Method.BADGE)]).method == "badge"
