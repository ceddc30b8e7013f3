from __future__ import annotations

import datetime as dt

import pytest

from venues import format_time, parse_time
from venues.wire import is_ours


def test_there_and_back() -> None:
    moment = dt.datetime(2026, 11, 22, 2, 0, 0, 123999, tzinfo=dt.UTC)
    assert format_time(moment) == "2026-11-22T02:00:00.123Z"
    assert parse_time("2026-11-22T02:00:00.123Z") == moment.replace(microsecond=123000)
    assert format_time(parse_time("2026-11-22T10:00:00+08:00")) == "2026-11-22T02:00:00.000Z"


def test_a_naive_time_stays_here() -> None:
    with pytest.raises(ValueError, match="naive"):
        format_time(dt.datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text", ["", None, 3, "2026-11-22", "2026-11-22T02:00:00", "2026-13-22T02:00:00Z", "0001-01-01T00:00:00+23:00"]
)
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("2026-11-22T02:00:00.123Z", True),
        ("2026-11-22T02:00:00Z", False),
        ("2026-11-22T02:00:00.1234Z", False),
        ("2026-11-22T02:00:00.123+00:00", False),
        ("２026-11-22T02:00:00.123Z", False),
    ],
)
def test_our_own_spelling_is_known(text: str, ours: bool) -> None:
    assert is_ours(text) is ours
