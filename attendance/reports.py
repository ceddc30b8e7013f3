"""The figures of a lecture at a venue and at those below it, with the state of each venue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.closing import Closing, standing
from attendance.closing_store import closings
from attendance.figures import Figures
from attendance.figures_reports import Place, figures, is_within
from attendance.lecture_row import lecture_of
from attendance.lectures import Lecture, LectureUnknown
from attendance.names_reports import each_name, names
from attendance.paths_store import Paths
from attendance.policy import Policy
from attendance.policy_store import policy_of
from attendance.report import (
    Count,
    HomeCounts,
    LectureReport,
    NamedPerson,
    Names,
    ReportRow,
    RollCall,
    ToldCounts,
    VenueCounts,
    Which,
)
from attendance.roll_call_reports import roll_call
from attendance.tables import lecture as lecture_table
from attendance.venue_record import length_s, share
from attendance.venue_reports import venues_of
from venues.database import Database, one_of
from venues.status import Tally
from venues.store import VenueUnknown
from venues.tables import venue, venue_closure
from venues.tree import Venue


class VenueStates(Protocol):
    async def tallies(self, venue_ids: Collection[int], /) -> Mapping[int, Tally]:
        """What is known of the nodes of each venue and of its subtree (venues.health.Health)."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What the database holds for a report, in one snapshot."""

    lecture: Lecture
    path: list[Venue]
    rows: list[Venue]
    parents: set[int]
    figures: Mapping[int, Figures]
    totals: Mapping[int, int]
    closings: Mapping[int, list[Closing]]
    due_at: dt.datetime | None  # from then on, who was not heard of is absent


class Reports:
    """`now` gives aware UTC."""

    def __init__(self, db: Database, states: VenueStates, now: Callable[[], dt.datetime]) -> None:
        self._db = db
        self._states = states
        self._now = now
        self._paths = Paths()

    async def count(self, lecture_id: str, venue_id: int) -> Count:
        """The figures of one venue and all below it. Raises LectureUnknown, VenueUnknown (as all methods here do)."""

        def work(connection: Connection) -> Count:
            lecture, path = _place(connection, lecture_id, venue_id)
            found = self._figures(connection, lecture, path, [path[-1]], set())[venue_id]
            return Count(expected=found.expected, present=found.present, guests=found.guests)

        return await self._db.read(work)

    async def report(
        self, lecture_id: str, venue_id: int, level: int | None = None, *, whole: bool = False
    ) -> LectureReport:
        """The venue's figures and those of each venue right under it, or of all venues of a level (counted from 0, as
        `Venue.level`) below it; `whole`: of all below it."""
        found = await self._db.read(
            lambda connection: self._found(connection, lecture_id, venue_id, level, whole=whole)
        )
        tallies = await self._states.tallies([row.id for row in found.rows])
        over = self._over(found.due_at)
        rows = [_row(found, row, tallies.get(row.id, Tally()), over=over) for row in found.rows]
        return LectureReport(lecture=found.lecture, path=tuple(found.path), rows=tuple(rows))

    def _found(
        self, connection: Connection, lecture_id: str, venue_id: int, level: int | None, *, whole: bool
    ) -> _Found:
        lecture, path = _place(connection, lecture_id, venue_id)
        below = sa.select(venue).where(venue.c.parent_id == venue_id).order_by(venue.c.code)
        if whole:
            below = sa.select(venue).where(is_within(venue.c.id, venue_id), venue.c.id != venue_id)
            below = below.order_by(venue.c.code)
        elif level is not None and level > path[-1].level:
            below = sa.select(venue).where(is_within(venue.c.id, venue_id), venue.c.level == level)
            below = below.order_by(venue.c.code)
        rows = [path[-1], *venues_of(connection, below)]
        parents = _with_children(connection, rows)
        return _Found(
            lecture=lecture,
            path=path,
            rows=rows,
            parents=parents,
            figures=self._figures(connection, lecture, path, rows, parents),
            totals=_totals(connection, parents),
            closings=closings(connection, lecture_id, [row.id for row in rows]),
            due_at=_due_at(connection, lecture),
        )

    def _figures(
        self, connection: Connection, lecture: Lecture, path: list[Venue], rows: list[Venue], parents: set[int]
    ) -> dict[int, Figures]:
        place = _as_place(lecture, path)
        levels = {row.id: row.level + 1 for row in rows}
        return figures(connection, self._paths, place, levels, parents)

    async def names(self, lecture_id: str, venue_id: int, which: Which, *, limit: int = 100, offset: int = 0) -> Names:
        """The people behind one figure of a venue's row: those of the roster by number, those present by time."""

        def work(connection: Connection) -> Names:
            lecture, path = _place(connection, lecture_id, venue_id)
            place = _as_place(lecture, path)
            return names(connection, place, which, over=self._over(_due_at(connection, lecture)), page=(limit, offset))

        return await self._db.read(work)

    async def each_name(
        self, lecture_id: str, venue_id: int, which: Which, work: Callable[[Lecture, Iterator[NamedPerson]], None]
    ) -> None:
        """`work` runs in a reading thread; it may take its time."""

        def reading(connection: Connection) -> None:
            lecture, path = _place(connection, lecture_id, venue_id)
            over = self._over(_due_at(connection, lecture))
            work(lecture, each_name(connection, _as_place(lecture, path), which, over=over))

        await self._db.read(reading)

    async def roll_call(self, lecture_id: str, venue_id: int) -> RollCall:
        """The list of this very venue."""
        return await self._db.read(lambda connection: roll_call(connection, lecture_id, venue_id))

    def is_over(self, lecture: Lecture, policy: Policy) -> bool:
        """Whether everybody who was not heard of is absent by now."""
        hours = dt.timedelta(hours=policy.rules.absent_after_hours)
        return self._over(None if lecture.ended_at is None else lecture.ended_at + hours)

    def _over(self, due_at: dt.datetime | None) -> bool:
        return due_at is not None and self._now() >= due_at


