"""Who is expected at a lecture, and where they were at home when it was: for all figures, lists and presences alike.

As a rule nobody ever moved, came later or left, and every lecture expects everybody: `roster_of` looks whether that is
so, and then nothing but the table `person` is asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.expectation import EVERYBODY, Expected
from attendance.expected_store import PERSON, expected_of
from attendance.homes import NOWHERE
from attendance.lectures import Lecture
from attendance.tables import erasure, expectation, person, person_home, presence
from venues.database import look_up
from venues.tables import venue, venue_closure

Within = Callable[[sa.ColumnElement[int]], sa.ColumnElement[bool]]


@dataclass(frozen=True, kw_only=True)
class Roster:
    """The roster at a time; `at` None: as it is now (a lecture that has no time yet)."""

    at: dt.datetime | None
    moved: bool = False  # somebody was at home elsewhere then
    later: bool = False  # somebody was not on it yet
    gone: bool = False  # somebody was not on it any more
    erased: bool = False  # somebody of whom something stands in the lecture was erased, and was expected all the same
    expected: Expected = EVERYBODY
    lecture: str = ""  # whose expectation it is

    def people(self, within: Within) -> sa.FromClause:
        """The rows of those who were on the roster and at home where `within` says: id, number, name, home_id. Somebody
        who was erased is there by the pseudonym, without a number."""
        if not self.erased:
            return self._people(within)
        known, about = self._people(within).c, presence.c
        nobody = sa.select(about.person_id, sa.cast(sa.null(), sa.Text), about.name, about.home_id)
        nobody = nobody.where(_erased(self.lecture), within(about.home_id))
        return sa.union_all(sa.select(known.id, known.number, known.name, known.home_id), nobody).subquery("person")

    def _people(self, within: Within) -> sa.FromClause:
        if not (self.moved or self.later or self.gone):
            return sa.select(person).where(within(person.c.home_id)).subquery("person")
        about, home = person.c, self._home().label("home_id")
        query = sa.select(about.id, about.number, about.name, home).where(*self._there())
        if not self.moved:
            return query.where(within(about.home_id)).subquery("person")
        # First those who may be meant, by index; then by where they really were.
        before = sa.select(person_home.c.person_id).where(self._until(), within(person_home.c.venue_id))
        found = query.where(within(about.home_id) | about.id.in_(before)).subquery("maybe")
        return sa.select(found).where(within(found.c.home_id), found.c.home_id != NOWHERE).subquery("person")

    def expects(self, home: sa.ColumnElement[Any], who: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Of those whom the lecture's venue concerns: whether they are expected."""
        expected = self.expected
        if expected.everybody:
            return sa.true()
        either = []
        if expected.units or expected.levels:
            both = []
            if expected.units:
                below = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor.in_(expected.units))
                both.append(home.in_(below))
            if expected.levels:
                both.append(home.in_(sa.select(venue.c.id).where(venue.c.level.in_(expected.levels))))
            either.append(sa.and_(*both))
        if expected.listed:
            rows = expectation.c
            listed = sa.select(rows.ref).where(rows.lecture_id == self.lecture, rows.kind == PERSON)
            either.append(who.in_(listed))
        return sa.or_(*either)

    def homes(self, connection: Connection, people: Sequence[str]) -> dict[str, int]:
        """Where these people were at home; NOWHERE for those who were not on the roster. Unknown people are missing."""
        home: sa.ColumnElement[int] = self._home() if self.moved else person.c.home_id
        if self.later or self.gone:
            home = sa.case((sa.and_(*self._there()), home), else_=NOWHERE)
        return look_up(connection, people, lambda id_: sa.select(home).where(person.c.id == id_))

    def _home(self) -> sa.ColumnElement[int]:
        if not self.moved:
            return person.c.home_id
        before = sa.select(person_home.c.venue_id).where(person_home.c.person_id == person.c.id, self._until())
        first = before.order_by(person_home.c.until).limit(1).correlate(person).scalar_subquery()
        return sa.func.coalesce(first, person.c.home_id)

    def _until(self) -> sa.ColumnElement[bool]:
        return person_home.c.until > self.at

    def _there(self) -> list[sa.ColumnElement[bool]]:
        about, found = person.c, list[sa.ColumnElement[bool]]()
        if self.later:
            found.append(about.since.is_(None) | (about.since <= self.at))
        if self.gone:
            found.append(about.gone_at.is_(None) if self.at is None else ~_gone(self.at))
        return found


def time_of(lecture: Lecture) -> dt.datetime | None:
    """When it counts where people are at home; None: now."""
    return lecture.started_at or lecture.starts_at


def roster_of(connection: Connection, lecture: Lecture) -> Roster:
    """With whom the lecture expects."""
    rows = expectation.c
    told = sa.exists(sa.select(rows.ref).where(rows.lecture_id == lecture.id))
    without = sa.exists(sa.select(presence.c.person_id).where(_erased(lecture.id)))
    at = time_of(lecture)
    *there, some, erased = map(bool, connection.execute(sa.select(*_signs(at), told, without)).one())
    moved, later, gone = there
    expected = expected_of(connection, lecture.id) if some else EVERYBODY
    return Roster(at=at, moved=moved, later=later, gone=gone, erased=erased, expected=expected, lecture=lecture.id)


def roster_at(connection: Connection, at: dt.datetime | None) -> Roster:
    """Without anybody's expectation."""
    moved, later, gone = map(bool, connection.execute(sa.select(*_signs(at))).one())
    return Roster(at=at, moved=moved, later=later, gone=gone)


def _signs(at: dt.datetime | None) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether somebody was elsewhere, not yet there, not there any more; each by the first row of an index."""
    about = person.c
    if at is None:
        return sa.false(), sa.false(), sa.exists(sa.select(about.id).where(about.gone_at.is_not(None)))
    return (
        sa.exists(sa.select(person_home.c.person_id).where(person_home.c.until > at)),
        sa.exists(sa.select(about.id).where(about.since > at)),
        sa.exists(sa.select(about.id).where(_gone(at))),
    )


def _erased(lecture: str) -> sa.ColumnElement[bool]:
    """Presences of those who were erased; the roster does not know them any more."""
    return sa.and_(presence.c.lecture_id == lecture, presence.c.person_id.in_(sa.select(erasure.c.pseudonym)))


def _gone(at: dt.datetime) -> sa.ColumnElement[bool]:
    return sa.and_(person.c.gone_at.is_not(None), person.c.gone_at <= at)
