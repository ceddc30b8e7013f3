"""Transfers, newcomers and those who left, in the database; and their replication below (collection "homes").

A node that does not know this collection gets in "people" only who is at home in its venues now. One that does learns
here whom else it must count for lectures of the past.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import stamps_store as stamps
from attendance import summary_store
from attendance.expected_store import lists_people
from attendance.homes import NOWHERE, Before, Resident, from_wire, seen_from, to_wire
from attendance.people import person_id
from attendance.policy_store import must_judge
from attendance.tables import lecture as lecture_table
from attendance.tables import person as table
from attendance.tables import person_home as home_table
from attendance.tables import presence as presence_table
from attendance.venue_reports import chunks
from venues.database import Database, upsert
from venues.tables import venue_closure

_EVER = dt.datetime.max.replace(tzinfo=dt.UTC)
PEOPLE = "people"  # the stamp of both collections: one never goes down without the other


class Homes:
    """`entropy(n)` gives n random bytes."""

    name = "homes"

    def __init__(self, db: Database, entropy: Callable[[int], bytes]) -> None:
        self._db = db
        self._entropy = entropy

    async def version(self, venue_id: int) -> str:
        return await self._db.read(lambda connection: stamps.version(connection, PEOPLE, venue_id))

    async def export(self, venue_id: int) -> object:
        """Of those who are or were at home in the venue's subtree: who moved, came later or left."""
        below = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == venue_id)

        def work(connection: Connection) -> list[object]:
            within, known = set(connection.scalars(below)), _residents(connection)
            return [to_wire(seen) for _, person in sorted(known.items()) if (seen := seen_from(person, within))]

        return await self._db.read(work)

    async def replace(self, content: object) -> None:
        """Know of these people what the parent sent, and of all others nothing more than where they are at home."""
        if not isinstance(content, list):
            raise ValueError("homes must be a list")
        wanted = {person_id(each.number): each for each in map(from_wire, content)}

        def work(connection: Connection) -> None:
            known = _residents(connection)
            changed = {id_: one for id_, one in wanted.items() if known.get(id_) != one}
            over = [id_ for id_ in known if id_ not in wanted]
            if not changed and not over:
                return
            drop(connection, [id_ for id_ in over if known[id_].gone_at])
            _forget(connection, over)
            put(connection, changed)
            stamps.touch(connection, PEOPLE, self._entropy)
            summary_store.all_changed(connection)
            times = [_first(known.get(id_), wanted.get(id_)) for id_ in (*changed, *over)]
            must_judge(connection, lectures_from(connection, min(times)) + lectures_of(connection, changed))

        await self._db.write(work)


def drop(connection: Connection, people: Sequence[str]) -> None:
    """Know nothing of these people any more."""
    for ids in chunks(people):
        connection.execute(table.delete().where(table.c.id.in_(ids)))
        connection.execute(home_table.delete().where(home_table.c.person_id.in_(ids)))


def forget_before(connection: Connection, over: dt.datetime) -> bool:
    """Who left before then leaves altogether, and where people were at home only until then is not known any more."""
    gone = connection.scalars(sa.select(table.c.id).where(table.c.gone_at < over)).all()
    drop(connection, gone)
    return connection.execute(home_table.delete().where(home_table.c.until < over)).rowcount + len(gone) > 0


def moved(connection: Connection, homes: Mapping[str, int], at: dt.datetime) -> None:
    """These people, who were at home there, are not any more from then on; of two moves at once the first counts."""
    rows = [{"person_id": id_, "until": at, "venue_id": home} for id_, home in homes.items()]
    if rows:
        insert = upsert(connection, home_table)
        connection.execute(insert.on_conflict_do_nothing(index_elements=["person_id", "until"]), rows)


def leave(connection: Connection, people: Iterable[str], at: dt.datetime) -> int:
    """Who is on the roster is not any more from then on; returns how many that are."""
    count = 0
    for ids in chunks(sorted(people)):
        here = sa.and_(table.c.id.in_(ids), table.c.gone_at.is_(None))
        count += connection.execute(table.update().where(here).values(gone_at=at)).rowcount
    return count


