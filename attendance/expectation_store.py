"""Whom a lecture expects: asked for and decided at the node where the lecture was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import stamps_store as stamps
from attendance import summary_store
from attendance.expectation import Expected, ExpectedLevelUnknown, ExpectedPersonUnknown, ExpectedUnitOutside
from attendance.expected_store import expected_of, put_expected
from attendance.lecture_store import LectureStore, own_lecture
from attendance.tables import person
from attendance.venue_reports import chunks
from venues.database import Database
from venues.tables import venue, venue_closure


class Expectations:
    """`entropy(n)` gives n random bytes."""

    def __init__(self, db: Database, entropy: Callable[[int], bytes]) -> None:
        self._db = db
        self._entropy = entropy

    async def get(self, lecture: str) -> Expected:
        """EVERYBODY also of a lecture that is not known here."""
        return await self._db.read(lambda connection: expected_of(connection, lecture))

    async def set(self, lecture: str, expected: Expected) -> Expected:
        """Expect these, whatever was before; returns what holds now. Nothing changes when it raises LectureUnknown,
        LectureElsewhere, ExpectedUnitOutside, ExpectedLevelUnknown or ExpectedPersonUnknown."""
        return await self._db.write(lambda connection: self._set(connection, lecture, expected))

    def _set(self, connection: Connection, lecture_id: str, expected: Expected) -> Expected:
        lecture, before = own_lecture(connection, lecture_id), expected_of(connection, lecture_id)
        _check(connection, lecture.venue_id, expected)
        put_expected(connection, lecture.id, expected)
        after = expected_of(connection, lecture_id)
        if after != before:
            summary_store.changed(connection, [lecture.id])
            stamps.touch(connection, LectureStore.name, self._entropy)
        return after


def _check(connection: Connection, venue_id: int, expected: Expected) -> None:
    pairs = venue_closure.c
    below = sa.select(pairs.descendant).where(pairs.ancestor == venue_id)
    for units in chunks(expected.units):
        outside = set(units) - set(connection.scalars(below.where(pairs.descendant.in_(units))))
        if outside:
            raise ExpectedUnitOutside(unit=min(outside))
    levels = set(connection.scalars(sa.select(venue.c.level).where(venue.c.id.in_(below)).distinct()))
    for level in expected.levels:
        if level not in levels:
            raise ExpectedLevelUnknown(level=level)
    _check_people(connection, below, expected.people)


def _check_people(connection: Connection, below: sa.Select[tuple[int]], people: Sequence[str]) -> None:
    for ids in chunks(people):
        query = sa.select(person.c.id).where(person.c.id.in_(ids), person.c.home_id.in_(below))
        unknown = set(ids) - set(connection.scalars(query))
        if unknown:
            raise ExpectedPersonUnknown(person=min(unknown))
