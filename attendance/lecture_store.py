"""Lectures in the database, and their replication to the venues below (collection "lectures")."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import stamps_store as stamps
from attendance import summary_store
from attendance.expectation import EVERYBODY
from attendance.expectation import from_wire as expected_from_wire
from attendance.expectation import to_wire as expected_to_wire
from attendance.expected_store import all_expected, drop_expected, expected_below, put_expected
from attendance.lecture_row import lecture_of
from attendance.lectures import (
    Lecture,
    LectureElsewhere,
    LectureState,
    LectureUnknown,
    clean_title,
    from_wire,
    moved,
    to_wire,
)
from attendance.policy import PolicyUnknown
from attendance.policy_store import must_judge, newest, policy_of
from attendance.tables import lecture as table
from venues.database import Database
from venues.ids import uuid7
from venues.tables import venue_closure


class LectureStore:
    """`now` gives aware UTC; `entropy(n)` gives n random bytes."""

    name = "lectures"

    def __init__(self, db: Database, now: Callable[[], dt.datetime], entropy: Callable[[int], bytes]) -> None:
        self._db = db
        self._now = now
        self._entropy = entropy

    async def create(self, title: str, venue_id: int, starts_at: dt.datetime | None = None) -> Lecture:
        """A planned lecture for a venue and all below it, under the newest policy; raises LectureTitleInvalid."""
        now = _to_ms(self._now())
        lecture = Lecture(
            id=uuid7(int(now.timestamp() * 1000), self._entropy(10)),
            title=clean_title(title),
            venue_id=venue_id,
            starts_at=None if starts_at is None else _to_ms(starts_at),
        )

        def work(connection: Connection) -> Lecture:
            made = dataclasses.replace(lecture, policy=newest(connection))
            connection.execute(table.insert().values(**_row(made), local=True))
            stamps.touch(connection, self.name, self._entropy)
            return made

        return await self._db.write(work)

    async def start(self, lecture: str) -> Lecture:
        return await self._move(lecture, LectureState.LIVE)

    async def stop(self, lecture: str) -> Lecture:
        return await self._move(lecture, LectureState.ENDED)

    async def _move(self, lecture_id: str, wanted: LectureState) -> Lecture:
        """Raises LectureUnknown, LectureElsewhere, LectureTransitionRefused; a repeat returns the lecture as it is."""
        now = _to_ms(self._now())

        def work(connection: Connection) -> Lecture:
            lecture = own_lecture(connection, lecture_id)
            after = moved(lecture, wanted, now)
            if after != lecture:
                self._put(connection, after)
            return after

        return await self._db.write(work)

    async def judge_under(self, lecture_id: str, policy: int) -> Lecture:
        """Judge the lecture under another version of the policy, and anew what is known of it. Raises LectureUnknown,
        LectureElsewhere, PolicyUnknown."""

        def work(connection: Connection) -> Lecture:
            lecture = own_lecture(connection, lecture_id)
            if policy_of(connection, policy).version != policy:
                raise PolicyUnknown(version=policy)
            after = dataclasses.replace(lecture, policy=policy)
            if after != lecture:
                self._put(connection, after)
            return after

        return await self._db.write(work)

    def _put(self, connection: Connection, lecture: Lecture) -> None:
        connection.execute(table.update().where(table.c.id == lecture.id).values(**_row(lecture)))
        must_judge(connection, [lecture.id])
        stamps.touch(connection, self.name, self._entropy)

    async def own(self, lecture_id: str) -> Lecture:
        """One that was made at this node. Raises LectureUnknown, LectureElsewhere."""
        return await self._db.read(lambda connection: own_lecture(connection, lecture_id))

    async def made_here(self) -> set[str]:
        """The ids of the lectures that were made at this node."""
        query = sa.select(table.c.id).where(table.c.local)
        return await self._db.read(lambda connection: set(connection.execute(query).scalars()))

    async def get(self, lecture: str) -> Lecture | None:
        query = sa.select(table).where(table.c.id == lecture)
        row = await self._db.read(lambda connection: connection.execute(query).mappings().one_or_none())
        return None if row is None else lecture_of(row)

    async def list(self, venue_id: int | None = None) -> list[Lecture]:
        """The newest first; with a venue only those that concern it: for it, an ancestor of it or a venue below it."""
        query = sa.select(table).order_by(table.c.id.desc())
        if venue_id is not None:
            query = query.where(table.c.venue_id.in_(_concerned(venue_id)))
        rows = await self._db.read(lambda connection: connection.execute(query).mappings().all())
        return [lecture_of(row) for row in rows]

    async def version(self, venue_id: int) -> str:
        return await self._db.read(lambda connection: stamps.version(connection, self.name, venue_id))

    async def export(self, venue_id: int) -> object:
        """The lectures that concern the venue; `expected` only where not everybody is (older children pass it over)."""
        lectures = await self.list(venue_id)
        expected = await self._db.read(lambda connection: expected_below(connection, venue_id))
        return [
            to_wire(lecture) | ({"expected": expected_to_wire(expected[lecture.id])} if lecture.id in expected else {})
            for lecture in lectures
        ]

    async def replace(self, content: object) -> None:
        """Make the parent's lectures here equal to what it sent; lectures made at this node stay."""
        if not isinstance(content, list):
            raise ValueError("lectures must be a list")
        wanted = {lecture.id: lecture for lecture in map(from_wire, content)}
        told = {from_wire(each).id: expected_from_wire(each.get("expected")) for each in content}

        def work(connection: Connection) -> None:
            rows = connection.execute(sa.select(table)).mappings().all()
            own = {row["id"] for row in rows if row["local"]}
            known = {row["id"]: lecture_of(row) for row in rows if not row["local"]}
            gone = [id_ for id_ in known if id_ not in wanted]
            changed = [new for id_, new in wanted.items() if id_ not in own and known.get(id_) != new]
            for id_ in [*gone, *(lecture.id for lecture in changed)]:
                connection.execute(table.delete().where(table.c.id == id_))
            for lecture in changed:
                connection.execute(table.insert().values(**_row(lecture), local=False))
            must_judge(connection, [lecture.id for lecture in changed])
            before = all_expected(connection)
            otherwise = [id_ for id_ in told if id_ not in own and before.get(id_, EVERYBODY) != told[id_]]
            for id_ in otherwise:
                put_expected(connection, id_, told[id_])
            drop_expected(connection, gone)
            summary_store.changed(connection, otherwise)
            if gone or changed or otherwise:
                stamps.touch(connection, self.name, self._entropy)

        await self._db.write(work)


def own_lecture(connection: Connection, lecture_id: str) -> Lecture:
    """One that was made at this node. Raises LectureUnknown, LectureElsewhere."""
    row = connection.execute(sa.select(table).where(table.c.id == lecture_id)).mappings().one_or_none()
    if row is None:
        raise LectureUnknown(lecture=lecture_id)
    if not row["local"]:
        raise LectureElsewhere
    return lecture_of(row)


def _row(lecture: Lecture) -> dict[str, object]:
    return dataclasses.asdict(lecture) | {"state": lecture.state.value}


def _concerned(venue_id: int) -> sa.CompoundSelect[tuple[int]]:
    pairs = venue_closure.c
    return sa.union_all(
        sa.select(pairs.ancestor).where(pairs.descendant == venue_id),
        sa.select(pairs.descendant).where(pairs.ancestor == venue_id),
    )


def _to_ms(at: dt.datetime) -> dt.datetime:
    """Whole milliseconds: what the wire carries, so that a replica is equal."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
