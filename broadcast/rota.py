"""Everybody's turn once in an interval, a few at a time. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic, TypeVar

T = TypeVar("T")


class Rota(Generic[T]):
    """Spreads periodic work over short ticks, so that a thousand viewers are not served in one."""

    def __init__(self, interval_s: float) -> None:
        self._interval = interval_s
        self._waiting: list[T] = []
        self._began: float | None = None
        self._round = 0

    def due(self, everybody: Collection[T], now: float) -> list[T]:
        """Those whose turn has come since the last call. Who has left meanwhile is passed over, who has come since the
        round began waits for the next."""
        if self._began is None or now - self._began >= self._interval:
            late, self._waiting = self._waiting, list(everybody)
            self._began, self._round = now, len(self._waiting)
            return [one for one in late if one in everybody]
        served = self._round - len(self._waiting)
        due = max(0, int(self._round * (now - self._began) / self._interval) - served)
        turns, self._waiting = self._waiting[:due], self._waiting[due:]
        return [one for one in turns if one in everybody]
