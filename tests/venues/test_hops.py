from __future__ import annotations

import pytest

from venues import Grade, Hop, StreamReport
from venues.hops import grade, hop, own_loss, worst


def stream(loss: float, lecture: str = "l", round_trip_ms: float | None = None) -> StreamReport:
    return StreamReport(lecture=lecture, kbit_s=900.0, loss=loss, viewers=1, round_trip_ms=round_trip_ms)


@pytest.mark.parametrize(
    ("here", "above", "own"),
    [
        (stream(0.1), None, 0.1),
        (stream(0.1), stream(0.0), 0.1),
        (stream(0.19), stream(0.1), 0.1),  # nine of the ninety that reached the node above
        (stream(0.1), stream(0.1), 0.0),
        (stream(0.05), stream(0.1), 0.0),  # the two were not said at the same moment
        (stream(0.1), stream(0.1, lecture="other"), 0.1),
        (stream(1.0), stream(1.0), 0.0),
        (stream(7.0), None, 1.0),
    ],
)
def test_what_was_lost_further_up_is_not_this_hops(here: StreamReport, above: StreamReport | None, own: float) -> None:
    assert own_loss(here, above) == pytest.approx(own)


@pytest.mark.parametrize(
    ("loss", "trip_ms", "expected"),
    [
        (0.0, None, Grade.GOOD),
        (0.004, 149.0, Grade.GOOD),
        (0.005, None, Grade.FAIR),
        (0.0, 150.0, Grade.FAIR),
        (0.02, 10.0, Grade.POOR),
        (0.0, 400.0, Grade.POOR),
    ],
)
def test_a_hop_is_as_good_as_the_worse_of_its_two_figures(loss: float, trip_ms: float | None, expected: Grade) -> None:
    assert grade(loss, trip_ms) is expected
    assert hop(2, 1, stream(loss, round_trip_ms=trip_ms), None).grade is expected


def test_the_worst_come_first_and_each_venue_once() -> None:
    def one(venue_id: int, loss: float, trip_ms: float | None) -> Hop:
        return hop(venue_id, 1, stream(loss, round_trip_ms=trip_ms), None)

    quiet, lossy, far, farther = one(2, 0.0, None), one(3, 0.03, 10.0), one(4, 0.0, 500.0), one(5, 0.001, 900.0)
    assert worst([quiet, lossy, far, farther, lossy], 3) == [farther, lossy, far]
    assert worst([], 3) == []
