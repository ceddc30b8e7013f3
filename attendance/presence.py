"""Whether a person is present, from all the events about that person in one lecture, in whatever order they came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from attendance.event import Event, Kind


@dataclass(frozen=True, kw_only=True)
class Presence:
    """One person at one lecture; `person` is a guest's check-in id where the guest has no number."""

    lecture: str
    person: str
    number: str | None
    name: str
    venue: int  # where the person checked in first
    first_at: dt.datetime
    event: str  # the check-in that counts
    methods: tuple[str, ...]  # sorted, each once
    other_venue: bool  # also checked in at another venue


def undone(events: Iterable[Event]) -> set[str | None]:
    """The ids that undos take back."""
    return {event.supersedes for event in events if event.kind == Kind.UNDO}


def standing(events: Iterable[Event], kind: str = Kind.CHECK_IN) -> list[Event]:
    """The events of a kind that no undo takes back, the earliest first; a pure function of the *set* of events."""
    known = {event.id: event for event in events}
    gone = undone(known.values())
    stand = [event for event in known.values() if event.kind == kind and event.id not in gone]
    return sorted(stand, key=lambda event: (event.captured_at, event.id))


def presence(events: Iterable[Event]) -> Presence | None:
    """The derived row from one person's events of one lecture, None when nothing stands."""
    check_ins = standing(events)
    if not check_ins:
        return None
    first = check_ins[0]
    return Presence(
        lecture=first.lecture,
        person=first.subject,
        number=first.number,
        name=first.name,
        venue=first.venue,
        first_at=first.captured_at,
        event=first.id,
        methods=tuple(sorted({str(event.method) for event in check_ins})),
        other_venue=len({event.venue for event in check_ins}) > 1,
    )
