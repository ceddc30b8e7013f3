from __future__ import annotations

import datetime as dt
import json

import pytest

from attendance.lectures import (
    Lecture,
    LectureNotStarted,
    LectureState,
    LectureTitleInvalid,
    LectureTransitionRefused,
    clean_title,
    from_wire,
    moved,
    to_wire,
)

NOON = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)
PLANNED = Lecture(id="01890a5d-ac96-774b-bcce-b302099a8057", title="民法典", venue_id=1, starts_at=NOON)


def test_planned_live_ended_and_on_again() -> None:
    live = moved(PLANNED, LectureState.LIVE, NOON)
    assert (live.state, live.started_at, live.ended_at) == (LectureState.LIVE, NOON, None)
    later = NOON + dt.timedelta(hours=1)
    ended = moved(live, LectureState.ENDED, later)
    assert (ended.state, ended.started_at, ended.ended_at) == (LectureState.ENDED, NOON, later)
    again = moved(ended, LectureState.LIVE, later)
    assert (again.state, again.started_at, again.ended_at) == (LectureState.LIVE, NOON, None)


@pytest.mark.parametrize("state", LectureState)
def test_a_repeat_changes_nothing(state: LectureState) -> None:
    lecture = Lecture(id=PLANNED.id, title="x", venue_id=1, state=state)
    assert moved(lecture, state, NOON) is lecture


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (LectureState.PLANNED, LectureState.ENDED),
        (LectureState.LIVE, LectureState.PLANNED),
        (LectureState.ENDED, LectureState.PLANNED),
    ],
)
def test_no_other_way(state: LectureState, wanted: LectureState) -> None:
    with pytest.raises(LectureTransitionRefused):
        moved(Lecture(id=PLANNED.id, title="x", venue_id=1, state=state), wanted, NOON)


def test_what_never_began_cannot_end() -> None:
    with pytest.raises(LectureNotStarted, match="has not been started"):
        moved(PLANNED, LectureState.ENDED, NOON)


def test_the_wire_and_back() -> None:
    for lecture in (PLANNED, moved(PLANNED, LectureState.LIVE, NOON)):
        assert from_wire(json.loads(json.dumps(to_wire(lecture)))) == lecture


def test_titles() -> None:
    assert clean_title(" 民法典  第一讲\n") == "民法典 第一讲"
    for title in ("", "  ", "x" * 201, "a\0b"):
        with pytest.raises(LectureTitleInvalid):
            clean_title(title)
