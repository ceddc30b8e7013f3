"""Which lecture a venue takes part in now, and whether its door is open. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from attendance.lectures import Lecture, LectureState

DOOR_OPENS = dt.timedelta(hours=2)  # this long before a planned lecture cards are taken
SOON = dt.timedelta(hours=12)  # a planned lecture is announced this long before and after its time


def current(lectures: Iterable[Lecture], path: Collection[int], now: dt.datetime) -> Lecture | None:
    """The lecture that runs (of several the latest begun), else the next planned one, of those meant for the venue.

    `path` holds the ids of the venue and of all above it.
    """
    ours = [lecture for lecture in lectures if lecture.venue_id in path]
    live = [lecture for lecture in ours if lecture.state is LectureState.LIVE]
    if live:
        return max(live, key=lambda each: (each.started_at or now, each.id))
    planned = [lecture for lecture in ours if lecture.state is LectureState.PLANNED]
    soon = [each for each in planned if each.starts_at is None or abs(each.starts_at - now) < SOON]
    return min(soon, key=lambda each: (each.starts_at or now, each.id), default=None)


def door_state(lecture: Lecture | None, now: dt.datetime) -> str:
    """Of `current`: "open" where cards are taken, else "early" or "no_lecture"."""
    if lecture is None:
        return "no_lecture"
    if lecture.state is LectureState.LIVE:
        return "open"
    return "open" if lecture.starts_at is not None and now >= lecture.starts_at - DOOR_OPENS else "early"
