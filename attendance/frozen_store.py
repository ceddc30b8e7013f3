"""Frozen reports in the database: made, listed and read; never changed, never deleted."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import zlib
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from attendance.frozen import (
    Cause,
    FrozenReport,
    FrozenUnknown,
    StillJudging,
    Version,
    canonical,
    content,
    hash_of,
    read,
    same_state,
)
from attendance.lecture_row import lecture_of
from attendance.lecture_store import LectureStore
from attendance.lectures import Lecture, LectureUnknown
from attendance.policy import FIRST
from attendance.policy_store import PolicyStore
from attendance.report import LectureReport
from attendance.reports import Reports
from attendance.rules import ReasonMissing
from attendance.tables import freeze_due as due_table
from attendance.tables import frozen_report as table
from attendance.tables import judge_due
from attendance.tables import lecture as lecture_table
from venues.database import Database, upsert
from venues.ids import uuid7
from venues.store import VenueUnknown

_PATIENCE = 25  # times that is looked whether a lecture is judged
_LOOK_S = 0.2
_ABOUT = [column for column in table.c if column.name != "content"]


class FrozenReports:
    """`now` gives aware UTC; `entropy(n)` gives n random bytes."""

    def __init__(
        self,
        db: Database,
        now: Callable[[], dt.datetime],
        entropy: Callable[[int], bytes],
        *,
        reports: Reports,
        lectures: LectureStore,
        policies: PolicyStore,
    ) -> None:
        self._db = db
        self._now = now
        self._entropy = entropy
        self._reports = reports
        self._lectures = lectures
        self._policies = policies

    async def freeze(self, lecture_id: str, venue_id: int, by: str, reason: str) -> Version:
        """The figures of the venue and of all below it, as they are now. Raises ReasonMissing, LectureUnknown,
        VenueUnknown, StillJudging."""
        if not reason.strip():
            raise ReasonMissing
        return await self._freeze(lecture_id, venue_id, by, Cause.ASKED, reason.strip())

    async def list(self, lecture_id: str, venue_id: int) -> list[Version]:
        """The newest first."""
        query = sa.select(*_ABOUT).where(table.c.lecture_id == lecture_id, table.c.venue_id == venue_id)
        query = query.order_by(table.c.number.desc())
        rows = await self._db.read(lambda connection: connection.execute(query).mappings().all())
        return [_version(row) for row in rows]

    async def raw(self, lecture_id: str, venue_id: int, number: int) -> bytes:
        """The very bytes that were hashed. Raises FrozenUnknown."""
        return await self._db.read(lambda connection: _raw(connection, lecture_id, venue_id, number))

    async def get(self, lecture_id: str, venue_id: int, number: int) -> FrozenReport:
        """Raises FrozenUnknown."""
        return await self._db.read(lambda connection: read(_raw(connection, lecture_id, venue_id, number)))

    async def judge_under(self, lecture_id: str, policy: int, by: str) -> Lecture:
        """Judge the lecture under another version of the policy. Of one that is over, the report as it is stays as a
        version before that, and as it is then becomes one, as soon as everything is judged. Raises LectureUnknown,
        LectureElsewhere, PolicyUnknown, StillJudging."""
        lecture = await self._lectures.own(lecture_id)
        await self._policies.get(policy)
        if lecture.ended_at is None or (lecture.policy or FIRST.version) == policy:
            return await self._lectures.judge_under(lecture_id, policy)
        await self._freeze(lecture_id, lecture.venue_id, by, Cause.BEFORE, "", unless_same=True)
        due = {"lecture_id": lecture_id, "venue_id": lecture.venue_id, "made_by": by, "policy": policy}

        def remember(connection: Connection) -> None:
            again = upsert(connection, due_table).values(**due)
            changed = {"made_by": by, "policy": policy}
            keys = ["lecture_id", "venue_id"]
            connection.execute(again.on_conflict_do_update(index_elements=keys, set_=changed))

        await self._db.write(remember)  # first: a node that stops in between freezes what it finds then
        return await self._lectures.judge_under(lecture_id, policy)

    async def judging(self, lecture_id: str) -> bool:
        """Whether some of the lecture's people are still to be judged anew. Raises LectureUnknown."""
        return await self._db.read(lambda connection: _if_judged(connection, lecture_id) is None)

    async def freeze_due(self) -> bool:
        """Freeze one report that was to be frozen once its lecture is judged; only asked when nothing is to be judged.
        False: there is none."""
        row = await self._db.read(lambda connection: connection.execute(sa.select(due_table).limit(1)).one_or_none())
        if row is None:
            return False
        lecture = await self._lectures.get(row.lecture_id)
        if lecture is not None and lecture.policy == row.policy:
            try:
                await self._freeze(row.lecture_id, row.venue_id, row.made_by, Cause.AFTER, "", unless_same=True)
            except StillJudging:
                return False
            except VenueUnknown:
                pass  # it has left the tree meanwhile
        done = sa.and_(
            due_table.c.lecture_id == row.lecture_id,
            due_table.c.venue_id == row.venue_id,
            due_table.c.policy == row.policy,
        )
        await self._db.write(lambda connection: connection.execute(due_table.delete().where(done)))
        return True

    async def _freeze(
        self, lecture_id: str, venue_id: int, by: str, cause: Cause, reason: str, *, unless_same: bool = False
    ) -> Version:
        at = self._now()
        report = await self._judged(lecture_id, venue_id)
        policy = await self._policies.get(report.lecture.policy or FIRST.version)
        over = self._reports.is_over(report.lecture, policy)
        while True:
            known = await self.list(lecture_id, venue_id)
            number = known[0].number + 1 if known else 1

            def make(number: int = number) -> tuple[dict[str, object], bytes, bytes]:
                found = content(report, policy, number=number, at=at, by=by, cause=cause, reason=reason, over=over)
                raw = canonical(found)
                return found, raw, zlib.compress(raw)

            found, raw, packed = await asyncio.to_thread(make)
            if unless_same and known and await self._is_same(known[0], found):
                return known[0]
            version = _made(report, number, policy.version, at, by, cause, reason, hash_of(raw))
            if await self._db.write(lambda connection: self._put(connection, version, packed)):  # noqa: B023
                return version

    async def _judged(self, lecture_id: str, venue_id: int) -> LectureReport:
        """The report, at a moment when everybody is judged by the same rules. Raises StillJudging."""
        for _ in range(_PATIENCE):
            lecture = await self._db.read(lambda connection: _if_judged(connection, lecture_id))
            if lecture is not None:
                report = await self._reports.report(lecture_id, venue_id, whole=True)
                if report.lecture == lecture:
                    return report
            await asyncio.sleep(_LOOK_S)
        raise StillJudging

    async def _is_same(self, last: Version, found: dict[str, object]) -> bool:
        raw = await self.raw(last.lecture, last.venue, last.number)
        return await asyncio.to_thread(lambda: same_state(json.loads(raw), found))

    def _put(self, connection: Connection, version: Version, packed: bytes) -> bool:
        """False: the number has been taken meanwhile."""
        row = {
            "id": uuid7(int(version.made_at.timestamp() * 1000), self._entropy(10)),
            "lecture_id": version.lecture,
            "venue_id": version.venue,
            "number": version.number,
            "policy": version.policy,
            "made_at": version.made_at,
            "made_by": version.made_by,
            "cause": version.cause.value,
            "reason": version.reason,
            "hash": version.hash,
            "content": packed,
        }
        of_report = sa.and_(table.c.lecture_id == version.lecture, table.c.venue_id == version.venue)
        if (connection.scalar(sa.select(sa.func.max(table.c.number)).where(of_report)) or 0) >= version.number:
            return False
        connection.execute(table.insert().values(**row))
        return True


