"""Which of a person's events stand, and when they happened by a clock that is right; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from attendance.event import Event, Kind

# A clock that is known to be wrong by more than this is set right before anything is judged.
CLOCK_OFF = dt.timedelta(seconds=2)


def moment(event: Event) -> dt.datetime:
    """When it happened: by the node's own clock, set right where it was known to be wrong by more than CLOCK_OFF."""
    if event.clock_offset_ms is None:
        return event.captured_at
    off = dt.timedelta(milliseconds=event.clock_offset_ms)
    doubt = dt.timedelta(milliseconds=event.clock_uncertainty_ms or 0)
    return event.captured_at + off if abs(off) - doubt > CLOCK_OFF else event.captured_at


def undone(events: Iterable[Event]) -> set[str | None]:
    """The ids that undos take back."""
    return {event.supersedes for event in events if event.kind == Kind.UNDO}


def standing(events: Iterable[Event], kind: str = Kind.CHECK_IN) -> list[Event]:
    """The events of a kind that no undo takes back, the earliest first; a pure function of the *set* of events."""
    known = {event.id: event for event in events}
    gone = undone(known.values())
    stand = [event for event in known.values() if event.kind == kind and event.id not in gone]
    return sorted(stand, key=lambda event: (moment(event), event.id))
