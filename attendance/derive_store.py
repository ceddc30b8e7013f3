"""Presences in the database: made from events when they come, and made anew when a lecture or its policy changes."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.bearers_store import named
from attendance.event import Event, Kind
from attendance.homes_store import roster_at, time_of
from attendance.judge import JUDGED, Presence, judge
from attendance.lecture_row import lecture_of
from attendance.lectures import Lecture
from attendance.paths_store import Paths
from attendance.policy import FIRST, Policy
from attendance.policy_store import policy_of
from attendance.tables import event as event_table
from attendance.tables import judge_due as due_table
from attendance.tables import lecture as lecture_table
from attendance.tables import presence as table
from attendance.venue_reports import chunks
from venues.database import insert_many, look_up

Read = Callable[[sa.Select[tuple[object, ...]]], list[Event]]


class Derivation:
    """`read` makes events of the rows that a query gives."""

    def __init__(self, connection: Connection, paths: Paths, read: Read) -> None:
        self._connection = connection
        self._paths = paths
        self._read = read
        self._judged_by: dict[str, tuple[Lecture | None, Policy]] = {}

    def arrived(self, events: Sequence[Event], first: Collection[Event]) -> None:
        """New events are in the log; `first` are those of `first_check_ins`, told before they were written."""
        self._write([found for event in first if (found := judge([event], *self._by(event.lecture)))])
        done = {event.id for event in first}
        moved = [event for event in events if event.kind in JUDGED and event.id not in done]
        for lecture in sorted({event.lecture for event in moved}):
            self.derive(lecture, {event.subject for event in moved if event.lecture == lecture})

    def first_check_ins(self, events: Sequence[Event]) -> list[Event]:
        """Those check-ins that are the only event of their person so far, here or among `events`: nothing to weigh."""
        by_subject: dict[tuple[str, str], list[Event]] = {}
        for event in events:
            by_subject.setdefault((event.lecture, event.subject), []).append(event)
        single = [found[0] for found in by_subject.values() if len(found) == 1 and found[0].kind == Kind.CHECK_IN]
        wanted: dict[str, set[str]] = {}
        for event in single:
            wanted.setdefault(event.lecture, set()).add(event.subject)
        known = set[tuple[str, str]]()
        for lecture, subjects in wanted.items():
            found = look_up(self._connection, subjects, partial(_any_about, lecture))
            known.update((lecture, subject) for subject in found)
        return [event for event in single if (event.lecture, event.subject) not in known]

    def derive(self, lecture: str, subjects: Collection[str]) -> None:
        """Make the presences of these people anew from their events."""
        about = event_table.c
        for chunk in chunks(list(subjects)):
            self._connection.execute(table.delete().where(table.c.lecture_id == lecture, table.c.person_id.in_(chunk)))
            query = sa.select(event_table).where(about.lecture == lecture, about.subject.in_(chunk))
            events = sorted(named(self._connection, self._read(query)), key=_subject)
            groups = itertools.groupby(events, key=_subject)
            self._write([found for _, group in groups if (found := judge(group, *self._by(lecture)))])

    def _by(self, lecture: str) -> tuple[Lecture | None, Policy]:
        if lecture not in self._judged_by:
            query = sa.select(lecture_table).where(lecture_table.c.id == lecture)
            row = self._connection.execute(query).mappings().one_or_none()
            known = None if row is None else lecture_of(row)
            version = known.policy if known else None
            self._judged_by[lecture] = known, FIRST if version is None else policy_of(self._connection, version)
        return self._judged_by[lecture]

    def _write(self, presences: Sequence[Presence]) -> None:
        if not presences:
            return
        paths = self._paths.of(self._connection, {row.venue for row in presences})
        homes: dict[tuple[str, str], int] = {}
        for lecture, people in itertools.groupby(sorted(presences, key=_lecture), key=_lecture):
            known = self._by(lecture)[0]
            at = time_of(known) if known else None
            found = home_of(self._connection, [row.person for row in people], at)
            homes.update({(lecture, person): home for person, home in found.items()})
        rows = [
            _row(row, paths.get(row.venue, {}), homes.get((row.lecture, row.person), row.home)) for row in presences
        ]
        insert_many(self._connection, table, rows)


def _any_about(lecture: str, subject: sa.ColumnElement[str]) -> sa.Select[int]:
    about = event_table.c
    return sa.select(sa.literal(1)).where(about.lecture == lecture, about.subject == subject)


def home_of(connection: Connection, people: Sequence[str], at: dt.datetime | None) -> dict[str, int]:
    """Where these people were at home then, None: now; 0 of those who were on no roster."""
    return roster_at(connection, at).homes(connection, people)


def due(connection: Connection) -> tuple[str, int, list[str]] | None:
    """A lecture to judge anew, the round of it, and all people of whom there is anything; None: nothing to do."""
    row = connection.execute(sa.select(due_table).order_by(due_table.c.lecture_id).limit(1)).one_or_none()
    if row is None:
        return None
    said = sa.select(event_table.c.subject).where(event_table.c.lecture == row.lecture_id)
    kept = sa.select(table.c.person_id).where(table.c.lecture_id == row.lecture_id)
    return row.lecture_id, row.round, sorted(connection.scalars(said.union(kept)))


def judged(connection: Connection, lecture: str, round_: int) -> None:
    """Done, unless something changed meanwhile."""
    connection.execute(due_table.delete().where(due_table.c.lecture_id == lecture, due_table.c.round == round_))


def _row(row: Presence, path: Mapping[int, int], home: int | None) -> dict[str, object]:
    return {
        "lecture_id": row.lecture,
        "person_id": row.person,
        "venue_id": row.venue,
        "number": row.number,
        "name": row.name,
        "first_at": row.first_at,
        "event_id": row.event,
        "methods": ",".join(row.methods),
        "other_venue": row.other_venue,
        "l1": path.get(1),
        "l2": path.get(2),
        "l3": path.get(3),
        "l4": path.get(4),
        "l5": path.get(5),
        "home_id": home or None,
        "last_at": row.last_at,
        "status": row.status,
        "late": row.late,
        "early": row.early,
        "attended": row.attended,
        "seconds": row.seconds,
        "credit": row.credit,
        "policy": row.policy,
    }


def _subject(event: Event) -> str:
    return event.subject


def _lecture(presence: Presence) -> str:
    return presence.lecture
