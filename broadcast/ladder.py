"""The rungs of one picture on this node: which there are, in which order, and what each of them takes. Pure.

Where the publisher is, order and rates are measured; further down the parent says them (`rtcp.Rendition`), for a node
does not see what it does not pull. What the link to the parent cannot carry is not there for anybody below either.
"""

from __future__ import annotations

from collections.abc import Sequence

from broadcast.rtcp import Rendition
from broadcast.rungs import Chooser
from broadcast.track import Track

_QUIET_FRAMES = 20  # of another rung, none of this one: slides may stand still, but then on all rungs alike
_TOLD_S = 3.5


class Ladder:
    """`order`: the rungs that can be had, the lowest first; None while that is not known."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tracks
        self._rates = [0.0] * len(tracks)
        self._peaks = [0.0] * len(tracks)
        self._before = [0] * len(tracks)
        self._quiet = [0] * len(tracks)
        self._told: dict[int, Rendition] = {}
        self._told_at = 0.0
        self._link: Chooser | None = None
        self._way_before = (0, 0)
        self._several = False
        self.order: tuple[int, ...] | None = (0,)

    def begin(self, *, several: bool, pulled: bool, now: float) -> None:
        """A new source: a publisher of one rung or several, or the parent."""
        self._told.clear()
        self._several = several
        self._link = Chooser(now) if pulled and several else None
        self._way_before = (0, 0)
        if not several:
            self.order = (0,)
        elif not pulled:
            self.order = None
            self._peaks = [0.0] * len(self._tracks)
            self._quiet = [_QUIET_FRAMES] * len(self._tracks)  # until the first keyframe of each
            for track in self._tracks:
                track.size = None

    @property
    def has_one(self) -> bool:
        """Whether there is no choice: what is pulled is pulled whole."""
        return not self._several or (self._link is not None and self._told.keys() <= {0})

    def rate(self, rung: int) -> float:
        """bit/s."""
        told = self._told.get(rung)
        return self._rates[rung] if told is None else float(told.bitrate or 0)

    def rates(self) -> list[float]:
        return [self.rate(rung) for rung in self.order or ()]

    def size(self, rung: int) -> tuple[int, int]:
        told = self._told.get(rung)
        return (self._tracks[rung].size or (0, 0)) if told is None else (told.width, told.height)

    # Where the publisher is

    def keyframe(self, rung: int) -> bool:
        """A keyframe of this rung has come; whether that changes the order."""
        if not self._several or self._link is not None:
            return False
        self._quiet[rung] = 0
        return self._sort()

    def flowed(self, rung: int, frames: int) -> bool:
        """So many frames of this rung have come; whether another is therefore no longer there. One that is back counts
        from its next keyframe on."""
        if not self._several or self._link is not None or not self.order or rung not in self.order:
            return False
        self._quiet[rung] = 0
        first, *others = self.order
        for other in others if rung == first else [first]:  # one of them is the measure, else their frames would add up
            self._quiet[other] += frames
        return any(self._quiet[other] >= _QUIET_FRAMES for other in self.order) and self._sort()

    def measure(self, seconds: float) -> bool:
        """Once a second; whether the order is another."""
        octets = [track.octets for track in self._tracks]
        for rung, (now, before) in enumerate(zip(octets, self._before, strict=True)):
            rate = (now - before) * 8 / seconds
            self._rates[rung] += (rate - self._rates[rung]) * (0.3 if self._rates[rung] else 1.0)
            self._peaks[rung] = max(self._peaks[rung], rate)
        self._before = octets
        return self._several and self._link is None and self._sort()

    def _sort(self) -> bool:
        there = [rung for rung in range(len(self._tracks)) if self._quiet[rung] < _QUIET_FRAMES]
        return self._become(tuple(sorted(there, key=self._rank)) or None)

    def _rank(self, rung: int) -> tuple[int, float]:
        width, height = self._tracks[rung].size or (0, 0)
        return width * height, self._peaks[rung]

    def _become(self, order: tuple[int, ...] | None) -> bool:
        before, self.order = self.order, order
        return before != order

    # Below

    def told(self, rung: int, rendition: Rendition, now: float) -> bool:
        """The parent's word on a rung; whether that changes the order."""
        if self._link is None:
            return False
        self._told_at = now
        if rendition.bitrate is None:
            self._told.pop(rung, None)
        else:
            self._told[rung] = rendition
        return self._limit()

    def is_told(self, now: float) -> bool:
        """Whether the parent has said of late that there is a picture, pulled or not."""
        return self._link is not None and bool(self._told) and now - self._told_at < _TOLD_S

    def link(self, expected: int, missed: int, now: float) -> bool:
        """What has come from the parent so far, and what had to be asked for again. Once a second."""
        if self._link is None:
            return False
        before, self._way_before = self._way_before, (expected, missed)
        self._link.took(expected - before[0], missed - before[1], now)
        self._link.decide([self.rate(rung) for rung in sorted(self._told)], now)
        return self._limit()

    def _limit(self) -> bool:
        assert self._link is not None
        there = sorted(self._told)
        if not there:
            return self._become(None)
        return self._become(tuple(there[: self._link.rung(len(there)) + 1]))
