"""How long a node may know who was where: pure."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Days after a lecture; 0: for ever."""

    people_days: int
    device_days: int


FOR_EVER = Keep(people_days=0, device_days=0)


def strictest(own: Keep, above: Keep) -> Keep:
    """A node keeps nothing for longer than the node above it."""
    return Keep(
        people_days=_shorter(own.people_days, above.people_days),
        device_days=_shorter(own.device_days, above.device_days),
    )


def _shorter(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


def before(now: dt.datetime, days: int) -> dt.datetime | None:
    """What lies before this is over; None: nothing is."""
    return now - dt.timedelta(days=days) if days else None


def held_at(lecture: str, *times: dt.datetime | None) -> dt.datetime | None:
    """When a lecture was: the first of its times that is known, else when it was entered, which a UUIDv7 says."""
    known = next((time for time in times if time is not None), None)
    if known is not None:
        return known
    try:
        id_ = uuid.UUID(lecture)
    except ValueError:
        return None
    return dt.datetime.fromtimestamp((id_.int >> 80) / 1000, dt.UTC) if id_.version == 7 else None


def to_wire(keep: Keep) -> dict[str, int]:
    return {"people_days": keep.people_days, "device_days": keep.device_days}


def from_wire(obj: Mapping[str, object]) -> Keep:
    """Raises KeyError, ValueError."""
    return Keep(people_days=_days(obj["people_days"]), device_days=_days(obj["device_days"]))


def _days(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100_000:
        raise ValueError(f"not a number of days: {value!r}")
    return value
