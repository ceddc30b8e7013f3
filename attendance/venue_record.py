"""What a venue itself did in a lecture: how long it had picture and sound, who was counted, who was seen at a check.

A pure function of the *set* of the venue's events: in whatever order and however often they came, every node that has
the same ones says the same.
"""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attendance.event import Event, Kind
from attendance.lectures import Lecture
from attendance.presence import moment, standing
from attendance.roll_call import room

TOLD = frozenset({Kind.PICTURE, Kind.HEADCOUNT, Kind.PRESENCE_CHECK})  # and what takes these back


@dataclass(frozen=True, kw_only=True)
class VenueRecord:
    """`picture_s`, `sound_s`: of the lecture's time, 0 while nobody knows when it began."""

    picture_s: int = 0
    sound_s: int = 0
    told_s: int = 0  # from the lecture's beginning to the last moment that the screens told of
    headcount: int | None = None  # the last one
    headcount_at: dt.datetime | None = None
    checks: int = 0  # presence checks held
    seen: int = 0  # people seen at the last of them


@dataclass(frozen=True, kw_only=True)
class Span:
    """`ms` of the time from `start` to `end` (Unix milliseconds), spread evenly over it."""

    start: int
    end: int
    ms: int


def record(events: Iterable[Event], lecture: Lecture | None) -> VenueRecord | None:
    """Of all events of one venue in a lecture that `TOLD` or an undo is about; None where nothing stands."""
    known = {event.id: event for event in events}
    noted = room(list(known.values()))
    pictures = standing(known.values(), Kind.PICTURE)
    if not pictures and noted.headcount is None and not noted.checks:
        return None
    begun, ended = (_ms(lecture.started_at), _ms(lecture.ended_at)) if lecture else (None, None)
    picture, sound, told = 0.0, 0.0, 0
    if begun is not None:
        spans = [span for event in pictures if (span := _span(event, "picture_s", begun, ended))]
        picture = shared(spans)
        sound = shared([span for event in pictures if (span := _span(event, "sound_s", begun, ended))])
        told = max((span.end for span in spans), default=begun) - begun
    return VenueRecord(
        picture_s=_seconds(picture),
        sound_s=_seconds(sound),
        told_s=_seconds(told),
        headcount=noted.headcount,
        headcount_at=noted.headcount_at,
        checks=noted.checks,
        seen=_seen(known.values()),
    )


def shared(spans: Iterable[Span]) -> float:
    """Milliseconds of all together, no moment counted twice: where spans overlap, the fullest one counts."""
    waiting = sorted({(span.start, span.end, span.ms) for span in spans})
    edges = sorted({edge for start, end, _ in waiting for edge in (start, end)})
    open_: list[tuple[float, int]] = []  # (-fullness, end), the fullest first
    total, place = 0.0, 0
    for left, right in itertools.pairwise(edges):
        while place < len(waiting) and waiting[place][0] <= left:
            start, end, ms = waiting[place]
            heapq.heappush(open_, (-ms / (end - start), end))
            place += 1
        while open_ and open_[0][1] <= left:
            heapq.heappop(open_)
        if open_:
            total -= open_[0][0] * (right - left)
    return total


def _span(event: Event, key: str, begun: int, ended: int | None) -> Span | None:
    """What the event says, cut to the lecture; never more than the time that it speaks of."""
    data = event.data or {}
    wrong = moment(event) - event.captured_at  # the clock by which it was written
    shift = wrong // dt.timedelta(milliseconds=1)
    start, end = int(data["from_ms"]) + shift, int(data["until_ms"]) + shift
    inner_start, inner_end = max(start, begun), end if ended is None else min(end, ended)
    if inner_end <= inner_start:
        return None
    full = min(1000 * int(data[key]), end - start)
    return Span(start=inner_start, end=inner_end, ms=full * (inner_end - inner_start) // (end - start))


def _seen(events: Iterable[Event]) -> int:
    checks = standing(events, Kind.PRESENCE_CHECK)
    held = [event for event in checks if event.subject.startswith("venue:")]
    if not held:
        return 0
    last = moment(held[-1])
    return len({event.subject for event in checks if moment(event) >= last and event not in held})


def _ms(at: dt.datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // dt.timedelta(milliseconds=1)


def _seconds(ms: float) -> int:
    return int(ms / 1000 + 0.5)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def share(seconds: int, told_s: int, venues: int, length_s: int | None) -> float | None:
    """Which part of the lecture `venues` had, 0…1. None where no venue has told anything."""
    whole = whole_s(told_s, venues, length_s)
    return min(1.0, seconds / whole) if whole > 0 and venues else None


def whole_s(told_s: int, venues: int, length_s: int | None) -> int:
    """What `venues` could have had of a lecture: its whole length once that is known, until then what they have told
    of."""
    return told_s if length_s is None else venues * length_s


def length_s(lecture: Lecture) -> int | None:
    """How long the lecture was; None while it runs."""
    if lecture.started_at is None or lecture.ended_at is None:
        return None
    return _seconds((lecture.ended_at - lecture.started_at) / dt.timedelta(milliseconds=1))


def told_of(events: Sequence[Event]) -> set[tuple[str, int]]:
    """(lecture, venue) of which these events change the record, as far as they say so themselves."""
    found = {(event.lecture, event.venue) for event in events if event.kind in TOLD}
    undos = (event for event in events if event.kind == Kind.UNDO and event.subject.startswith("venue:"))
    return found | {(event.lecture, event.venue) for event in undos}
