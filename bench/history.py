"""Years of attendance for benchmarks, written straight into a root's database: no events behind it.

What the reports read is there as it would be after years: lectures, roster, presences, closings, what the venues saw,
what their nodes last said. Indexes are made after the rows, and on SQLite nothing is waited for.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing as at_the_end_closed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import person_id
from attendance.tables import closing, lecture, person, presence, summary_due, venue_record
from bench.province import TREE
from venues.ids import uuid7
from venues.settings import Settings
from venues.tables import node_status
from venues.tree import Venue, parse_file
from web.node import Node

LECTURES = 435
LAST = dt.datetime(2026, 11, 20, 1, 30, tzinfo=dt.UTC)
_APART = dt.timedelta(days=3, hours=6)  # 112 a year
_MINUTES = 90
_PEOPLE = {1: 40, 2: 12, 3: 4}  # at home in a venue of this level; villages: `_in_village`
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_REPORT = json.dumps({"version": "0.2.0", "pending_events": 0, "stream_state": "idle", "stream": None})
_RECORD = ("lecture_id", "venue_id", "picture_s", "sound_s", "told_s")
_BIG = (presence, closing, venue_record)


@dataclass(frozen=True, kw_only=True)
class _Person:
    id: str
    number: str
    name: str
    home: int


async def write(settings: Settings, rows: int, count: int = LECTURES) -> None:
    """The tree, the roster and `rows` presences of `count` lectures, in a new database."""
    chance = random.Random(4)
    async with Node(settings).opened() as node:
        await node.venues.import_rows(parse_file(TREE.read_bytes()), settings.levels)
        root = await node.venues.root()
        assert root is not None
        venues = sorted(await node.venues.subtree(root.id), key=lambda venue: venue.id)
        by_id = {venue.id: venue for venue in venues}
        paths = {venue.id: _path(venue, by_id) for venue in venues}
        people = sorted(_roster(venues, chance), key=lambda one: one.id)
        lectures = [_lecture(number, root.id, chance) for number in range(LECTURES - count, LECTURES)]
        with _bulk(node.db.engine) as load:
            load.rows(person, ((p.id, p.number, p.name, p.home) for p in people), "id", "number", "name", "home_id")
            load.rows(lecture, lectures)
            load.rows(summary_due, ((row[0], 1) for row in lectures))
            load.rows(node_status, _statuses(venues))
            each = min(rows // count, len(people))
            for row in lectures:
                load.rows(presence, _presences(row, people, each, paths, chance))
                load.rows(closing, _closings(row, venues, chance))
                load.rows(venue_record, _records(row, venues, chance), *_RECORD)


def _roster(venues: Sequence[Venue], chance: random.Random) -> Iterator[_Person]:
    number = 0
    for venue in venues:
        for _ in range(_PEOPLE.get(venue.level) or _in_village(chance)):
            number += 1
            text = f"5220{number:07}"
            name = (
                f"{chance.choice('赵钱孙李周吴郑王冯陈')}{chance.choice('建国志强秀英桂兰')}{chance.choice('华平芳军')}"
            )
            yield _Person(id=person_id(text), number=text, name=name, home=venue.id)


def _in_village(chance: random.Random) -> int:
    return min(12, 1 + int(chance.expovariate(1 / 2.1)))


def _lecture(number: int, root: int, chance: random.Random) -> tuple[Any, ...]:
    begin = LAST - (LECTURES - 1 - number) * _APART
    end = begin + dt.timedelta(minutes=_MINUTES)
    id_ = uuid7(int(begin.timestamp() * 1000), chance.randbytes(10))
    return (id_, f"第{number + 1}讲", root, _us(begin), "ended", _us(begin), _us(end), True, None)


def _presences(
    row: tuple[Any, ...],
    people: Sequence[_Person],
    each: int,
    paths: Mapping[int, tuple[int | None, ...]],
    chance: random.Random,
) -> Iterator[tuple[Any, ...]]:
    """By person, as the key wants them. Of a hundred rows 95 were there, and three of these away from home."""
    id_, begin, end = row[0], row[5], row[6]
    venues = list(paths)
    whole, minute = (end - begin) // 1_000_000, 60_000_000
    any_ = chance.random
    for number in sorted(chance.sample(range(len(people)), each)):
        one = people[number]
        about, away, dice = any_(), any_() < 0.03, any_()
        at = venues[int(any_() * len(venues))] if away else one.home
        status = "present" if about < 0.95 else "leave" if about < 0.98 else "makeup" if about < 0.99 else "absent"
        there = status == "present"
        late, early = there and dice < 0.04, there and dice > 0.98
        first = begin + int((any_() - 0.4) * 20 * minute) + (20 * minute if late else 0)
        seconds = 0 if not there else whole - 1800 if early else whole
        yield (
            *(id_, one.id, at, one.number, one.name, first, f"{id_[:24]}{number:012x}"),
            *("roll_call" if dice < 0.8 else "code", False, *paths[at], one.home),
            *(end - 1800_000_000 if early else None, status, late, early, there, seconds),
            *(200 if there or status == "makeup" else 0, 1),
        )


def _path(venue: Venue, by_id: dict[int, Venue]) -> tuple[int | None, ...]:
    found: list[int | None] = [None] * 5
    up: Venue | None = venue
    while up is not None:
        found[up.level] = up.id
        up = by_id[up.parent_id] if up.parent_id is not None else None
    return tuple(found)


def _closings(row: tuple[Any, ...], venues: Sequence[Venue], chance: random.Random) -> Iterator[tuple[Any, ...]]:
    """Nine venues in ten hand in; one in a hundred of these is not all here, one in thirty handed in after days."""
    id_, end, hour = row[0], row[6], 3_600_000_000
    for venue in venues:
        if (dice := chance.random()) < 0.9:
            at = end + int(hour * (100 if dice < 0.03 else 5 * dice))
            all_here = dice > 0.009
            yield (
                *(id_, venue.id, f"{venue.id:08x}-7d5f-7f4d-9f0a-9a8d2a4be6f1", f"{id_[:24]}{venue.id:012x}"),
                *(1, 1000, at, False, 4, f"{chance.getrandbits(256):064x}", 4 if all_here else 3, all_here),
            )


def _records(row: tuple[Any, ...], venues: Sequence[Venue], chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for venue in venues:
        if (dice := chance.random()) < 0.6:
            shown = int(60 * _MINUTES * min(1.0, 0.5 + dice))
            yield (row[0], venue.id, shown, shown, 60 * _MINUTES)


def _statuses(venues: Sequence[Venue]) -> Iterator[tuple[Any, ...]]:
    for number, venue in enumerate(venues, 1):
        if number % 20:  # the others were never seen
            yield (venue.id, "connected", _us(LAST), _us(LAST), _REPORT, number, False, number)


def _us(at: dt.datetime) -> int:
    return (at - _EPOCH) // dt.timedelta(microseconds=1)


class _Load:
    """Rows as the databases take them fastest; columns in the order of the table, or those that are named."""

    def __init__(self, connection: Connection) -> None:
        self._raw: Any = connection.connection.dbapi_connection

    def rows(self, table: sa.Table, rows: Iterable[tuple[Any, ...]], *columns: str) -> None:
        columns = columns or tuple(column.name for column in table.columns)
        names = ", ".join(columns)
        with at_the_end_closed(self._raw.cursor()) as cursor:
            if isinstance(self._raw, sqlite3.Connection):
                marks = ", ".join("?" * len(columns))
                cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)
                return
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)


@contextmanager
def _bulk(engine: sa.Engine) -> Iterator[_Load]:
    """The indexes of the large tables are made at the end, and what a database learns of itself over years, too."""
    sqlite = engine.dialect.name == "sqlite"
    indexes = [index for table in _BIG for index in sorted(table.indexes, key=lambda index: str(index.name))]
    engine.dispose()  # on SQLite nobody else may look on
    with engine.connect() as connection:
        connection.info["tongtang_writing"] = True
        if sqlite:
            for pragma in ("journal_mode=DELETE", "journal_mode=MEMORY", "synchronous=OFF", "cache_size=-500000"):
                _pragma(connection, pragma)
        with connection.begin():
            for index in indexes:
                index.drop(connection)
            yield _Load(connection)
        with connection.begin():
            if not sqlite:
                connection.exec_driver_sql("SET maintenance_work_mem = '512MB'")
            for index in indexes:
                index.create(connection)
        if sqlite:
            _pragma(connection, "journal_mode=WAL")
            connection.invalidate()  # the others of its kind wait for the disk
    if not sqlite:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _pragma(connection: Connection, pragma: str) -> None:
    raw = connection.connection.dbapi_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute(f"PRAGMA {pragma}").close()
