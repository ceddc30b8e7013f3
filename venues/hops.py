"""Which hop of a lecture's way down the tree is slow or lossy. Pure.

A hop leads from the venue above to a venue. What a node lacks of a lecture adds up on the way down (a packet that never
reached the county reaches none of its villages), so the loss of one hop is the difference to the node above.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from venues.status import StreamReport

_FAIR_LOSS, _POOR_LOSS = 0.005, 0.02  # 0…1; above the second, the picture is seen to break
_FAIR_MS, _POOR_MS = 150.0, 400.0  # above the second, a lost packet comes again too late for many players


class Grade(StrEnum):
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


@dataclass(frozen=True, kw_only=True)
class Hop:
    """The way of one lecture from the venue above to this one. `above_id`: None at the root, where the hop comes from
    the publisher. `loss`: 0…1, of this hop alone. None: not measured."""

    venue_id: int
    above_id: int | None
    loss: float
    round_trip_ms: float | None
    jitter_ms: float | None
    delay_ms: float | None  # from capture to this venue: of the whole way, not of this hop

    @property
    def grade(self) -> Grade:
        return grade(self.loss, self.round_trip_ms)

    @property
    def badness(self) -> float:
        """1 where it becomes poor, by loss or by round trip."""
        return max(self.loss / _POOR_LOSS, (self.round_trip_ms or 0.0) / _POOR_MS)


def hop(venue_id: int, above_id: int | None, here: StreamReport, above: StreamReport | None) -> Hop:
    """What the reports of both ends say of a hop; `above` is None where the upper one says nothing."""
    return Hop(
        venue_id=venue_id,
        above_id=above_id,
        loss=own_loss(here, above),
        round_trip_ms=here.round_trip_ms,
        jitter_ms=here.jitter_ms,
        delay_ms=here.delay_ms,
    )


def own_loss(here: StreamReport, above: StreamReport | None) -> float:
    """The part of what reached the node above that did not reach this one, 0…1."""
    before = above.loss if above is not None and above.lecture == here.lecture else 0.0
    if before >= 1.0:
        return 0.0
    return min(1.0, max(0.0, (here.loss - before) / (1.0 - before)))


def grade(loss: float, round_trip_ms: float | None) -> Grade:
    trip = round_trip_ms or 0.0
    if loss >= _POOR_LOSS or trip >= _POOR_MS:
        return Grade.POOR
    return Grade.FAIR if loss >= _FAIR_LOSS or trip >= _FAIR_MS else Grade.GOOD


def worst(hops: Iterable[Hop], most: int) -> list[Hop]:
    """The worst hops, worst first, each venue once."""
    by_venue = {hop.venue_id: hop for hop in hops}
    return sorted(by_venue.values(), key=lambda hop: (-hop.badness, hop.venue_id))[:most]
