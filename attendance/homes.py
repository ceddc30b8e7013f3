"""Where people are and were at home, as a venue's node may know it, and how that travels to it (collection "homes")."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from venues.wire import format_time, parse_time

NOWHERE = 0  # in the place of a home: on no roster here at that time


@dataclass(frozen=True, kw_only=True)
class Before:
    """At home in `venue` until then."""

    until: dt.datetime
    venue: int  # or NOWHERE


@dataclass(frozen=True, kw_only=True)
class Resident:
    """Somebody about whom more is to be known than where the home is now. `before` in order."""

    number: str
    name: str
    home: int
    since: dt.datetime | None = None
    gone_at: dt.datetime | None = None
    before: Sequence[Before] = ()


def seen_from(person: Resident, within: Container[int]) -> Resident | None:
    """What a node knows of the person whose venues are these: who has moved out of them has left, for that node, and
    where somebody was outside of them it does not learn. None: never was at home there."""
    homes = [each.venue if each.venue in within else NOWHERE for each in person.before]
    homes.append(person.home if person.home in within else NOWHERE)
    ends = [*(each.until for each in person.before), person.gone_at]
    while homes and homes[-1] == NOWHERE:
        homes.pop()
        ends.pop()
    if not homes:
        return None
    before = [Before(until=end, venue=home) for home, end in zip(homes[:-1], ends[:-1], strict=True) if end]
    return Resident(
        number=person.number,
        name=person.name,
        home=homes[-1],
        since=person.since,
        gone_at=ends[-1],
        before=tuple(before),
    )


def to_wire(person: Resident) -> dict[str, object]:
    return {
        "number": person.number,
        "name": person.name,
        "home": person.home,
        "since": _text(person.since),
        "gone_at": _text(person.gone_at),
        "homes": [{"venue": each.venue, "until": _text(each.until)} for each in person.before],
    }


def from_wire(obj: Mapping[str, object]) -> Resident:
    """Raises KeyError, TypeError or ValueError where it is malformed."""
    homes = obj["homes"]
    if not isinstance(homes, list):
        raise ValueError("homes must be a list")
    return Resident(
        number=str(obj["number"]),
        name=str(obj["name"]),
        home=int(str(obj["home"])),
        since=_time(obj["since"]),
        gone_at=_time(obj["gone_at"]),
        before=tuple(Before(until=parse_time(each["until"]), venue=int(str(each["venue"]))) for each in homes),
    )


def _text(at: dt.datetime | None) -> str | None:
    return None if at is None else format_time(at)


def _time(value: object) -> dt.datetime | None:
    return None if value is None else parse_time(value)
