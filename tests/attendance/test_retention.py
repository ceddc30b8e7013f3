from __future__ import annotations

import datetime as dt

import pytest

from attendance.retention import FOR_EVER, Keep, before, from_wire, held_at, strictest, to_wire

NOW = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("own", "above", "found"),
    [((0, 0), (0, 0), (0, 0)), ((30, 0), (0, 7), (30, 7)), ((30, 90), (10, 100), (10, 90))],
)
def test_a_node_keeps_nothing_longer_than_the_node_above(
    own: tuple[int, int], above: tuple[int, int], found: tuple[int, int]
) -> None:
    keeps = [Keep(people_days=people, device_days=devices) for people, devices in (own, above, found)]
    assert strictest(keeps[0], keeps[1]) == strictest(keeps[1], keeps[0]) == keeps[2]


def test_for_ever_is_never_over() -> None:
    assert before(NOW, 0) is None
    assert before(NOW, 1) == NOW - dt.timedelta(days=1)


def test_when_a_lecture_was() -> None:
    later = NOW + dt.timedelta(days=1)
    assert held_at("x", None, NOW, later) == NOW
    assert held_at("01890a5d-ac96-774b-bcce-b302099a8057") == dt.datetime(2023, 6, 30, 3, 34, 18, 518000, dt.UTC)
    assert held_at("5ba2b7a1-0000-5000-8000-000000000001") is None
    assert held_at("lecture") is None


def test_it_crosses_the_link() -> None:
    keep = Keep(people_days=30, device_days=0)
    assert from_wire(to_wire(keep)) == keep
    assert from_wire(to_wire(FOR_EVER)) == FOR_EVER
    for wrong in ({"people_days": 1}, {"people_days": -1, "device_days": 0}, {"people_days": True, "device_days": 0}):
        with pytest.raises((KeyError, ValueError)):
            from_wire(wrong)
