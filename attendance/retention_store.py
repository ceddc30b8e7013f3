"""Forgets, lecture by lecture, who was there and by which device, when the time for it is over.

The people of a lecture become pseudonyms that are the same for a person through one year, made with a key that goes
when the year has gone: after that nobody can tell whose they were. A lecture is marked when all of it is done, and from
then on what still comes of it is written without people (attendance.erasure_store).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import merges_store, quarantine_store, residents_store
from attendance import stamps_store as stamps
from attendance.blank import SOMEBODY, is_blank, pseudonym
from attendance.blank_store import blank, lectures, take_devices
from attendance.erasure_store import year_key
from attendance.event import CARD
from attendance.expected_store import keep_listed, rename_listed
from attendance.paths_store import Paths
from attendance.retention import Keep, before, held_at
from attendance.store import Rows
from attendance.tables import badge_seen, forgotten
from attendance.tables import event as event_table
from attendance.tables import lecture as lecture_table
from venues.database import Database, upsert
from venues.tables import meta

_TOGETHER = 200  # people, or devices, in one transaction


@dataclass(frozen=True, kw_only=True)
class _Due:
    lecture: str
    year: int
    people: bool  # else the devices alone


class Retention:
    """`entropy(n)` gives n random bytes."""

    def __init__(self, db: Database, entropy: Callable[[int], bytes]) -> None:
        self._db = db
        self._entropy = entropy

    async def forget(self, keep: Keep, now: dt.datetime) -> int:
        """Everything whose time is over at `now`, in small steps; returns of how many lectures."""
        due = await self._db.read(lambda connection: _due(connection, keep, now))
        for each in due:
            await self._forget(each, now)
        over = before(now, keep.people_days)
        if over is not None:
            await self._db.write(lambda connection: _tidy(connection, over, self._entropy))
        return len(due)

    async def _forget(self, due: _Due, now: dt.datetime) -> None:
        found, take = (_people_left, self._people) if due.people else (_devices_left, self._devices)
        left = await self._db.read(lambda connection: found(connection, due.lecture))
        for start in range(0, len(left), _TOGETHER):
            await self._db.write(partial(take, due=due, some=left[start : start + _TOGETHER]))
        await self._db.write(lambda connection: self._done(connection, due, now))

    def _people(self, connection: Connection, due: _Due, some: Sequence[str]) -> None:
        key = bytes.fromhex(Rows(connection, Paths()).remember(year_key(due.year), lambda: self._entropy(32).hex()))
        names = {subject: pseudonym(key, subject) for subject in some}
        blank(connection, due.lecture, names, lambda _, event: not is_blank(event))
        rename_listed(connection, due.lecture, names)

    def _devices(self, connection: Connection, due: _Due, some: Sequence[str]) -> None:
        take_devices(connection, some)

    def _done(self, connection: Connection, due: _Due, now: dt.datetime) -> None:
        """What came since the look has its turn the next time."""
        if (_people_left if due.people else _devices_left)(connection, due.lecture):
            return
        values = {"devices_at": now} | ({"people_at": now} if due.people else {})
        insert = upsert(connection, forgotten).values(lecture=due.lecture, year=due.year, **values)
        connection.execute(insert.on_conflict_do_update(index_elements=["lecture"], set_=values))
        if due.people:
            keep_listed(connection, due.lecture)
            connection.execute(badge_seen.delete().where(badge_seen.c.lecture == due.lecture))


def _due(connection: Connection, keep: Keep, now: dt.datetime) -> list[_Due]:
    people, devices = before(now, keep.people_days), before(now, keep.device_days)
    if people is None and devices is None:
        return []
    due: list[_Due] = []
    times = {row.id: row for row in connection.execute(sa.select(lecture_table))}
    done = {row.lecture: row for row in connection.execute(sa.select(forgotten))}
    for lecture in sorted({*times, *lectures(connection)}):
        known, past = times.get(lecture), done.get(lecture)
        at = held_at(lecture, *((known.ended_at, known.started_at, known.starts_at) if known else ()))
        if at is None or (past is not None and past.people_at is not None):
            continue
        if people is not None and at < people:
            due.append(_Due(lecture=lecture, year=at.year, people=True))
        elif devices is not None and at < devices and past is None:
            due.append(_Due(lecture=lecture, year=at.year, people=False))
    return due


def _people_left(connection: Connection, lecture: str) -> list[str]:
    about = event_table.c
    named = sa.or_(
        about.name.not_in(("", SOMEBODY)),
        about.subject.like(f"{CARD}:%"),
        *(column.is_not(None) for column in (about.number, about.device, about.operator, about.reason)),
    )
    query = sa.select(about.subject).where(about.lecture == lecture, named).distinct()
    return list(connection.scalars(query.order_by(about.subject)))


def _devices_left(connection: Connection, lecture: str) -> list[str]:
    about = event_table.c
    query = sa.select(about.id).where(about.lecture == lecture, about.device.is_not(None))
    return list(connection.scalars(query.order_by(about.position)))


def _tidy(connection: Connection, over: dt.datetime, entropy: Callable[[int], bytes]) -> None:
    """What else of that time there is: quarantine, and the keys of the years that have gone."""
    quarantine_store.forget_before(connection, over)
    if merges_store.forget_before(connection, over):
        stamps.touch(connection, merges_store.Merges.name, entropy)
    if residents_store.forget_before(connection, over):
        stamps.touch(connection, residents_store.PEOPLE, entropy)
    keys: sa.Select[Any] = sa.select(meta.c.key).where(meta.c.key.like(f"{year_key(0)[:-1]}%"))
    gone = [key for key in connection.scalars(keys) if key < year_key(over.year)]
    connection.execute(meta.delete().where(meta.c.key.in_(gone)))
