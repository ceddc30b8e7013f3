"""Whom a lecture expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from venues.errors import TongtangError


class ExpectedUnitOutside(TongtangError):
    """The lecture is not for venue {unit}: choose its own venue or venues below it."""

    code: ClassVar[str] = "expected_unit_outside"
    status: ClassVar[int] = 422


class ExpectedLevelUnknown(TongtangError):
    """No venue of level {level} is below the lecture's venue."""

    code: ClassVar[str] = "expected_level_unknown"
    status: ClassVar[int] = 422


class ExpectedPersonUnknown(TongtangError):
    """The person {person} is not at home in the lecture's venue or below it."""

    code: ClassVar[str] = "expected_person_unknown"
    status: ClassVar[int] = 422


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Of those at home in the lecture's venue or below it, a lecture expects who is at home in one of the `units` or
    below it and also at a venue of one of the `levels` (whichever of the two is given), and whoever is on the list. If
    nothing is given at all, it expects everybody."""

    units: tuple[int, ...] = ()  # venue ids
    levels: tuple[int, ...] = ()  # Venue.level, counted from 0
    people: tuple[str, ...] = ()  # person ids
    others: bool = False  # there is a list, and people are on it who are not known here, or were erased

    @property
    def everybody(self) -> bool:
        return not (self.units or self.levels or self.listed)

    @property
    def listed(self) -> bool:
        return bool(self.people) or self.others


EVERYBODY = Expected()


def to_wire(expected: Expected) -> dict[str, object]:
    people = list(expected.people) if expected.listed else None
    return {"units": list(expected.units), "levels": list(expected.levels), "people": people}


def from_wire(obj: object) -> Expected:
    """Read what a parent sent, None (an older one) being everybody; raises KeyError or ValueError where it is
    malformed. Whoever it lists may be a part of those on its own list."""
    if obj is None:
        return EVERYBODY
    if not isinstance(obj, Mapping):
        raise ValueError("expected must be an object")
    people = obj["people"]
    return Expected(
        units=tuple(sorted(int(str(unit)) for unit in obj["units"])),
        levels=tuple(sorted(int(str(level)) for level in obj["levels"])),
        people=tuple(sorted(str(person) for person in people or ())),
        others=people is not None,
    )
