"""Closing a venue's attendance: how many events its node wrote, and one hash over all of them. Pure.

A parent that holds exactly these events knows that nothing is missing, and only then is somebody who is not among them
absent: absent is not the same as not reported.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from attendance.event import Event
from venues.errors import TongtangError
from venues.status import Presence


class NotClosed(TongtangError):
    """The attendance of this venue has not been closed."""

    code: ClassVar[str] = "attendance_not_closed"
    status: ClassVar[int] = 409


@dataclass(frozen=True, kw_only=True)
class Total:
    count: int
    hash: str  # SHA-256 over the sorted content hashes, each with a line feed, in hexadecimal


def total(content_hashes: Iterable[str]) -> Total:
    """Of a set of events, in whatever order they come."""
    lines = sorted(set(content_hashes))
    return Total(count=len(lines), hash=hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest())


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What one node of a venue last said of a lecture's attendance, and how much of it is here."""

    lecture: str
    venue: int
    node: str
    event: str  # the close or reopen
    epoch: int
    seq: int
    at: dt.datetime
    open: bool  # it was opened again
    count: int
    hash: str
    here: int
    complete: bool

    def with_here(self, found: Total) -> Closing:
        return replace(self, here=found.count, complete=(found.count, found.hash) == (self.count, self.hash))


class VenueState(enum.StrEnum):
    """What a report may conclude of a venue; only FINAL (or the deadline) makes somebody absent."""

    NEVER_SEEN = "never_seen"
    SILENT = "silent"  # was heard of, is not now, and has not closed
    CONNECTED = "connected"  # is heard of and has not closed
    BEHIND = "behind"  # events that it has are not here yet
    FINAL = "final"  # it closed, and everything that it closed is here


@dataclass(frozen=True, kw_only=True)
class Standing:
    """`behind`: how many events are known to be missing; 0 with BEHIND: as many as were closed, but others."""

    state: VenueState
    behind: int = 0
    closed_at: dt.datetime | None = None


def standing(presence: Presence, pending: int, closings: Iterable[Closing]) -> Standing:
    """`pending`: what the venue's node last said that it has not handed up yet; `closings`: one for each node that it
    had. A node that wrote nothing down and did not close hinders nobody; of two that closed, both must be complete."""
    closed = [one for one in closings if not one.open]
    if closed:
        at = max(one.at for one in closed)
        missing = sum(max(0, one.count - one.here) for one in closed if not one.complete)
        done = all(one.complete for one in closed)
        return Standing(state=VenueState.FINAL if done else VenueState.BEHIND, behind=missing, closed_at=at)
    if pending > 0:
        return Standing(state=VenueState.BEHIND, behind=pending)
    return Standing(state=VenueState(presence.value))


def check_reopen(closed: Event | None) -> None:
    """Raises NotClosed."""
    if closed is None:
        raise NotClosed
