"""Many lectures together, from the summaries and the rows of each person's years."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.figures import NAMES, Figures
from attendance.figures_reports import Place, direct
from attendance.judge import Status
from attendance.lecture_row import lecture_of
from attendance.lectures import Lecture
from attendance.paths_store import Paths
from attendance.statistics import Minute, Point, Statistics, VenueSums
from attendance.tables import lecture as lecture_table
from attendance.tables import presence, summary, summary_due, year_due, year_people
from attendance.venue_record import length_s, whole_s
from attendance.venue_reports import chunks, venues_of
from attendance.years import year_of
from attendance.years_store import counted, over_in
from venues.database import Database
from venues.store import VenueUnknown
from venues.tables import venue, venue_closure
from venues.tree import Venue

Range = tuple[int, int]  # first and last year
# attendance.venue_record.whole_s of a summary, from times in microseconds; where one is missing, so is the length.
_BEGUN, _ENDED = (sa.type_coerce(lecture_table.c[name], sa.BigInteger) for name in ("started_at", "ended_at"))
_WHOLE_S = sa.func.coalesce(summary.c.shown * ((_ENDED - _BEGUN + 500_000) // 1_000_000), summary.c.told_s)


class StatisticsReports:
    """`zone`: by whose calendar years are counted; `now` gives aware UTC."""

    def __init__(self, db: Database, zone: dt.tzinfo, now: Callable[[], dt.datetime]) -> None:
        self._db = db
        self._zone = zone
        self._now = now
        self._paths = Paths()

    def this_year(self) -> int:
        return year_of(self._now(), self._zone)

    async def years(self) -> tuple[int, ...]:
        """That have lectures, the newest first."""
        return await self._db.read(lambda connection: years_with_lectures(connection, self._zone))

    async def statistics(self, venue_id: int, first: int, last: int) -> Statistics:
        """The venue and those right under it over the lectures of these years that are over. Raises VenueUnknown."""
        return await self._db.read(lambda connection: self._statistics(connection, venue_id, (first, last)))

    def _statistics(self, connection: Connection, venue_id: int, years: Range) -> Statistics:
        path = path_of(connection, venue_id)
        below = venues_of(connection, sa.select(venue).where(venue.c.parent_id == venue_id).order_by(venue.c.code))
        rows = [path[-1], *below]
        lectures = self.lectures_in(connection, years)
        sizes = _sizes(connection, sorted({row.id for row in rows} | {one.venue_id for one in lectures}))
        wanted = self._wanted(connection, lectures, rows, sizes)
        sums, wholes = self._sums(connection, lectures, path, rows, {row.id for row in rows if sizes[row.id] > 1})
        people = _people(connection, years, path[-1], [row.id for row in rows])
        return Statistics(
            path=tuple(path),
            first=years[0],
            last=years[1],
            years=years_with_lectures(connection, self._zone),
            lectures=len(wanted[venue_id]),
            due=_due(connection, lectures, years),
            rows=tuple(
                _row(row, sizes[row.id], wanted[row.id], sums[row.id], wholes[row.id], people.get(row.id, (0, 0)))
                for row in rows
            ),
        )

    def lectures_in(self, connection: Connection, years: Range) -> list[Lecture]:
        """That are over, in order."""
        query = sa.select(lecture_table).where(*over_in(*years, self._zone)).order_by(lecture_table.c.started_at)
        return [lecture_of(row) for row in connection.execute(query).mappings()]

    def _concerning(self, connection: Connection, lectures: Sequence[Lecture], rows: Sequence[Venue]) -> dict[int, int]:
        """By row: how many of the lectures are for it, one above it or one below it."""
        return {row: len(wanted) for row, wanted in self._wanted(connection, lectures, rows, {}).items()}

    def _wanted(
        self, connection: Connection, lectures: Sequence[Lecture], rows: Sequence[Venue], sizes: Mapping[int, int]
    ) -> dict[int, list[int]]:
        """By row, of each of the lectures that is for it, one above it or one below it: how many of its venues should
        hand it in. `sizes` of venues that have others below them, with these."""
        paths = self._paths.of(connection, {*(one.venue_id for one in lectures), *(row.id for row in rows)})
        found: dict[int, list[int]] = {row.id: [] for row in rows}
        for lecture in lectures:
            down = paths.get(lecture.venue_id, {}).values()
            for row in rows:
                if lecture.venue_id in paths.get(row.id, {}).values():
                    found[row.id].append(sizes.get(row.id, 1))
                elif row.id in down:
                    found[row.id].append(sizes.get(lecture.venue_id, 1))
        return found

    def _sums(
        self,
        connection: Connection,
        lectures: Sequence[Lecture],
        path: Sequence[Venue],
        rows: Sequence[Venue],
        inner: Collection[int],
    ) -> tuple[dict[int, Figures], dict[int, int]]:
        """By row, with how long those that told of the lectures could have had a picture; of venues with others below
        them from the summaries, of the others lecture by lecture."""
        found = {row.id: Figures() for row in rows}
        wholes = dict.fromkeys(found, 0)
        columns = [sa.func.sum(column) for column in (_WHOLE_S, *(summary.c[name] for name in NAMES))]
        query: sa.Select[Any] = sa.select(summary.c.venue_id, *columns).join(
            lecture_table, lecture_table.c.id == summary.c.lecture_id
        )
        query = query.where(
            summary.c.lecture_id.in_([lecture.id for lecture in lectures]), summary.c.venue_id.in_(sorted(inner))
        )
        for venue_id, whole, *values in connection.execute(query.group_by(summary.c.venue_id)):
            wholes[venue_id] = int(whole)
            found[venue_id] = Figures(**dict(zip(NAMES, map(int, values), strict=True)))
        lengths = {lecture.id: length_s(lecture) for lecture in lectures}
        singles = self._singles(connection, lectures, path, [row for row in rows if row.id not in inner])
        for lecture_id, figures in singles.items():
            for venue_id, one in figures.items():
                wholes[venue_id] += whole_s(one.told_s, one.shown, lengths[lecture_id])
                found[venue_id].take(one.parts())
        return found, wholes

    def _singles(
        self, connection: Connection, lectures: Sequence[Lecture], path: Sequence[Venue], leaves: Sequence[Venue]
    ) -> dict[str, Mapping[int, Figures]]:
        levels = {row.id: row.level + 1 for row in leaves}
        if not levels:
            return {}
        above = tuple(one.id for one in path)
        places = (Place(lecture=lecture, path=above, level=path[-1].level + 1) for lecture in lectures)
        return {place.lecture.id: direct(connection, self._paths, place, levels) for place in places}

    async def trend(self, venue_id: int, first: int, last: int) -> list[Point]:
        """Lecture by lecture, in order. Raises VenueUnknown."""
        return await self._db.read(lambda connection: self._trend(connection, venue_id, (first, last)))

    def _trend(self, connection: Connection, venue_id: int, years: Range) -> list[Point]:
        path, lectures = path_of(connection, venue_id), self.lectures_in(connection, years)
        if _sizes(connection, [venue_id])[venue_id] > 1:
            query = sa.select(summary).where(summary.c.venue_id == venue_id)
            rows = connection.execute(query).mappings()
            figures = {row["lecture_id"]: Figures(**{name: row[name] for name in NAMES}) for row in rows}
        else:
            singles = self._singles(connection, lectures, path, [path[-1]])
            figures = {id_: one[venue_id] for id_, one in singles.items()}
        return [
            Point(
                lecture=lecture,
                present=one.present,
                expected=one.expected,
                came=one.came,
                credit=one.credit,
            )
            for lecture in lectures
            if (one := figures.get(lecture.id)) is not None and (one.expected or one.present)
        ]

    async def minutes(self, lecture_id: str, venue_id: int) -> list[Minute]:
        """The check-ins of a lecture at the venue and below it, minute by minute; minutes without any are missing."""

        def work(connection: Connection) -> list[Minute]:
            path = path_of(connection, venue_id)
            minute: sa.ColumnElement[Any] = presence.c.first_at.op("/")(sa.literal_column("60000000"))
            columns: list[sa.ColumnElement[Any]] = [sa.type_coerce(minute, sa.BigInteger), sa.func.count()]
            query = sa.select(*columns).where(
                presence.c.lecture_id == lecture_id,
                presence.c.status == Status.PRESENT.value,
                presence.c[f"l{path[-1].level + 1}"] == venue_id,
            )
            rows = connection.execute(query.group_by(sa.literal_column("1")).order_by(sa.literal_column("1")))
            return [Minute(at=dt.datetime.fromtimestamp(60 * n, dt.UTC), check_ins=count) for n, count in rows]

        return await self._db.read(work)


def path_of(connection: Connection, venue_id: int) -> list[Venue]:
    """From the root to the venue. Raises VenueUnknown."""
    pairs = venue_closure.c
    up = sa.select(venue).join(venue_closure, pairs.ancestor == venue.c.id).where(pairs.descendant == venue_id)
    path = venues_of(connection, up.order_by(pairs.depth.desc()))
    if not path:
        raise VenueUnknown(venue=venue_id)
    return path


def years_with_lectures(connection: Connection, zone: dt.tzinfo) -> tuple[int, ...]:
    """The newest first."""
    times = connection.scalars(sa.select(lecture_table.c.started_at).where(lecture_table.c.started_at.is_not(None)))
    return tuple(sorted({year_of(at, zone) for at in times if at is not None}, reverse=True))


def _due(connection: Connection, lectures: Sequence[Lecture], years: Range) -> int:
    """How many of the lectures are just being added up anew, at least: each year that is must be so for one of them."""
    made = summary_due.c.lecture_id.in_([lecture.id for lecture in lectures])
    both = (
        sa.select(sa.func.count()).select_from(summary_due).where(made),
        sa.select(sa.func.count()).select_from(year_due).where(year_due.c.year.between(*years)),
    )
    return max(connection.scalar(query) or 0 for query in both)


def _sizes(connection: Connection, venues: Sequence[int]) -> dict[int, int]:
    """By venue: itself and all below it."""
    pairs = venue_closure.c
    found = dict.fromkeys(venues, 1)
    for ids in chunks(venues):
        query = sa.select(pairs.ancestor, sa.func.count()).where(pairs.ancestor.in_(ids)).group_by(pairs.ancestor)
        found.update((ancestor, count) for ancestor, count in connection.execute(query))
    return found


def _people(connection: Connection, years: Range, top: Venue, rows: Sequence[int]) -> Mapping[int, tuple[int, int]]:
    """By row the different people who were there, and those at home there who came; of one year they are counted
    already, of several somebody may stand in each."""
    if years[0] != years[1]:
        return counted(connection, years, (top.level + 1, top.id))
    about, found = year_people.c, dict[int, tuple[int, int]]()
    for ids in chunks(rows):
        query = sa.select(about.venue_id, about.people, about.at_home)
        for row in connection.execute(query.where(about.year == years[0], about.venue_id.in_(ids))):
            found[row.venue_id] = row.people, row.at_home
    return found


def _row(
    row: Venue,
    size: int,
    wanted: Sequence[int],
    sums: Figures,
    whole: int,
    people: tuple[int, int],
) -> VenueSums:
    return VenueSums(
        venue=row,
        has_children=size > 1,
        lectures=len(wanted),
        times=sums.present,
        people=people[0],
        late=sums.late,
        early=sums.early,
        expected=sums.expected,
        came=sums.came,
        people_at_home=people[1],
        leave=sums.leave,
        makeup=sums.makeup,
        credit=sums.credit,
        venues=size,
        wanted=sum(wanted),
        final=sums.final,
        incomplete=sums.incomplete,
        shown=sums.shown,
        picture_s=sums.picture_s,
        whole_s=whole,
    )
