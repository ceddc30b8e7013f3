"""The offset of this machine's clock from the parent's, from request and reply times as in NTP (RFC 5905 §8). Pure."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass

_SAMPLES = 8  # RFC 5905 §10: the best of the last eight


@dataclass(frozen=True, kw_only=True)
class ClockEstimate:
    """The parent's clock is `offset_ms` ahead of this one, give or take `uncertainty_ms`."""

    offset_ms: float
    uncertainty_ms: float


class ClockFilter:
    """Keeps the last eight measurements and believes the one with the shortest way there and back."""

    def __init__(self) -> None:
        self._samples: deque[ClockEstimate] = deque(maxlen=_SAMPLES)

    @property
    def estimate(self) -> ClockEstimate | None:
        return min(self._samples, key=lambda sample: sample.uncertainty_ms, default=None)

    def add(self, sent: dt.datetime, received: dt.datetime, replied: dt.datetime, returned: dt.datetime) -> None:
        """`sent` and `returned` by this clock, `received` and `replied` by the parent's.

        A measurement in which the way took less than no time is dropped: a clock was set while it was under way.
        Wire times are cut to the millisecond: that much is added to the uncertainty.
        """
        way_ms = _ms(returned - sent) - _ms(replied - received)
        if way_ms < -1:
            self._samples.clear()
            return
        offset_ms = (_ms(received - sent) + _ms(replied - returned)) / 2
        sample = ClockEstimate(offset_ms=round(offset_ms, 3), uncertainty_ms=round(max(way_ms, 0) / 2 + 1, 3))
        known = self.estimate
        if known and abs(known.offset_ms - sample.offset_ms) > known.uncertainty_ms + sample.uncertainty_ms + 50:
            self._samples.clear()  # one of the two clocks was set: what was measured before is void
        self._samples.append(sample)


def _ms(span: dt.timedelta) -> float:
    return span / dt.timedelta(milliseconds=1)