def _place(connection: Connection, lecture_id: str, venue_id: int) -> tuple[Lecture, list[Venue]]:
    """The lecture, and the venues from the root to this one."""
    query = sa.select(lecture_table).where(lecture_table.c.id == lecture_id)
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        raise LectureUnknown(lecture=lecture_id)
    pairs = venue_closure.c
    up = sa.select(venue).join(venue_closure, pairs.ancestor == venue.c.id).where(pairs.descendant == venue_id)
    path = venues_of(connection, up.order_by(pairs.depth.desc()))
    if not path:
        raise VenueUnknown(venue=venue_id)
    return lecture_of(found), path


def _as_place(lecture: Lecture, path: Sequence[Venue]) -> Place:
    return Place(lecture=lecture, path=tuple(venue.id for venue in path), level=path[-1].level + 1)


def _due_at(connection: Connection, lecture: Lecture) -> dt.datetime | None:
    if lecture.ended_at is None:
        return None
    return lecture.ended_at + dt.timedelta(hours=policy_of(connection, lecture.policy).rules.absent_after_hours)


def _row(found: _Found, row: Venue, tally: Tally, *, over: bool) -> ReportRow:
    figures, total = found.figures[row.id], found.totals.get(row.id, 1)
    return ReportRow(
        venue_id=row.id,
        code=row.code,
        name=row.name,
        level=row.level,
        has_children=row.id in found.parents,
        parent_id=row.parent_id,
        expected=figures.expected,
        present=figures.present,
        guests=figures.guests,
        late=figures.late,
        early=figures.early,
        attended=figures.attended,
        minutes=figures.seconds // 60,
        home=_home(figures, over=over),
        presence=tally.presence,
        venues=VenueCounts(
            total=total,
            connected=tally.connected,
            silent=tally.silent,
            never_seen=total - tally.connected - tally.silent,
            behind=max(tally.behind, figures.incomplete),
            final=figures.final,
        ),
        pending=tally.pending_below,
        standing=standing(tally.presence, tally.pending, found.closings.get(row.id, ())),
        told=told_counts(figures, length_s(found.lecture)),
    )


def told_counts(figures: Figures, length: int | None) -> ToldCounts:
    """`length` of the lecture in seconds, None while it runs."""
    return ToldCounts(
        shown=figures.shown,
        picture_s=figures.picture_s,
        sound_s=figures.sound_s,
        picture=share(figures.picture_s, figures.told_s, figures.shown, length),
        sound=share(figures.sound_s, figures.told_s, figures.shown, length),
        counted=figures.counted,
        headcount=figures.headcount,
        counted_present=figures.counted_present,
        checked=figures.checked,
        seen=figures.seen,
        checked_present=figures.checked_present,
    )


def _home(figures: Figures, *, over: bool) -> HomeCounts:
    return HomeCounts(
        expected=figures.expected,
        came=figures.came,
        late=figures.came_late,
        early=figures.came_early,
        leave=figures.leave,
        makeup=figures.makeup,
        absent=figures.marked_absent + figures.unseen_final + (figures.unseen_open if over else 0),
        not_reported=0 if over else figures.unseen_open,
        credit=figures.credit,
    )


def _with_children(connection: Connection, rows: Iterable[Venue]) -> set[int]:
    parent = venue.c.parent_id
    query = sa.select(parent).where(one_of(connection, parent, [row.id for row in rows])).distinct()
    return {id_ for id_ in connection.scalars(query) if id_ is not None}


def _totals(connection: Connection, parents: Collection[int]) -> dict[int, int]:
    """By venue with others below it: itself and all of these."""
    pairs = venue_closure.c
    query = sa.select(pairs.ancestor, sa.func.count()).where(one_of(connection, pairs.ancestor, parents))
    return {ancestor: count for ancestor, count in connection.execute(query.group_by(pairs.ancestor))}
