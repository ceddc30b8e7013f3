from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance import code

LECTURE = "01890a5d-ac96-774b-bcce-b302099a8057"
NOON = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)  # a whole number of 15 s periods
_times = st.integers(-(10**9), 10**9).map(lambda seconds: NOON + dt.timedelta(seconds=seconds))
_keys = st.binary(min_size=32, max_size=32)


def test_the_code_of_a_known_moment() -> None:
    assert code.make(b"s" * 32, LECTURE, 7, NOON, 15) == "MJD6SIVB7QQP"


@pytest.mark.parametrize(
    ("after_s", "accepted"), [(-0.001, False), (0, True), (14.999, True), (15, True), (29.999, True), (30, False)]
)
def test_the_current_and_one_past_period(after_s: float, accepted: bool) -> None:
    made = code.make(b"s" * 32, LECTURE, 7, NOON, 15)
    assert code.check(b"s" * 32, LECTURE, 7, made, NOON + dt.timedelta(seconds=after_s), 15) is accepted


@given(_keys, st.uuids().map(str), st.integers(1, 2**31), _times, st.integers(1, 600))
def test_a_code_is_accepted_where_it_was_made_and_nowhere_else(
    secret: bytes, lecture: str, venue: int, at: dt.datetime, period_s: int
) -> None:
    made = code.make(secret, lecture, venue, at, period_s)
    assert re.fullmatch(r"[A-Z2-7]{12}", made)
    assert code.check(secret, lecture, venue, made, at, period_s)
    assert code.check(secret, lecture, venue, made.lower(), at + dt.timedelta(seconds=period_s), period_s)
    assert not code.check(secret, lecture, venue, made, at + dt.timedelta(seconds=2 * period_s), period_s)
    assert not code.check(secret, lecture, venue, made, at - dt.timedelta(seconds=period_s), period_s)
    assert not code.check(secret, lecture, venue + 1, made, at, period_s)
    assert not code.check(secret[::-1] + b"x", lecture, venue, made, at, period_s)


@given(st.text(st.characters()), _times)
def test_no_text_breaks_the_check(text: str, at: dt.datetime) -> None:
    assert not code.check(b"s" * 32, LECTURE, 7, text, at, 15)


@given(st.uuids().map(str))
def test_the_address_and_back(lecture: str) -> None:
    address = code.url("https://10.0.0.1:8080/", lecture, "ABCDEFGHIJ23")
    start, _, rest = address.partition("/c/")
    assert start == "https://10.0.0.1:8080"
    assert code.split(rest) == (lecture, "ABCDEFGHIJ23")
    assert len(rest) == 26 + 1 + 12


@given(st.text(st.characters()) | st.from_regex(r"[a-z2-7]{26}\.[A-Z]+", fullmatch=True))
def test_no_text_breaks_the_split(text: str) -> None:
    found = code.split(text)
    assert found is None or text.endswith("." + found[1])
