from __future__ import annotations

import dataclasses
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.event import Data
from attendance.picture import (
    Period,
    PictureAbsurd,
    Told,
    check,
    fold,
    from_text,
    is_due,
    is_over,
    joined,
    length,
    taken,
    to_text,
)

T = 1_763_780_400_000


def period(number: int, picture: int = 10_000, sound: int = 10_000, *, ago: int = 0, span: int = 10_000) -> Period:
    return Period(number=number, ago_ms=ago, span_ms=span, picture_ms=picture, sound_ms=sound)


def play(told: Told, screen: str, first: int, count: int, at: int) -> tuple[list[Data], Told]:
    """A screen tells of full periods, one every ten seconds, the first one ending at `at`."""
    written: list[Data] = []
    for place in range(count):
        more, told = fold(told, screen, [period(first + place)], at + 10_000 * place)
        written += more
    return written, told


def figures(told: Told) -> tuple[int, int]:
    return length(told.picture), length(told.sound)


def test_two_screens_do_not_double_the_time() -> None:
    _, told = fold(Told(), "one", [period(1)], T + 10_000)
    _, told = fold(told, "other", [period(1)], T + 15_000)
    assert figures(told) == (15_000, 15_000)
    _, half = fold(Told(), "one", [period(1, 5_000)], T)
    _, half = fold(half, "other", [period(1, 5_000)], T)
    assert figures(half) == (5_000, 10_000)


def test_a_report_that_is_repeated_counts_once_and_one_that_waited_is_not_lost() -> None:
    _, told = fold(Told(), "one", [period(1)], T)
    assert fold(told, "one", [period(1)], T + 2_000) == ([], told)
    _, told = fold(told, "one", [period(1, ago=20_000), period(2, ago=10_000), period(3)], T + 20_000)
    assert figures(told) == (30_000, 30_000)
    assert (told.start, told.until) == (T - 10_000, T + 20_000)


@pytest.mark.parametrize(
    "periods",
    [
        [period(1, 10_001)],
        [period(1, -1)],
        [period(1, sound=-5)],
        [period(1, span=3_600_000)],
        [period(1, 0, 0, span=0)],
        [period(1, ago=-1)],
        [period(1, ago=7_200_000)],
        [period(0)],
        [period(1), period(2)],  # the same ten seconds twice
        [period(2, ago=10_000), period(1)],
    ],
)
def test_what_cannot_be_is_refused(periods: list[Period]) -> None:
    with pytest.raises(PictureAbsurd):
        check(periods)


def test_frames_are_added_up_and_begin_anew_with_each_event() -> None:
    shown = dataclasses.replace(period(1), frames=240)
    _, told = fold(Told(), "one", [shown], T)
    _, told = fold(told, "other", [dataclasses.replace(shown, frames=100)], T)
    assert from_text(to_text(told)) == told
    data, rest = taken(told)
    assert data is not None
    assert (data["frames"], rest.frames) == (340, 0)
    for absurd in (-1, 10_001):
        with pytest.raises(PictureAbsurd):
            check([dataclasses.replace(shown, frames=absurd)])
    older = json.loads(to_text(told))
    del older["frames"]
    assert from_text(json.dumps(older)).frames == 0


def test_two_hours_are_no_more_than_a_dozen_events() -> None:
    written, told = play(Told(), "one", 1, 720, T)
    last, told = taken(told)
    assert last is not None
    everything = [*written, last]
    assert len(everything) == 11
    assert sum(int(data["picture_s"]) for data in everything) == 7200
    assert [int(data["until_ms"]) - int(data["from_ms"]) for data in everything[:4]] == [
        60_000,
        120_000,
        240_000,
        480_000,
    ]
    pairs = itertools.pairwise(everything)
    assert all(before["until_ms"] == after["from_ms"] for before, after in pairs)
    assert taken(told) == (None, told)


def test_silence_ends_an_event_and_is_in_none() -> None:
    _, told = fold(Told(), "one", [period(1)], T)
    assert not is_due(told, T + 29_000)
    assert is_due(told, T + 30_000)
    written, told = fold(told, "one", [period(2)], T + 100_000)
    assert [data["until_ms"] for data in written] == [T]
    assert told.start == T + 90_000
    _, told = taken(told)
    assert not is_over(told, T + 200_000)
    assert is_over(told, T + 800_000)


def test_a_clock_that_goes_back_begins_anew() -> None:
    _, told = fold(Told(), "one", [period(1)], T)
    written, told = fold(told, "one", [period(2)], T - 3_600_000)
    assert len(written) == 1
    assert (told.start, told.until) == (T - 3_610_000, T - 3_600_000)


def test_screens_that_come_and_go_are_not_remembered_for_ever() -> None:
    told = Told()
    for number in range(40):
        _, told = fold(told, f"screen-{number}", [period(1)], T + number)
    assert len(told.screens) == 20
    assert from_text(to_text(told)) == told


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 30_000)), max_size=10))
def test_a_union_is_in_order_apart_and_no_longer_than_the_whole(spans: list[tuple[int, int]]) -> None:
    found = joined((start, start + long) for start, long in spans)
    assert list(found) == sorted(found)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))
    assert length(found) <= 130_000
    assert joined(reversed(found)) == found
