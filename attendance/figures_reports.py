"""The figures of a lecture in SQL: grouped by single venue there, added up the tree in `figures.py`.

Finished lectures are read from `summary`; whatever may have changed since is computed from the presences themselves, so
that a figure is never older than the question.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.figures import NAMES, Figures, Group, HomeGroup, Sums, VenueTold
from attendance.homes_store import Roster, roster_of
from attendance.judge import Status
from attendance.lecture_row import lecture_of
from attendance.lectures import Lecture
from attendance.paths_store import Paths
from attendance.tables import closing, presence, summary, summary_due, venue_record
from attendance.tables import lecture as lecture_table
from venues.database import one_of
from venues.tables import venue, venue_closure

_MANY = 1000  # single venues; the figures of more are taken from the whole subtree


@dataclass(frozen=True, kw_only=True)
class Place:
    """A venue as a lecture sees it: `path` from the root to it; `level` its own, counted from 1 (a county right under
    the province has a short path)."""

    lecture: Lecture
    path: tuple[int, ...]
    level: int

    @property
    def venue(self) -> int:
        return self.path[-1]

    def attended(self) -> sa.ColumnElement[bool]:
        """Those who were in the venue or below it."""
        there = sa.and_(presence.c.lecture_id == self.lecture.id, presence.c.status == Status.PRESENT.value)
        return sa.and_(there, level_column(self.level) == self.venue)

    def concerns(self, home: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Whether the lecture is for somebody at home at `home`: it is for that venue or one above."""
        return sa.true() if self.lecture.venue_id in self.path else is_within(home, self.lecture.venue_id)


def level_column(level: int) -> sa.Column[int]:
    """The column of `presence` with the attended venue's ancestor at a level counted from 1."""
    column: sa.Column[int] = presence.c[f"l{level}"]
    return column


def is_within(descendant: sa.ColumnElement[int], ancestor: int) -> sa.ColumnElement[bool]:
    return descendant.in_(sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == ancestor))


def figures(
    connection: Connection, paths: Paths, place: Place, rows: Mapping[int, int], inner: Collection[int]
) -> dict[int, Figures]:
    """By row (venue -> its level counted from 1), each the place itself or below it; `inner`: those of the rows that
    have venues below them."""
    if not clean(connection, place.lecture.id):
        return direct(connection, paths, place, rows)
    found = _summaries(connection, place.lecture.id, inner)
    rest = {row: level for row, level in rows.items() if row not in found}
    return found | (direct(connection, paths, place, rest) if rest else {})


def clean(connection: Connection, lecture: str) -> bool:
    """Whether the summary holds what the presences do."""
    due = sa.select(summary_due.c.lecture_id).where(summary_due.c.lecture_id == lecture)
    return connection.scalar(due) is None


def _summaries(connection: Connection, lecture: str, venues: Collection[int]) -> dict[int, Figures]:
    query = sa.select(summary).where(summary.c.lecture_id == lecture, one_of(connection, summary.c.venue_id, venues))
    rows = connection.execute(query).mappings()
    return {row["venue_id"]: Figures(**{name: row[name] for name in NAMES}) for row in rows}


def direct(connection: Connection, paths: Paths, place: Place, rows: Mapping[int, int]) -> dict[int, Figures]:
    """From the presences, the roster, the closings and what the venues told, themselves."""
    # Rows without venues below need nothing of the rest of the subtree; few are asked for one by one.
    alone = sorted(rows) if place.venue not in rows and len(rows) <= _MANY and _are_leaves(connection, rows) else None
    groups, snapshots = _groups(connection, place, alone)
    roster = roster_of(connection, place.lecture)
    homes = _home_groups(connection, place, roster, alone)
    expected = _expected(connection, place, roster, alone)
    closed = _closed(connection, place, alone)
    records = _records(connection, place, alone)
    ids = {*expected, *closed, *(one.home for one in homes), *(one.home or 0 for one in groups)}
    known = paths.of(connection, ids | {one.venue for one in records})
    then = {**known, **snapshots}
    sums = Sums(rows)
    sums.attended(groups, then)
    sums.at_home(homes, expected, closed, known)
    sums.told(records, groups, then)
    return sums.found


def _are_leaves(connection: Connection, rows: Mapping[int, int]) -> bool:
    query = sa.select(venue.c.id).where(one_of(connection, venue.c.parent_id, rows)).limit(1)
    return connection.scalar(query) is None


