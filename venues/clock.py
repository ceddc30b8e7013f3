"""The offset of this machine's clock from the parent's, from request and reply times as in NTP (RFC 5905 §8). Pure."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass, field

_SAMPLES = 8  # RFC 5905 §10: the best of the last eight
_SET_MS = 1000.0  # below it a clock may only have drifted, or be slewed


@dataclass(frozen=True, kw_only=True)
class ClockEstimate:
    """The parent's clock is `offset_ms` ahead of this one, give or take `uncertainty_ms`. Measured when this clock said
    `at` and its machine had run for `running_s` (None: nobody counts)."""

    offset_ms: float
    uncertainty_ms: float
    at: dt.datetime | None = field(default=None, compare=False)
    running_s: float | None = field(default=None, compare=False)

    def now(self, at: dt.datetime, running_s: float) -> ClockEstimate:
        """The same when this clock says `at` and the machine has run for `running_s`: a clock that has gone on by more
        or less than the machine was set since, and by how much is known at once."""
        if self.at is None or self.running_s is None:
            return self
        set_by_ms = _ms(at - self.at) - (running_s - self.running_s) * 1000
        if abs(set_by_ms) < _SET_MS:
            return self
        return ClockEstimate(offset_ms=round(self.offset_ms - set_by_ms, 3), uncertainty_ms=self.uncertainty_ms)


class ClockFilter:
    """Keeps the last eight measurements and believes the one with the shortest way there and back."""

    def __init__(self) -> None:
        self._samples: deque[ClockEstimate] = deque(maxlen=_SAMPLES)

    @property
    def estimate(self) -> ClockEstimate | None:
        return min(self._samples, key=lambda sample: sample.uncertainty_ms, default=None)

    def add(
        self,
        sent: dt.datetime,
        received: dt.datetime,
        replied: dt.datetime,
        returned: dt.datetime,
        running_s: float | None = None,
        took_s: float | None = None,
    ) -> None:
        """`sent` and `returned` by this clock, `received` and `replied` by the parent's; at `returned` the machine had
        run for `running_s`, of which the exchange took `took_s`.

        A measurement in which the way took less than no time is dropped: a clock was set while it was under way.
        Wire times are cut to the millisecond: that much is added to the uncertainty.
        """
        way_ms = _ms(returned - sent) - _ms(replied - received)
        if took_s is not None and abs(_ms(returned - sent) - took_s * 1000) > _SET_MS:
            return  # what was measured before says by how much
        if way_ms < -1:
            self._samples.clear()
            return
        offset_ms = (_ms(received - sent) + _ms(replied - returned)) / 2
        sample = ClockEstimate(
            offset_ms=round(offset_ms, 3),
            uncertainty_ms=round(max(way_ms, 0) / 2 + 1, 3),
            at=returned,
            running_s=running_s,
        )
        known = self.estimate
        if known and running_s is not None:
            known = known.now(returned, running_s)
        if known and abs(known.offset_ms - sample.offset_ms) > known.uncertainty_ms + sample.uncertainty_ms + 50:
            self._samples.clear()  # one of the two clocks was set: what was measured before is void
        self._samples.append(sample)


def _ms(span: dt.timedelta) -> float:
    return span / dt.timedelta(milliseconds=1)
