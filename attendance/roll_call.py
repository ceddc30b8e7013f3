"""What a venue's own list says of each person: pure, from what was written down in that venue."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attendance.event import Event, Kind
from attendance.lectures import Lecture
from attendance.presence import counting, moment, standing

CHECK_OPEN = dt.timedelta(minutes=15)  # how long after it began somebody can be seen at a presence check
_CHECK_FIRST_MINUTE, _CHECK_MINUTES = 10, 30


@dataclass(frozen=True, kw_only=True)
class Said:
    """`state`: present, signed_out, leave, makeup or absent; "" while nothing stands. `event` is what an undo takes
    back: the check-in, the sign-out, the leave or the correction."""

    state: str = ""
    at: dt.datetime | None = None  # of that event
    since: dt.datetime | None = None  # checked in
    method: str | None = None
    event: str | None = None
    reason: str | None = None
    late: bool = False  # somebody said so
    seen_at: dt.datetime | None = None  # at the last presence check where the person was seen


def said(events: Iterable[Event]) -> Said:
    """Of one person, from all events of that person in the venue."""
    known = list(events)
    moves = [*standing(known), *standing(known, Kind.SIGN_OUT)]
    moves.sort(key=lambda event: (moment(event), event.id))
    since: Event | None = None
    for event in moves:
        since = None if event.kind == Kind.SIGN_OUT else since or event
    last = moves[-1] if moves else None
    seen = standing(known, Kind.PRESENCE_CHECK)
    seen_at = seen[-1].captured_at if seen else None
    corrections, leaves = standing(known, Kind.CORRECTION), standing(known, Kind.LEAVE)
    if correction := counting(corrections, standing(known)):
        data = correction.data or {}
        return _of(correction, str(data.get("state", "")), since, seen_at, late=bool(data.get("late")))
    if since is not None:
        return _of(since, "present", since, seen_at)
    if last is not None and last.kind == Kind.SIGN_OUT and standing(known):
        return _of(last, "signed_out", None, seen_at)
    if leaves:
        return _of(leaves[-1], "leave", None, seen_at)
    return Said(seen_at=seen_at)


def _of(event: Event, state: str, since: Event | None, seen_at: dt.datetime | None, *, late: bool = False) -> Said:
    return Said(
        state=state,
        at=event.captured_at,
        since=since.captured_at if since else None,
        method=str(event.method),
        event=event.id,
        reason=event.reason,
        late=late,
        seen_at=seen_at,
    )


@dataclass(frozen=True, kw_only=True)
class Room:
    """What was noted of the room as a whole."""

    headcount: int | None  # the last one
    headcount_at: dt.datetime | None
    check_at: dt.datetime | None  # the last presence check began
    checks: int  # how many were held


def room(events: Sequence[Event]) -> Room:
    """From the headcounts and presence checks of the venue."""
    counts, checks = standing(events, Kind.HEADCOUNT), standing(events, Kind.PRESENCE_CHECK)
    held = [event for event in checks if event.subject.startswith("venue:")]
    last = counts[-1] if counts else None
    return Room(
        headcount=int((last.data or {})["people"]) if last else None,
        headcount_at=last.captured_at if last else None,
        check_at=held[-1].captured_at if held else None,
        checks=len(held),
    )


def check_moment(lecture: Lecture, node: str) -> dt.datetime | None:
    """When this node proposes its presence check: a minute of each lecture and node that nobody can foresee from the
    last one, yet the same however often it is asked."""
    if lecture.started_at is None:
        return None
    digest = hashlib.sha256(f"{lecture.id}\n{node}".encode()).digest()
    minute = _CHECK_FIRST_MINUTE + int.from_bytes(digest[:4], "big") % _CHECK_MINUTES
    return lecture.started_at + dt.timedelta(minutes=minute)


def check_open(found: Room, now: dt.datetime) -> bool:
    return found.check_at is not None and found.check_at <= now <= found.check_at + CHECK_OPEN