def come_back(connection: Connection, people: Iterable[str], at: dt.datetime) -> int:
    """Who had left is on the roster again from then on, at the last home; returns how many that are."""
    count = 0
    for ids in chunks(sorted(people)):
        gone = connection.execute(sa.select(table).where(table.c.id.in_(ids), table.c.gone_at.is_not(None))).all()
        for row in gone:
            if row.gone_at < at:
                moved(connection, {row.id: row.home_id}, row.gone_at)
                moved(connection, {row.id: NOWHERE}, at)
        connection.execute(table.update().where(table.c.id.in_([row.id for row in gone])).values(gone_at=None))
        count += len(gone)
    return count


def changed_from(connection: Connection, at: dt.datetime, entropy: Callable[[int], bytes]) -> None:
    """From then on others are at home elsewhere: the figures of lectures before then stay as they are."""
    lectures = lectures_from(connection, at)
    summary_store.changed(connection, lectures)
    must_judge(connection, lectures)
    if lists_people(connection):  # of a list, each node gets its own people
        stamps.touch(connection, "lectures", entropy)


def lectures_of(connection: Connection, people: Collection[str]) -> list[str]:
    """Those of which there is something of these people."""
    found = set[str]()
    for ids in chunks(sorted(people)):
        query = sa.select(presence_table.c.lecture_id).where(presence_table.c.person_id.in_(ids))
        found.update(connection.scalars(query.distinct()))
    return sorted(found)


def lectures_from(connection: Connection, at: dt.datetime) -> list[str]:
    """Those at or after that time, and those without one."""
    time = sa.func.coalesce(lecture_table.c.started_at, lecture_table.c.starts_at)
    return list(connection.scalars(sa.select(lecture_table.c.id).where(time.is_(None) | (time >= at))))


def resident(connection: Connection, person: str) -> Resident | None:
    """All that is known of where somebody of the roster is and was at home."""
    before = _before(connection, home_table.c.person_id == person)
    row = connection.execute(sa.select(table).where(table.c.id == person)).one_or_none()
    return None if row is None else _resident(row, before.get(person, ()))


def _residents(connection: Connection) -> dict[str, Resident]:
    """By id, all of whom there is more to tell than the home."""
    before = _before(connection, sa.true())
    marked = sa.or_(table.c.since.is_not(None), table.c.gone_at.is_not(None))
    rows = list(connection.execute(sa.select(table).where(marked)))
    known = {row.id for row in rows}
    for ids in chunks(sorted(before.keys() - known)):
        rows += connection.execute(sa.select(table).where(table.c.id.in_(ids)))
    return {row.id: _resident(row, before.get(row.id, ())) for row in rows}


def _before(connection: Connection, where: sa.ColumnElement[bool]) -> dict[str, list[Before]]:
    found: dict[str, list[Before]] = {}
    for row in connection.execute(sa.select(home_table).where(where).order_by(home_table.c.until)):
        found.setdefault(row.person_id, []).append(Before(until=row.until, venue=row.venue_id))
    return found


def _resident(row: sa.Row[Any], before: Sequence[Before]) -> Resident:
    return Resident(
        number=row.number,
        name=row.name,
        home=row.home_id,
        since=row.since,
        gone_at=row.gone_at,
        before=tuple(before),
    )


def _forget(connection: Connection, people: Collection[str]) -> None:
    for ids in chunks(sorted(people)):
        connection.execute(table.update().where(table.c.id.in_(ids)).values(since=None, gone_at=None))
        connection.execute(home_table.delete().where(home_table.c.person_id.in_(ids)))


def put(connection: Connection, people: Mapping[str, Resident]) -> None:
    """Know just this of these people."""
    drop(connection, list(people))
    rows = [
        {
            "id": id_,
            "number": one.number,
            "name": one.name,
            "home_id": one.home,
            "since": one.since,
            "gone_at": one.gone_at,
        }
        for id_, one in people.items()
    ]
    homes = [
        {"person_id": id_, "until": each.until, "venue_id": each.venue}
        for id_, one in people.items()
        for each in one.before
    ]
    if rows:
        connection.execute(table.insert(), rows)
    if homes:
        connection.execute(home_table.insert(), homes)


def _first(before: Resident | None, after: Resident | None) -> dt.datetime:
    """The first time of which something else is told."""
    return min(_facts(before) ^ _facts(after), key=lambda fact: fact[0], default=(_EVER, 0))[0]


def _facts(one: Resident | None) -> set[tuple[dt.datetime, object]]:
    if one is None:
        return set()
    marks = [(at, name) for at, name in ((one.since, "since"), (one.gone_at, "gone")) if at is not None]
    return {*marks, *((each.until, each.venue) for each in one.before)}