def _if_judged(connection: Connection, lecture_id: str) -> Lecture | None:
    """The lecture, None while some of its people are judged by what it was before. Raises LectureUnknown."""
    query = sa.select(lecture_table).where(lecture_table.c.id == lecture_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise LectureUnknown(lecture=lecture_id)
    due = sa.select(judge_due.c.lecture_id).where(judge_due.c.lecture_id == lecture_id)
    return lecture_of(row) if connection.scalar(due) is None else None


def _made(
    report: LectureReport, number: int, policy: int, at: dt.datetime, by: str, cause: Cause, reason: str, hash_: str
) -> Version:
    return Version(
        lecture=report.lecture.id,
        venue=report.path[-1].id,
        number=number,
        policy=policy,
        made_at=at,
        made_by=by,
        cause=cause,
        reason=reason,
        hash=hash_,
    )


def _raw(connection: Connection, lecture_id: str, venue_id: int, number: int) -> bytes:
    keys = sa.and_(table.c.lecture_id == lecture_id, table.c.venue_id == venue_id, table.c.number == number)
    packed = connection.scalar(sa.select(table.c.content).where(keys))
    if packed is None:
        raise FrozenUnknown(number=number)
    return zlib.decompress(packed)


def _version(row: RowMapping) -> Version:
    return Version(
        lecture=row["lecture_id"],
        venue=row["venue_id"],
        number=row["number"],
        policy=row["policy"],
        made_at=row["made_at"],
        made_by=row["made_by"],
        cause=Cause(row["cause"]),
        reason=row["reason"],
        hash=row["hash"],
    )
