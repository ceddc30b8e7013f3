"""What each person's lectures of a year add up to, kept beside the summaries: made share by share, in short writes.

A year is due when the summary of one of its lectures was made anew. One pass goes through all its presences, a share of
the people at a time, and writes only what differs; ticks wait for none of it longer than for a few hundred rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.judge import Status
from attendance.lectures import LectureState
from attendance.paths_store import Paths
from attendance.tables import lecture as lecture_table
from attendance.tables import person_year as table
from attendance.tables import presence, summary_due
from attendance.tables import year_due as due_table
from attendance.tables import year_people as people_table
from attendance.years import SUMS, bounds, shares, year_of
from venues.database import Database, upsert

_TOGETHER = 300  # rows in one transaction
_DAY = dt.timedelta(days=1)
_KEYS = ("year", "person_id", "venue_id", "home_id")
_REST = tuple(column.name for column in table.columns if column.name not in _KEYS)
_Key = tuple[object, ...]


class Years:
    """`zone`: by whose calendar a year begins."""

    def __init__(self, db: Database, zone: dt.tzinfo) -> None:
        self._db = db
        self._zone = zone
        self._paths = Paths()
        self._pass: tuple[int, int] | None = None  # year and round of the pass under way
        self._share = 0
        self._changed = 0

    async def step(self) -> bool:
        """Bring one share of one year up to date; False when nothing is due."""
        if self._pass is None:
            query = sa.select(due_table).order_by(due_table.c.year.desc()).limit(1)
            row = await self._db.read(lambda connection: connection.execute(query).one_or_none())
            if row is None:
                return False
            self._pass, self._share, self._changed = (row.year, row.round), 0, 0
        year, round_ = self._pass
        self._changed += await self._put_share(year, self._share)
        self._share += 1
        if self._share == len(shares(year)):
            self._pass = None
            await self._count(year)
            done = due_table.delete().where(due_table.c.year == year, due_table.c.round == round_)
            await self._db.write(lambda connection: connection.execute(done) and None)
        return True

    @property
    def between(self) -> bool:
        """No pass is under way."""
        return self._pass is None

    async def refresh(self) -> None:
        """Everything that is due, at once."""
        while await self.step():
            pass

    async def rebuild(self) -> int:
        """Compare all years that nothing is due of with the presences, put right what differs; returns how many rows
        did."""
        found = 0
        for year in await self._db.read(self._all):
            found += await self._rebuild(year)
        return found

    async def _rebuild(self, year: int) -> int:
        differing = 0
        for share in range(len(shares(year))):
            if not await self._db.read(lambda connection: self._settled(connection, year)):
                return differing
            changed = await self._put_share(year, share)
            # What came in that moment is no mistake.
            differing += changed if await self._db.read(lambda connection: self._settled(connection, year)) else 0
        return differing + await self._count(year)

    async def _count(self, year: int) -> int:
        """The different people of each venue; returns of how many venues they were otherwise."""
        wanted, kept = await self._db.read(
            lambda connection: (counted(connection, (year, year)), _counts(connection, year))
        )
        gone = [(year, venue) for venue in kept.keys() - wanted.keys()]
        new = [(year, venue, *both) for venue, both in wanted.items() if kept.get(venue) != both]
        for start in range(0, len(gone), _TOGETHER):
            await self._db.write(partial(_remove, table=people_table, keys=gone[start : start + _TOGETHER]))
        for start in range(0, len(new), _TOGETHER):
            await self._db.write(partial(_put, table=people_table, rows=new[start : start + _TOGETHER]))
        return len(gone) + len(new)

    def _settled(self, connection: Connection, year: int) -> bool:
        """Nothing of the year's lectures waits to be added up."""
        lectures = sa.select(lecture_table.c.id).where(*over_in(year, year, self._zone))
        waiting = sa.select(summary_due.c.lecture_id).where(summary_due.c.lecture_id.in_(lectures)).limit(1)
        again = sa.select(due_table.c.year).where(due_table.c.year == year)
        return connection.scalar(waiting) is None and connection.scalar(again) is None

    def _all(self, connection: Connection) -> list[int]:
        about = lecture_table.c
        begun = sa.func.coalesce(about.started_at, about.starts_at)
        times = connection.scalars(sa.select(sa.type_coerce(begun, about.started_at.type)).where(begun.is_not(None)))
        kept = connection.scalars(sa.select(table.c.year).distinct())
        return sorted({year_of(at, self._zone) for at in times} | set(kept))

    async def _put_share(self, year: int, share: int) -> int:
        wanted, kept = await self._db.read(lambda connection: self._look(connection, year, share))
        gone = [key for key in kept if key not in wanted]
        new = [key + rest for key, rest in wanted.items() if kept.get(key) != rest]
        for start in range(0, len(gone), _TOGETHER):
            await self._db.write(partial(_remove, table=table, keys=gone[start : start + _TOGETHER]))
        for start in range(0, len(new), _TOGETHER):
            await self._db.write(partial(_put, table=table, rows=new[start : start + _TOGETHER]))
        return len(gone) + len(new)

    def _look(self, connection: Connection, year: int, share: int) -> tuple[Mapping[_Key, _Key], Mapping[_Key, _Key]]:
        """By key what should stand there, and what does."""
        low, high = shares(year)[share]
        about = sa.select(*(table.c[name] for name in (*_KEYS, *_REST))).where(table.c.year == year)
        kept = {
            tuple(row[: len(_KEYS)]): tuple(row[len(_KEYS) :])
            for row in connection.execute(about.where(*_within(table.c.person_id, low, high)))
        }
        lectures = connection.scalars(sa.select(lecture_table.c.id).where(*over_in(year, year, self._zone))).all()
        return self._sums(connection, year, lectures, _within(presence.c.person_id, low, high)), kept

    def _sums(
        self, connection: Connection, year: int, lectures: Collection[str], share: Sequence[sa.ColumnElement[bool]]
    ) -> Mapping[_Key, _Key]:
        about = presence.c
        home = sa.func.coalesce(about.home_id, 0)
        levels = [sa.func.max(about[f"l{level}"]) for level in range(1, 6)]
        columns: list[sa.ColumnElement[Any]] = [about.person_id, about.venue_id, home, *levels, *map(_sum, SUMS)]
        query = sa.select(*columns).where(about.lecture_id.in_(list(lectures)), *share)
        rows = connection.execute(query.group_by(about.person_id, about.venue_id, home)).all()
        paths = self._paths.of(connection, {row[2] for row in rows if row[2]})
        found: dict[_Key, _Key] = {}
        for person, venue_id, home_id, *rest in rows:
            path = paths.get(home_id, {})
            homes = [path.get(level) for level in range(1, 6)]
            found[year, person, venue_id, home_id] = (*rest[:5], *homes, *map(int, rest[5:]))
        return found


