"""How far the events that one node numbered 1, 2, 3… in one epoch have come: the contiguous high-water mark. Pure.

Numbers may arrive in any order. `upto` is the mark: everything up to it is here. A number that comes a second time with
another event says that a disk was copied or set back: the stream is forked there, and from that number on its mark says
nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

Ranges = tuple[tuple[int, int], ...]
RANGES_MOST = 10_000  # a row stays below some hundred kilobytes; a gap beyond is not remembered, only not marked


@dataclass(frozen=True, kw_only=True)
class Stream:
    node: str
    epoch: int
    upto: int = 0
    beyond: Ranges = ()  # ascending, apart from each other and from `upto`
    forked_at: int | None = None
    root: int = 0  # the root's mark, as far as it is known here

    def holds(self, seq: int) -> bool:
        return seq <= self.upto or any(first <= seq <= last for first, last in self.beyond)

    @property
    def last(self) -> int:
        """The highest number that was ever seen."""
        return self.beyond[-1][1] if self.beyond else self.upto

    @property
    def mark(self) -> int:
        """Up to here everything is known to be here, and to be the only one of its number."""
        return self.upto if self.forked_at is None else min(self.upto, self.forked_at - 1)


def add(stream: Stream, seqs: Iterable[int]) -> Stream:
    """The stream after new events (ones that were not in the log) with these numbers came."""
    forked_at, ranges = stream.forked_at, [(1, stream.upto), *stream.beyond] if stream.upto else list(stream.beyond)
    fresh: list[tuple[int, int]] = []
    last = 0
    for seq in sorted(seqs):
        if seq == last or stream.holds(seq):
            forked_at = seq if forked_at is None else min(forked_at, seq)
        elif fresh and fresh[-1][1] == seq - 1:
            fresh[-1] = (fresh[-1][0], seq)
        else:
            fresh.append((seq, seq))
        last = seq
    merged: list[tuple[int, int]] = []
    for first, end in sorted(ranges + fresh):
        if merged and merged[-1][1] >= first - 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((first, end))
    upto = merged.pop(0)[1] if merged and merged[0][0] == 1 else 0
    return replace(stream, upto=upto, beyond=tuple(merged[:RANGES_MOST]), forked_at=forked_at)


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What came of the parent's word on streams: `moved` of them are further at the root than was known; in `lacking`
    the parent has events that are not here."""

    moved: int
    lacking: tuple[Stream, ...]


def set_back(own: Stream, told: Stream) -> bool:
    """Whether the parent knows more of a stream than is here, where it was written or passed through: this disk was set
    back or copied, and a writer must not number on from where it stands."""
    if told.forked_at is None:
        return told.last > own.last
    return told.last > own.last or own.forked_at is None or told.forked_at < own.forked_at


def surely_has(own: Stream, told: Stream, seq: int) -> bool:
    """Whether the parent that says `told` has this event of `own`. Of a number that two events bear nobody can say."""
    forks = [stream.forked_at for stream in (own, told) if stream.forked_at is not None]
    return told.holds(seq) and all(seq < forked_at for forked_at in forks)


def may_lack(own: Stream, told: Stream) -> bool:
    """Whether there is a number here of which it is not sure that the parent has the event, too."""
    ranges = ((1, own.upto), *own.beyond) if own.upto else own.beyond
    if own.forked_at is not None or told.forked_at is not None:
        return bool(ranges)
    theirs = ((1, told.upto), *told.beyond)
    return not all(any(low <= first and last <= high for low, high in theirs) for first, last in ranges)


def to_text(ranges: Ranges) -> str:
    return json.dumps(ranges, separators=(",", ":"))


def from_text(text: str) -> Ranges:
    return tuple((first, last) for first, last in json.loads(text))
