"""What a venue's screens tell of their picture and sound, folded into intervals, and these into few events: pure.

A screen tells every ten seconds; two hours of that in eighteen thousand venues would be thirteen million events. So
what was told stands in one row of the node's own database, and becomes an event after 1, 2, 4, 8 and then each 15
minutes, when nothing has been told for half a minute, and when the attendance is handed in: at most a dozen in two
hours, some 200,000 of a province. A crash loses nothing that was answered, and what was not, the screens tell again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from attendance.event import Data
from venues.errors import TongtangError

Interval = tuple[int, int]  # Unix milliseconds

_FIRST_MS, _MOST_MS = 60_000, 900_000  # of time told in one event
_SILENT_MS = 30_000
_FORGOTTEN_MS = 600_000
_AGO_MOST_MS = 1_800_000
_SPAN_MOST_MS = 60_000
_BACK_MS = 60_000  # a clock that goes back by more is another clock
_JITTER_MS = 300  # of a report's way to the node
_OVERLAP_MS = 2_000
_SCREENS_MOST = 20


class PictureAbsurd(TongtangError):
    """A screen cannot have shown more than time has passed."""

    code: ClassVar[str] = "picture_absurd"
    status: ClassVar[int] = 422


@dataclass(frozen=True, kw_only=True)
class Period:
    """One report of a screen: `number` 1, 2, 3… since its page was opened; it ended `ago_ms` before it was sent."""

    number: int
    ago_ms: int
    span_ms: int
    picture_ms: int
    sound_ms: int
    frames: int = 0  # decoded in that time; 0 also from a page of an older version


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the screens have told since the last event."""

    start: int | None = None  # None: nothing
    until: int = 0  # the last moment that any of them told of
    picture: tuple[Interval, ...] = ()  # in order, apart from each other
    sound: tuple[Interval, ...] = ()
    frames: int = 0  # of all screens together
    events: int = 0  # written of this lecture so far
    screens: dict[str, tuple[int, int]] = field(default_factory=dict)  # the last number, and until when


def check(periods: Sequence[Period]) -> None:
    """Raises PictureAbsurd: more than the time that it is of, from the future, or the same time twice."""
    before: Period | None = None
    for one in periods:
        within = all(0 <= each <= one.span_ms for each in (one.picture_ms, one.sound_ms, one.frames))
        if not within or not 0 < one.span_ms <= _SPAN_MOST_MS or not 0 <= one.ago_ms <= _AGO_MOST_MS or one.number < 1:
            raise PictureAbsurd
        if before and (one.number <= before.number or one.ago_ms + one.span_ms > before.ago_ms + _OVERLAP_MS):
            raise PictureAbsurd
        before = one


def fold(told: Told, screen: str, periods: Sequence[Period], now: int) -> tuple[list[Data], Told]:
    """What to write as events, and what stands then, after a screen has told at `now` (Unix ms). A repeat changes
    nothing. Raises PictureAbsurd."""
    check(periods)
    written: list[Data] = []
    if now < told.until - _BACK_MS:
        data, told = taken(dataclasses.replace(told, screens={}))
        written += [data] if data else []
    for one in periods:
        if one.number <= told.screens.get(screen, (0, 0))[0]:
            continue
        end = now - one.ago_ms
        start = end - one.span_ms
        if told.start is not None and (start > told.until + _SILENT_MS or _is_full(told)):
            data, told = taken(told)
            written += [data] if data else []
        told = _with(told, screen, one, start, end)
    return written, told


def is_due(told: Told, now: int) -> bool:
    """Whether what stands must become an event."""
    return told.start is not None and (_is_full(told) or now - told.until >= _SILENT_MS)


def is_over(told: Told, now: int) -> bool:
    """Whether nothing need be remembered any more."""
    return told.start is None and not 0 <= now - told.until < _FORGOTTEN_MS


def taken(told: Told) -> tuple[Data | None, Told]:
    """The figures of an event, None where there is nothing to say, and what stands after it."""
    if told.start is None:
        return None, told
    data = {
        "from_ms": told.start,
        "until_ms": told.until,
        "picture_s": round(length(told.picture) / 1000),
        "sound_s": round(length(told.sound) / 1000),
        "frames": told.frames,
    }
    return data, dataclasses.replace(told, start=None, picture=(), sound=(), frames=0, events=told.events + 1)


def joined(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Their union; what is hardly apart is one."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if found and start <= found[-1][1] + _JITTER_MS:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def length(intervals: Iterable[Interval]) -> int:
    return sum(end - start for start, end in intervals)


def to_text(told: Told) -> str:
    return json.dumps(dataclasses.asdict(told))


def from_text(text: str) -> Told:
    raw = json.loads(text)
    return Told(
        start=raw["start"],
        until=raw["until"],
        picture=tuple((start, end) for start, end in raw["picture"]),
        sound=tuple((start, end) for start, end in raw["sound"]),
        frames=raw.get("frames", 0),  # a row of an older version has none
        events=raw["events"],
        screens={screen: (number, until) for screen, (number, until) in raw["screens"].items()},
    )


def _with(told: Told, screen: str, one: Period, start: int, end: int) -> Told:
    # Where in a period there was picture is not told: two screens that had half of it count as half, not as all.
    screens = {**told.screens, screen: (one.number, end)}
    while len(screens) > _SCREENS_MOST:
        del screens[min(screens, key=lambda each: screens[each][1])]
    return dataclasses.replace(
        told,
        start=start if told.start is None else min(start, told.start),
        until=end if told.start is None else max(end, told.until),
        picture=joined([*told.picture, (start, start + one.picture_ms)]),
        sound=joined([*told.sound, (start, start + one.sound_ms)]),
        frames=told.frames + one.frames,
        screens=screens,
    )


def _is_full(told: Told) -> bool:
    most = min(_FIRST_MS * 2 ** min(told.events, 10), _MOST_MS)
    return told.start is not None and told.until - told.start >= most
