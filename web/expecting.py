"""Whom a lecture expects, as pages and the API show it, and how it is set: what both of them share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attendance.expectation import Expected
from attendance.lectures import Lecture
from attendance.number_list import NumberProblem, NumberRow
from attendance.roster_reports import Listed
from venues.store import VenueUnknown
from venues.tree import Venue

if TYPE_CHECKING:
    from web.node import Node


@dataclass(frozen=True, kw_only=True)
class Expecting:
    """`venue` and `units` as far as this node knows them; `elsewhere` counts the units that it does not know."""

    expected: Expected
    venue: Venue | None
    units: tuple[Venue, ...]
    elsewhere: int

    @property
    def namesakes(self) -> bool:
        """Some of the units share a name: that alone does not say which."""
        return len({unit.name for unit in self.units}) < len(self.units)


async def expecting(node: Node, lecture: Lecture) -> Expecting:
    expected = await node.expectations.get(lecture.id)
    units = [venue for venue in [await _known(node, id_) for id_ in expected.units] if venue]
    return Expecting(
        expected=expected,
        venue=await _known(node, lecture.venue_id),
        units=tuple(sorted(units, key=lambda unit: (unit.level, unit.code))),
        elsewhere=len(expected.units) - len(units),
    )


async def head_count(node: Node, lecture: Lecture) -> int:
    """How many people the lecture expects, in all its venues."""
    return (await node.reports.count(lecture.id, lecture.venue_id)).expected


async def listed(node: Node, lecture: Lecture, expected: Expected) -> list[Listed]:
    """Those of its list who are on the roster now and at home where the lecture is for, by number."""
    return [one for one in await node.rosters.of(expected.people, lecture.venue_id) if one.gone_at is None]


async def kept(node: Node, lecture: Lecture) -> Expected:
    """What the lecture expects, to be changed in part: without those of its list who have moved out of its venues."""
    before = await node.expectations.get(lecture.id)
    people = tuple(one.id for one in await node.rosters.of(before.people, lecture.venue_id))
    return dataclasses.replace(before, people=people, others=before.listed)


async def set_expected(node: Node, lecture: Lecture, expected: Expected) -> None:
    """Raises LectureElsewhere, ExpectedUnitOutside, ExpectedLevelUnknown, ExpectedPersonUnknown."""
    units, levels = tuple(sorted(set(expected.units))), tuple(sorted(set(expected.levels)))
    await node.expectations.set(lecture.id, dataclasses.replace(expected, units=units, levels=levels))
    node.changes.notify()


async def people_of(
    node: Node, lecture: Lecture, rows: Sequence[NumberRow], problems: Iterable[NumberProblem]
) -> tuple[str, ...]:
    """The ids of the people with these numbers, at home where the lecture is for. Raises NumbersRefused."""
    return await node.rosters.take(rows, tuple(problems), await node.venues.get(lecture.venue_id))


async def _known(node: Node, venue_id: int) -> Venue | None:
    try:
        return await node.venues.get(venue_id)
    except VenueUnknown:
        return None