def _groups(
    connection: Connection, place: Place, alone: list[int] | None
) -> tuple[list[Group], dict[int, dict[int, int]]]:
    """And the path of each attended venue, as it was at the time."""
    about = presence.c
    levels = [about[f"l{level}"] for level in range(1, 6)]
    query: sa.Select[Any] = sa.select(
        about.venue_id,
        about.home_id,
        *levels,
        sa.func.count(),
        _number_of(about.late),
        _number_of(about.early),
        _number_of(about.attended),
        sa.func.sum(about.seconds),
    )
    query = query.where(place.attended()).group_by(about.venue_id, about.home_id, *levels)
    if alone is not None:
        query = query.where(one_of(connection, about.venue_id, alone))
    groups: list[Group] = []
    snapshots: dict[int, dict[int, int]] = {}
    for venue_id, home, l1, l2, l3, l4, l5, people, late, early, enough, seconds in connection.execute(query):
        snapshots[venue_id] = {level: above for level, above in enumerate((l1, l2, l3, l4, l5), 1) if above is not None}
        groups.append(
            Group(
                venue=venue_id,
                home=home,
                people=people,
                late=int(late),
                early=int(early),
                attended=int(enough),
                seconds=int(seconds),
            )
        )
    return groups, snapshots


def _home_groups(connection: Connection, place: Place, roster: Roster, alone: list[int] | None) -> list[HomeGroup]:
    """Of those who are expected: whoever came besides must not hide somebody of whom nothing is known."""
    about = presence.c
    query: sa.Select[Any] = sa.select(
        about.home_id,
        about.status,
        sa.func.count(),
        _number_of(about.late),
        _number_of(about.early),
        sa.func.sum(about.credit),
    )
    query = query.where(about.lecture_id == place.lecture.id, about.home_id.is_not(None), place.concerns(about.home_id))
    query = query.where(roster.expects(about.home_id, about.person_id))
    query = query.where(_of(connection, about.home_id, place, alone)).group_by(about.home_id, about.status)
    return [
        HomeGroup(home=home, status=status, people=people, late=int(late), early=int(early), credit=int(credit))
        for home, status, people, late, early, credit in connection.execute(query)
    ]


def _expected(connection: Connection, place: Place, roster: Roster, alone: list[int] | None) -> dict[int, int]:
    people = roster.people(lambda home: sa.and_(place.concerns(home), _of(connection, home, place, alone)))
    home = people.c.home_id
    query = sa.select(home, sa.func.count()).where(roster.expects(home, people.c.id)).group_by(home)
    return {id_: people for id_, people in connection.execute(query)}


def _closed(connection: Connection, place: Place, alone: list[int] | None) -> dict[int, bool]:
    """By venue that has handed in (each of its nodes that ever did counts), whether all of it is here."""
    about = closing.c
    query = sa.select(about.venue, about.complete).where(about.lecture == place.lecture.id, ~about.open)
    found: dict[int, bool] = {}
    for venue_id, complete in connection.execute(query.where(_of(connection, about.venue, place, alone))):
        found[venue_id] = complete and found.get(venue_id, True)
    return found


def _records(connection: Connection, place: Place, alone: list[int] | None) -> list[VenueTold]:
    about = venue_record.c
    query = sa.select(
        about.venue_id, about.picture_s, about.sound_s, about.told_s, about.headcount, about.checks, about.seen
    ).where(about.lecture_id == place.lecture.id, _of(connection, about.venue_id, place, alone))
    return [
        VenueTold(
            venue=venue_id,
            picture_s=picture_s,
            sound_s=sound_s,
            told_s=told_s,
            headcount=headcount,
            checks=checks,
            seen=seen,
        )
        for venue_id, picture_s, sound_s, told_s, headcount, checks, seen in connection.execute(query)
    ]


def _of(
    connection: Connection, column: sa.ColumnElement[int], place: Place, alone: list[int] | None
) -> sa.ColumnElement[bool]:
    if alone is not None:
        return one_of(connection, column, alone)
    return sa.true() if len(place.path) == 1 else is_within(column, place.venue)


def _number_of(flag: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((flag, 1), else_=0))


def summarize(connection: Connection, paths: Paths, lecture: str) -> dict[int, Figures]:
    """The figures of all venues that have others below them."""
    row = connection.execute(sa.select(lecture_table).where(lecture_table.c.id == lecture)).mappings().one_or_none()
    root = connection.scalar(sa.select(venue.c.id).where(venue.c.parent_id.is_(None)))
    if row is None or root is None:
        return {}
    below = venue.alias()
    parents = sa.select(venue.c.id, venue.c.level).where(sa.exists().where(below.c.parent_id == venue.c.id))
    rows = {id_: level + 1 for id_, level in connection.execute(parents)}
    return direct(connection, paths, Place(lecture=lecture_of(row), path=(root,), level=1), rows)
