"""Closing a venue's attendance: how many events its node wrote, and one hash over all of them. Pure.

A parent that holds exactly these events knows that nothing is missing, and only then is somebody who is not among them
absent: absent is not the same as not reported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from attendance.event import Event
from venues.errors import TongtangError


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


def check_reopen(closed: Event | None) -> None:
    """Raises NotClosed."""
    if closed is None:
        raise NotClosed