def over_in(first: int, last: int, zone: dt.tzinfo) -> list[sa.ColumnElement[bool]]:
    """Lectures of these years that are over: what the summaries are of."""
    about = lecture_table.c
    begin, end = bounds(first, last, zone)
    return [about.state == LectureState.ENDED.value, about.started_at >= begin, about.started_at < end]


def due(connection: Connection, lecture: str, zone: dt.tzinfo) -> None:
    """The lecture's presences may be others than when its year was added up."""
    about = lecture_table.c
    at = connection.scalar(sa.select(about.started_at).where(about.id == lecture))
    if at is not None:
        _again(connection, year_of(at, zone))


def _again(connection: Connection, year: int) -> None:
    again = upsert(connection, due_table).values(year=year, round=1)
    connection.execute(again.on_conflict_do_update(index_elements=["year"], set_={"round": due_table.c.round + 1}))


def forget(connection: Connection, lecture: str, people: Collection[str]) -> None:
    """These people of a lecture are erased, or its time is over: they stand in its year no more. The pseudonyms come
    with the next pass, and whoever is there for another reason."""
    at = connection.scalar(sa.select(lecture_table.c.started_at).where(lecture_table.c.id == lecture))
    about = table.c
    these = [about.person_id.in_(sorted(people))]
    if at is not None:  # by whose calendar ever
        these.append(about.year.between((at - _DAY).year, (at + _DAY).year))
    years = sorted(connection.scalars(sa.select(about.year).where(*these).distinct()))
    connection.execute(table.delete().where(*these))
    for year in years:
        _again(connection, year)


def _sum(name: str) -> sa.ColumnElement[Any]:
    about = presence.c
    match name:
        case "lectures":
            return sa.func.sum(sa.case((about.status == Status.PRESENT.value, 1), else_=0))
        case "leave" | "makeup":
            return sa.func.sum(sa.case((about.status == name, 1), else_=0))
        case "attended" | "late":
            return sa.func.sum(sa.case((about[name], 1), else_=0))
        case _:
            return sa.func.sum(about[name])


def _within(column: sa.ColumnElement[str], low: str | None, high: str | None) -> list[sa.ColumnElement[bool]]:
    return [*([column >= low] if low is not None else []), *([column < high] if high is not None else [])]


def counted(
    connection: Connection, years: tuple[int, int], within: tuple[int, int] | None = None
) -> dict[int, tuple[int, int]]:
    """By venue how many different people were there, and how many at home there came, in all of these years together;
    `within`: (level counted from 1, venue): of the venues below that one and of itself only."""
    about = table.c
    found: dict[int, list[int]] = {}
    for place, basis in enumerate("lh"):
        for level in range(within[0] if within else 1, 6):
            column = about[f"{basis}{level}"]
            query = sa.select(column, sa.func.count(sa.distinct(about.person_id))).where(
                about.year.between(*years), about.lectures > 0, column.is_not(None)
            )
            if within:
                query = query.where(about[f"{basis}{within[0]}"] == within[1])
            for venue, count in connection.execute(query.group_by(column)):
                found.setdefault(venue, [0, 0])[place] = count
    return {venue: (there, at_home) for venue, (there, at_home) in found.items()}


def _counts(connection: Connection, year: int) -> dict[int, tuple[int, int]]:
    about = people_table.c
    query = sa.select(about.venue_id, about.people, about.at_home).where(about.year == year)
    return {row.venue_id: (row.people, row.at_home) for row in connection.execute(query)}


def _remove(connection: Connection, table: sa.Table, keys: Sequence[_Key]) -> None:
    names = [column.name for column in table.primary_key]
    these = table.delete().where(*(table.c[name] == sa.bindparam(f"old_{name}") for name in names))
    connection.execute(these, [{f"old_{name}": part for name, part in zip(names, key, strict=True)} for key in keys])


def _put(connection: Connection, table: sa.Table, rows: Sequence[_Key]) -> None:
    insert, names = upsert(connection, table), [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key]
    values = {name: insert.excluded[name] for name in names if name not in keys}
    connection.execute(
        insert.on_conflict_do_update(index_elements=keys, set_=values),
        [dict(zip(names, row, strict=True)) for row in rows],
    )
