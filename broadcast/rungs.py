"""Which rung of the picture a viewer, or the link to the parent, is given. Pure.

A rung is one rendition of a simulcast; the lowest of all is no picture, sound alone. One who is given less than the
best goes up again by trial: nothing that a receiver reports of a small picture says whether a larger one would pass.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

SOUND_ALONE = -1

_DOWN_S = 3.0  # so long it must be bad
_LAST_DOWN_S = 5.0  # before the picture is given up altogether
_SETTLE_S = 2.0  # after a change, before what is reported says something of it
_LOSS, _LAST_LOSS = 0.10, 0.25
_ENOUGH_PACKETS = 50  # fewer say nothing: slides may stand still for long
_ROOM, _LAST_ROOM = 0.8, 0.4  # of a rung's rate that the receiver must say it can take
_FELL_S = 6.0
_STALE_S = 8.0
_UP_S, _MOST_UP_S = 8.0, 120.0
_FAILED_S = 20.0
_MUCH = 1 << 30


class Pin(enum.StrEnum):
    """What an operator wants the venue's screens to show."""

    AUTO = "auto"
    HIGHEST = "highest"
    MIDDLE = "middle"
    LOWEST = "lowest"
    SOUND = "sound"

    def rung(self, count: int) -> int | None:
        """Of so many rungs, counted from the lowest; None where it is not pinned."""
        if self is Pin.AUTO:
            return None
        return {Pin.HIGHEST: count - 1, Pin.MIDDLE: (count - 1) // 2, Pin.LOWEST: 0, Pin.SOUND: SOUND_ALONE}[self]


class Chooser:
    """One receiver's way up and down. It begins with the best and goes down when too much is lost, or when the receiver
    says that it can take clearly less; each trial to go up that fails doubles the time to the next.

    Times are seconds of one monotonic clock, rates bit/s.
    """

    def __init__(self, now: float) -> None:
        self._most = _MUCH
        self._since = now
        self._rose: float | None = None
        self._wait = _UP_S
        self._bad_since: float | None = None
        self._expected = self._lost = 0
        self._loss = 0.0
        self._loss_at = now
        self._remb: tuple[int, float] | None = None
        self._fell: float | None = None

    def rung(self, count: int) -> int:
        """Of so many rungs, counted from the lowest; SOUND_ALONE for no picture."""
        return min(self._most, count - 1)

    def took(self, expected: int, lost: int, now: float) -> None:
        """So many packets more were due at the receiver, so many of them did not come at first."""
        self._expected += max(0, expected)
        self._lost += max(0, lost)
        if self._expected >= _ENOUGH_PACKETS:
            self._loss, self._loss_at = self._lost / self._expected, now
            self._expected = self._lost = 0

    def can_take(self, rate: int, now: float) -> None:
        """REMB. It only says something while it falls: a receiver cannot know of room that nobody has used yet."""
        if self._remb is not None and rate < self._remb[0] * 0.97:
            self._fell = now
        self._remb = rate, now

    def decide(self, rates: Sequence[float], now: float) -> int:
        """The rung for now, given what each rung takes. To be asked about once a second."""
        count = len(rates)
        at = self.rung(count)
        if count == 0 or now - self._since < _SETTLE_S:
            return at
        short, keeps = self._shortage(rates[at] if at >= 0 else 0.0, last=at == 0, now=now)
        if short and at >= 0:
            self._bad_since = now if self._bad_since is None else self._bad_since
            if now - self._bad_since >= (_DOWN_S if at else _LAST_DOWN_S):
                fits = [rung for rung in range(at) if rates[rung] <= keeps]
                self._go(max(fits, default=0) if at else SOUND_ALONE, now)
        else:
            self._bad_since = None
            if at < count - 1 and not self._is_lossy(now) and now - self._since >= self._wait:
                self._rose = now
                self._go(at + 1, now)
                if at + 1 == count - 1:
                    self._most = _MUCH
            elif self._rose is not None and now - self._since > _FAILED_S:
                self._wait, self._rose = _UP_S, None
        return self.rung(count)

    def _shortage(self, rate: float, *, last: bool, now: float) -> tuple[bool, float]:
        """(whether this rung is too much, what would pass)."""
        keeps = rate
        loss = self._loss if now - self._loss_at < _STALE_S else 0.0
        short = loss > (_LAST_LOSS if last else _LOSS)
        if short:
            keeps = rate * (1 - loss) * 0.9
        if self._remb is not None and self._fell is not None and now - self._fell < _FELL_S:
            room = self._remb[0]
            if room < rate * (_LAST_ROOM if last else _ROOM):
                short, keeps = True, min(keeps, room * 0.9)
        return short, keeps

    def _is_lossy(self, now: float) -> bool:
        return self._loss > _LOSS / 2 and now - self._loss_at < _STALE_S

    def _go(self, rung: int, now: float) -> None:
        if self._rose is not None and rung < self._most and now - self._rose < _FAILED_S:
            self._wait = min(_MOST_UP_S, self._wait * 2)
            self._rose = None
        self._most, self._since = rung, now
        self._bad_since = self._fell = self._remb = None
        self._expected = self._lost = 0
        self._loss = 0.0
