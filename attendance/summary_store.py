"""Summaries: the figures of lectures that are over, made anew whenever something behind them has changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import years_store
from attendance.figures import Figures
from attendance.figures_reports import clean, summarize
from attendance.lectures import LectureState
from attendance.paths_store import Paths
from attendance.tables import lecture as lecture_table
from attendance.tables import summary as table
from attendance.tables import summary_due as due_table
from venues.database import Database, upsert
from venues.store import set_meta
from venues.tables import meta

_TREE = "summary.tree"


def changed(connection: Connection, lectures: Iterable[str]) -> None:
    """Something behind the figures of these lectures has changed in this transaction."""
    rows = [{"lecture_id": lecture, "round": 1} for lecture in sorted(set(lectures))]
    if rows:
        again = upsert(connection, due_table)
        more = {"round": due_table.c.round + 1}
        connection.execute(again.on_conflict_do_update(index_elements=["lecture_id"], set_=more), rows)


def all_changed(connection: Connection) -> None:
    """The roster or the tree has changed: every lecture may be counted otherwise."""
    changed(connection, connection.scalars(sa.select(lecture_table.c.id)).all())


class Summaries:
    """`zone`: by whose calendar the years are counted that follow the summaries."""

    def __init__(self, db: Database, zone: dt.tzinfo = dt.UTC) -> None:
        self._db = db
        self._zone = zone
        self._paths = Paths()
        self._last = ""  # the lecture whose summary was made last

    async def tree_is(self, version: str) -> None:
        """Where it is another tree than the one that the summaries were made with, none of them holds any more."""

        def work(connection: Connection) -> None:
            if connection.scalar(sa.select(meta.c.value).where(meta.c.key == _TREE)) != version:
                set_meta(connection, _TREE, version)
                all_changed(connection)

        await self._db.write(work)

    async def refresh(self) -> bool:
        """Make the summary of one lecture that is not on air (there it would not last); False when there is none."""
        row = await self._db.read(self._next)
        if row is None:
            return False
        self._last, round_ = row
        await self._make(self._last, round_)
        return True

    def _next(self, connection: Connection) -> tuple[str, int] | None:
        """In turn: one that changes all the time does not keep the others from theirs."""
        about = due_table.c
        running = sa.select(lecture_table.c.id).where(lecture_table.c.state == LectureState.LIVE.value)
        query = sa.select(about.lecture_id, about.round).where(about.lecture_id.not_in(running))
        query = query.order_by(about.lecture_id <= self._last, about.lecture_id).limit(1)
        row = connection.execute(query).one_or_none()
        return None if row is None else (row.lecture_id, row.round)

    async def audit(self, lecture: str) -> bool:
        """Whether the summary is what the presences say, or will be made anew anyhow; else it will be from now on."""
        for _ in range(2):  # what came between two looks into the database is no mistake
            if await self._db.read(lambda connection: self._holds(connection, lecture)):
                return True
        await self._db.write(lambda connection: changed(connection, [lecture]))
        return False

    def _holds(self, connection: Connection, lecture: str) -> bool:
        kept = {row["venue_id"]: dict(row) for row in connection.execute(_of(lecture)).mappings()}
        made = self._figures(connection, lecture)
        wanted = {id_: {"lecture_id": lecture, "venue_id": id_, **asdict(one)} for id_, one in made.items()}
        return kept == wanted or not clean(connection, lecture)

    async def rebuild(self, lectures: Collection[str]) -> int:
        """Make these summaries anew and compare; returns how many were not as they should be."""
        return sum([await self._rebuild(lecture) for lecture in lectures])

    async def _rebuild(self, lecture: str) -> bool:
        before = await self._db.read(lambda connection: _kept(connection, lecture))
        await self._db.write(lambda connection: changed(connection, [lecture]))
        query = sa.select(due_table.c.round).where(due_table.c.lecture_id == lecture)
        await self._make(lecture, await self._db.read(lambda connection: connection.execute(query).scalar_one()))
        return before != await self._db.read(lambda connection: _kept(connection, lecture))

    async def _make(self, lecture: str, round_: int) -> None:
        found = await self._db.read(lambda connection: self._figures(connection, lecture))
        rows = [{"lecture_id": lecture, "venue_id": id_, **asdict(figures)} for id_, figures in found.items()]

        def work(connection: Connection) -> None:
            connection.execute(table.delete().where(table.c.lecture_id == lecture))
            if rows:
                connection.execute(table.insert(), rows)
            years_store.due(connection, lecture, self._zone)
            done = sa.and_(due_table.c.lecture_id == lecture, due_table.c.round == round_)
            connection.execute(due_table.delete().where(done))

        await self._db.write(work)

    def _figures(self, connection: Connection, lecture: str) -> dict[int, Figures]:
        return summarize(connection, self._paths, lecture)


def _kept(connection: Connection, lecture: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(_of(lecture).order_by(table.c.venue_id))]


def _of(lecture: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.lecture_id == lecture)
