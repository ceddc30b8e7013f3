"""Which of a person's events stand, and when they happened by a clock that is right; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from attendance.event import Event, Kind, Method

# A clock that is known to be wrong by more than this is set right before anything is judged.
CLOCK_OFF = dt.timedelta(seconds=2)
_CLOCK_OFF_MS = CLOCK_OFF // dt.timedelta(milliseconds=1)
_UNDO = Kind.UNDO  # a member of an enum is found slowly, and this is asked of every event


def moment(event: Event) -> dt.datetime:
    """When it happened: by the node's own clock, set right where it was known to be wrong by more than CLOCK_OFF. An
    offset that leads out of the calendar is none."""
    off_ms = event.clock_offset_ms
    if off_ms is None or abs(off_ms) - (event.clock_uncertainty_ms or 0) <= _CLOCK_OFF_MS:
        return event.captured_at
    try:
        return event.captured_at + dt.timedelta(milliseconds=off_ms)
    except OverflowError:
        return event.captured_at


def undone(events: Iterable[Event]) -> set[str | None]:
    """The ids that undos take back."""
    return {event.supersedes for event in events if event.kind == _UNDO}


def by_kind(events: Iterable[Event]) -> dict[str, list[Event]]:
    """The events that no undo takes back by their kind, the earliest first; a pure function of the *set* of events."""
    known = {event.id: event for event in events}
    gone = undone(known.values())
    found: dict[str, list[Event]] = {}
    for id_, event in known.items():
        if id_ not in gone:
            found.setdefault(event.kind, []).append(event)
    for several in found.values():
        if len(several) > 1:
            several.sort(key=_order)
    return found


def standing(events: Iterable[Event], kind: str = Kind.CHECK_IN) -> list[Event]:
    """Those of one kind."""
    return by_kind(events).get(kind, [])


def counting(corrections: Sequence[Event], check_ins: Sequence[Event]) -> Event | None:
    """The correction that counts; both as `by_kind` gives them. An operator's word that somebody is not there ends with
    a later check-in, the organizer's (at the desk) stands."""
    last = corrections[-1] if corrections else None
    if last is None or last.method == Method.DESK or is_present(last):
        return last
    return None if any(_is_later(event, last) for event in check_ins) else last


def _is_later(event: Event, other: Event) -> bool:
    """Of what one node wrote its numbers tell, whatever its clock did meanwhile."""
    if (event.node, event.epoch) == (other.node, other.epoch):
        return event.seq > other.seq
    return moment(event) > moment(other)


def is_present(correction: Event) -> bool:
    return (correction.data or {}).get("state") == "present"


def _order(event: Event) -> tuple[dt.datetime, str]:
    return moment(event), event.id
