"""All that was written down of one person in one lecture, in order: who said what, when, how and why."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from attendance.bearers_store import subject_of
from attendance.event import Kind
from attendance.judge import leave_too_late
from attendance.lecture_row import lecture_of
from attendance.policy_store import policy_of
from attendance.rules import NotCheckedIn
from attendance.store import event_of
from attendance.tables import event, person, presence
from attendance.tables import lecture as lecture_table
from attendance.venue_reports import venues_by_id
from venues.database import Database
from venues.errors import TongtangError
from venues.tree import Venue


class PersonNotInLecture(TongtangError):
    """Nothing is known here of this person in this lecture."""

    code = "person_not_in_lecture"
    status = 404


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event. `undone`: a later one takes it back; `too_late`: says that the person is on leave, and under the
    lecture's policy that was too late; `waiting`: the parent has not answered for it yet."""

    event: str
    kind: str
    method: str
    at: dt.datetime  # by the node's clock as it was
    clock_offset_ms: int | None
    recorded_at: dt.datetime  # when it came to this node
    venue: Venue | None
    node: str
    operator: str | None
    reason: str | None
    supersedes: str | None
    data: Mapping[str, int | str | bool]
    undone: bool
    too_late: bool
    waiting: bool


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What it amounts to; see attendance.judge.Presence."""

    status: str
    venue: Venue | None
    late: bool
    early: bool
    attended: bool
    minutes: int
    credit: int
    policy: int


@dataclass(frozen=True, kw_only=True)
class History:
    person: str
    number: str | None
    name: str
    home: Venue | None
    judged: Judged | None  # None: nothing stands, neither that the person was there nor that not
    entries: tuple[Entry, ...]

    def entry(self, event: str) -> Entry:
        """Raises NotCheckedIn."""
        for one in self.entries:
            if one.event == event:
                return one
        raise NotCheckedIn


async def history(db: Database, lecture: str, subject: str) -> History:
    """`subject` is a person's id, or of a guest without a number the check-in's. Raises PersonNotInLecture."""
    return await db.read(lambda connection: _history(connection, lecture, subject))


def _history(connection: Connection, lecture: str, subject: str) -> History:
    subject = subject_of(connection, subject)
    about = event.c
    query = sa.select(event).where(about.lecture == lecture, about.subject == subject)
    rows = connection.execute(query.order_by(about.captured_at, about.id)).mappings().all()
    known = connection.execute(sa.select(person).where(person.c.id == subject)).mappings().one_or_none()
    of_both = sa.and_(presence.c.lecture_id == lecture, presence.c.person_id == subject)
    row = connection.execute(sa.select(presence).where(of_both)).mappings().one_or_none()
    if known is None and row is None and not rows:
        raise PersonNotInLecture
    home = known["home_id"] if known else row["home_id"] if row else None
    wanted = {each["venue"] for each in rows} | ({row["venue_id"]} if row else set()) | ({home} if home else set())
    venues = venues_by_id(connection, wanted)
    gone = {each["supersedes"] for each in rows if each["kind"] == Kind.UNDO}
    late = _leave_too_late(connection, lecture, rows)
    named = known or row or rows[0]
    return History(
        person=subject,
        number=named["number"],
        name=named["name"],
        home=venues.get(home) if home else None,
        judged=_judged(row, venues) if row else None,
        entries=tuple(_entry(each, venues, each["id"] in gone, each["id"] in late) for each in rows),
    )


def _leave_too_late(connection: Connection, lecture: str, rows: Sequence[RowMapping]) -> set[str]:
    found = connection.execute(sa.select(lecture_table).where(lecture_table.c.id == lecture)).mappings().one_or_none()
    if found is None:
        return set()
    rules = policy_of(connection, found["policy"]).rules
    return {row["id"] for row in rows if leave_too_late(event_of(row), lecture_of(found), rules)}


def _judged(row: RowMapping, venues: Mapping[int, Venue]) -> Judged:
    return Judged(
        status=row["status"],
        venue=venues.get(row["venue_id"]),
        late=row["late"],
        early=row["early"],
        attended=row["attended"],
        minutes=row["seconds"] // 60,
        credit=row["credit"],
        policy=row["policy"],
    )


def _entry(row: RowMapping, venues: Mapping[int, Venue], undone: bool, too_late: bool) -> Entry:
    return Entry(
        event=row["id"],
        kind=row["kind"],
        method=row["method"],
        at=row["captured_at"],
        clock_offset_ms=row["clock_offset_ms"],
        recorded_at=row["recorded_at"],
        venue=venues.get(row["venue"]),
        node=row["node"],
        operator=row["operator"],
        reason=row["reason"],
        supersedes=row["supersedes"],
        data=json.loads(row["data"]) if row["data"] else {},
        undone=undone,
        too_late=too_late,
        waiting=row["uploaded_at"] is None,
    )
