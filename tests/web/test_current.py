from __future__ import annotations

import datetime as dt

from attendance.lectures import Lecture, LectureState
from web.current import current

NOW = dt.datetime(2026, 11, 22, 2, tzinfo=dt.UTC)
PATH = {1, 2, 3}


def lecture(id_: str, state: LectureState, venue: int = 1, begins_h: float | None = None) -> Lecture:
    at = None if begins_h is None else NOW + dt.timedelta(hours=begins_h)
    started = at if state is not LectureState.PLANNED else None
    return Lecture(id=id_, title=id_, venue_id=venue, state=state, starts_at=at, started_at=started)


def chosen(*lectures: Lecture) -> str | None:
    found = current(lectures, PATH, NOW)
    return found.id if found else None


def test_the_one_that_runs_goes_before_all_that_are_planned() -> None:
    planned = lecture("planned", LectureState.PLANNED, begins_h=0)
    early = lecture("early", LectureState.LIVE, begins_h=-2)
    late = lecture("late", LectureState.LIVE, venue=3, begins_h=-1)
    assert chosen(planned, late, early) == "late"
    assert chosen(planned, early) == "early"


def test_planned_ones_count_near_their_time() -> None:
    soon, later = lecture("soon", LectureState.PLANNED, begins_h=1), lecture("later", LectureState.PLANNED, begins_h=3)
    assert chosen(later, soon) == "soon"
    assert chosen(lecture("next week", LectureState.PLANNED, begins_h=160)) is None
    assert chosen(lecture("any time", LectureState.PLANNED)) == "any time"


def test_other_branches_and_ended_lectures_do_not_count() -> None:
    assert chosen(lecture("other", LectureState.LIVE, venue=9, begins_h=0)) is None
    assert chosen(lecture("over", LectureState.ENDED, begins_h=-1)) is None
    assert chosen() is None
