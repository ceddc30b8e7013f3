from __future__ import annotations

import dataclasses
import datetime as dt
import random

from hypothesis import given
from hypothesis import strategies as st

from attendance import Kind, Lecture, LectureState, Method
from attendance.event import Event
from attendance.venue_record import Span, length_s, record, share, shared
from tests.attendance.world import an_event

BEGAN = dt.datetime(2026, 11, 22, 2, tzinfo=dt.UTC)
BEGAN_MS = int(BEGAN.timestamp() * 1000)
LECTURE = Lecture(
    id=an_event().lecture, title="x", venue_id=1, state=LectureState.ENDED, started_at=BEGAN,
    ended_at=BEGAN + dt.timedelta(seconds=100),
)  # fmt: skip


def of_venue(n: int, kind: str, data: dict[str, int] | None = None, **changed: object) -> Event:
    values: dict[str, object] = {"person": None, "number": None, "name": "", "kind": kind, "data": data}
    return an_event(n, **values | {"captured_at": BEGAN + dt.timedelta(seconds=n)} | changed)


def picture(n: int, start: float, end: float, seen: int, heard: int | None = None, **changed: object) -> Event:
    """From `start` to `end` in seconds of the lecture."""
    data = {
        "from_ms": BEGAN_MS + int(1000 * start),
        "until_ms": BEGAN_MS + int(1000 * end),
        "picture_s": seen,
        "sound_s": seen if heard is None else heard,
    }
    return of_venue(n, Kind.PICTURE, data, method=Method.SCREEN, **changed)


def undo(n: int, of: Event) -> Event:
    return dataclasses.replace(of, id=an_event(n).id, seq=n, kind=Kind.UNDO, supersedes=of.id, data=None)


def told(*events: Event, lecture: Lecture | None = LECTURE) -> tuple[int, int, int]:
    found = record(events, lecture)
    assert found is not None
    return found.picture_s, found.sound_s, found.told_s


def test_two_screens_of_a_venue_do_not_double_the_time() -> None:
    assert told(picture(1, 0, 60, 60, 50), picture(2, 0, 60, 60, 40, node="other")) == (60, 50, 60)
    assert told(picture(1, 0, 60, 60), picture(2, 30, 90, 60)) == (90, 90, 90)
    # Where both speak of the same time, the fuller one counts.
    assert told(picture(1, 0, 60, 30), picture(2, 0, 60, 54)) == (54, 54, 60)


def test_only_what_is_of_the_lecture_counts_and_never_more_than_the_clock() -> None:
    assert told(picture(1, -50, 50, 100)) == (50, 50, 50)
    assert told(picture(1, 50, 500, 450)) == (50, 50, 100)
    assert told(picture(1, 0, 60, 4_000)) == (60, 60, 60)
    assert told(picture(1, 60, 60, 5), picture(2, 80, 70, 5), picture(3, 200, 260, 60)) == (0, 0, 0)
    assert told(picture(1, 0, 60, 60), lecture=None) == (0, 0, 0)


def test_a_clock_that_is_known_to_be_wrong_is_set_right() -> None:
    wrong = picture(1, 3600, 3660, 60, clock_offset_ms=-3_600_000, clock_uncertainty_ms=50)
    assert told(wrong) == (60, 60, 60)


def test_the_last_headcount_and_the_last_check_stand() -> None:
    counts = [of_venue(1, Kind.HEADCOUNT, {"people": 9}), of_venue(5, Kind.HEADCOUNT, {"people": 8})]
    checks = [of_venue(10, Kind.PRESENCE_CHECK), of_venue(40, Kind.PRESENCE_CHECK)]
    seen = [
        of_venue(n, Kind.PRESENCE_CHECK, person=who, name="张三", number="A1")
        for n, who in ((11, "a"), (41, "a"), (42, "b"))
    ]
    found = record([*seen, *checks, *counts], LECTURE)
    assert found is not None
    assert (found.headcount, found.headcount_at, found.checks, found.seen) == (8, counts[1].captured_at, 2, 2)
    assert record([*seen, *checks, undo(50, seen[2])], LECTURE).seen == 1  # type: ignore[union-attr]
    assert record([*seen, *checks, undo(50, checks[1])], LECTURE).seen == 2  # type: ignore[union-attr]
    assert record([*counts, undo(50, counts[0]), undo(51, counts[1])], LECTURE) is None


SPANS = st.tuples(st.integers(-40, 130), st.integers(0, 90), st.integers(0, 120), st.integers(0, 120))


@given(st.lists(SPANS, max_size=8), st.lists(st.integers(0, 7), max_size=3), st.randoms(use_true_random=False))
def test_a_record_is_a_function_of_the_set(
    spans: list[tuple[int, int, int, int]], taken_back: list[int], chance: random.Random
) -> None:
    events = [picture(n, start, start + long, seen, heard) for n, (start, long, seen, heard) in enumerate(spans, 1)]
    events += [undo(20 + n, events[place]) for n, place in enumerate(taken_back) if place < len(events)]
    events.append(of_venue(40, Kind.HEADCOUNT, {"people": 3}))
    again = events + chance.sample(events, len(events) // 2)
    chance.shuffle(again)
    found = record(again, LECTURE)
    assert found == record(events, LECTURE)
    assert found is not None
    assert 0 <= found.picture_s <= found.told_s <= 100
    assert 0 <= found.sound_s <= found.told_s


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=10))
def test_full_spans_add_up_to_their_union(spans: list[tuple[int, int]]) -> None:
    covered = {moment for start, long in spans for moment in range(start, start + long)}
    assert shared(Span(start=start, end=start + long, ms=long) for start, long in spans) == len(covered)


def test_shares() -> None:
    assert length_s(LECTURE) == 100
    assert share(96, 100, 1, 100) == 0.96
    assert share(150, 200, 2, 100) == 0.75
    assert share(30, 40, 1, None) == 0.75  # on air: of what was told
    assert share(0, 0, 0, 100) is None
