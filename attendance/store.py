"""The rows of the event log inside one transaction: SQL and nothing else; `log.py` decides."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import DataError, IntegrityError

from attendance import closing_store, streams_store
from attendance.event import Event, Kind, data_text, kind_of, method_of
from attendance.intake import Entry
from attendance.lecture_store import lecture_of
from attendance.lectures import Lecture
from attendance.paths_store import Paths
from attendance.people import Person
from attendance.presence import Presence, presence
from attendance.streams import Stream
from attendance.tables import event as event_table
from attendance.tables import lecture as lecture_table
from attendance.tables import person as person_table
from attendance.tables import presence as presence_table
from attendance.tables import quarantine as quarantine_table
from venues.store import set_meta
from venues.tables import meta

STORE_REFUSED = (DataError, IntegrityError)  # the database will never take these values; anything else is worth a retry
EPOCH = "attendance.epoch"  # key of the number under which this node counts its own events
_FIELDS = tuple(field.name for field in fields(Event))
_CHUNK = 500  # bound variables per statement stay far below every database's limit
T = TypeVar("T")


class Rows:
    def __init__(self, connection: Connection, paths: Paths) -> None:
        self.connection = connection
        self._connection = connection
        self._paths = paths

    def remember(self, key: str, make: Callable[[], str]) -> str:
        """The value kept under `key`, made once in the life of the database."""
        value = self._connection.scalar(sa.select(meta.c.value).where(meta.c.key == key))
        if value is None:
            value = make()
            self._connection.execute(meta.insert().values(key=key, value=value))
        return str(value)

    def put(self, key: str, value: str) -> None:
        set_meta(self._connection, key, value)

    def lecture(self, lecture: str) -> Lecture | None:
        row = self._one(sa.select(lecture_table).where(lecture_table.c.id == lecture))
        return None if row is None else lecture_of(row)

    def person(self, person: str) -> Person | None:
        row = self._one(sa.select(person_table).where(person_table.c.id == person))
        return (
            None if row is None else Person(id=row["id"], number=row["number"], name=row["name"], home=row["home_id"])
        )

    def event(self, event: str) -> Event | None:
        row = self._one(sa.select(event_table).where(event_table.c.id == event))
        return None if row is None else _event(row)

    def events_about(self, lecture: str, subject: str) -> list[Event]:
        """All events of one person in one lecture, in the order in which they came here."""
        query = sa.select(event_table).where(event_table.c.lecture == lecture, event_table.c.subject == subject)
        query = query.order_by(event_table.c.position)
        return [_event(row) for row in self._connection.execute(query).mappings()]

    def closed(self, lecture: str, venue: int, node: str) -> Event | None:
        """The closing with which this node last handed in the venue's attendance, unless it was opened again since."""
        about = event_table.c
        query = sa.select(event_table).where(about.lecture == lecture, about.subject == f"venue:{venue}")
        query = query.where(about.node == node, about.kind.in_((Kind.CLOSE.value, Kind.REOPEN.value)))
        row = self._connection.execute(query.order_by(about.position.desc()).limit(1)).mappings().one_or_none()
        return None if row is None or row["kind"] != Kind.CLOSE else _event(row)

    def handed_in(self, lecture: str, venue: int, node: str) -> list[str]:
        """The content hashes of everything that this node wrote of the venue's lecture."""
        about = event_table.c
        query = sa.select(about.content_hash).where(about.lecture == lecture, about.venue == venue, about.node == node)
        return list(self._connection.scalars(query))

    def hashes(self, ids: Iterable[str]) -> dict[str, str]:
        """Content hash by id of those events that are in the log."""
        known: dict[str, str] = {}
        for chunk in _chunks(ids):
            query = sa.select(event_table.c.id, event_table.c.content_hash).where(event_table.c.id.in_(chunk))
            known.update((row.id, row.content_hash) for row in self._connection.execute(query))
        return known

    def next_seq(self, node: str, epoch: int) -> int:
        known = streams_store.streams(self._connection, [(node, epoch)]).get((node, epoch))
        return (known or Stream(node=node, epoch=epoch)).last + 1

    def insert(self, entries: Sequence[Entry], at: dt.datetime, *, uploaded_at: dt.datetime | None = None) -> None:
        """Write new events in this order and derive from them: presences, high-water marks, closings."""
        if not entries:
            return
        events = [entry.event for entry in entries]
        alone = self._first_check_ins(events)
        kept = {"recorded_at": at, "uploaded_at": uploaded_at}
        rows = [
            {
                **entry.event.__dict__,
                "kind": str(entry.event.kind),
                "method": str(entry.event.method),
                "data": data_text(entry.event),
                "subject": entry.event.subject,
                "content_hash": entry.hash,
                "received_from": entry.received_from,
                **kept,
            }
            for entry in entries
        ]
        self._connection.execute(event_table.insert(), rows)
        self._write_presences([found for event in alone if (found := presence([event]))])
        first = {event.id for event in alone}
        moved = [event for event in events if event.kind in (Kind.CHECK_IN, Kind.UNDO) and event.id not in first]
        for lecture in sorted({event.lecture for event in moved}):
            self.derive(lecture, {event.subject for event in moved if event.lecture == lecture})
        streams_store.arrived(self._connection, [(event.node, event.epoch, event.seq) for event in events])
        closing_store.arrived(self._connection, events)

    def _first_check_ins(self, events: Sequence[Event]) -> list[Event]:
        """Those check-ins that are the only event of their person so far, here or among `events`: nothing to weigh."""
        by_subject: dict[tuple[str, str], list[Event]] = {}
        for event in events:
            by_subject.setdefault((event.lecture, event.subject), []).append(event)
        single = [found[0] for found in by_subject.values() if len(found) == 1 and found[0].kind == Kind.CHECK_IN]
        wanted: dict[str, set[str]] = {}
        for event in single:
            wanted.setdefault(event.lecture, set()).add(event.subject)
        about, known = event_table.c, set[tuple[str, str]]()
        for lecture, subjects in wanted.items():
            for chunk in _chunks(subjects):
                query = sa.select(about.subject).where(about.lecture == lecture, about.subject.in_(chunk)).distinct()
                known.update((lecture, subject) for subject in self._connection.scalars(query))
        return [event for event in single if (event.lecture, event.subject) not in known]

    def derive(self, lecture: str, subjects: Collection[str] | None = None) -> None:
        """Make the presences of these people (None: of everybody) anew from their events."""
        if subjects is None:
            self._connection.execute(presence_table.delete().where(presence_table.c.lecture_id == lecture))
            everybody = sa.select(event_table.c.subject).where(event_table.c.lecture == lecture).distinct()
            subjects = self._connection.scalars(everybody).all()
        for chunk in _chunks(subjects):
            self._connection.execute(
                presence_table.delete().where(
                    presence_table.c.lecture_id == lecture, presence_table.c.person_id.in_(chunk)
                )
            )
            about = event_table.c
            query = sa.select(event_table).where(about.lecture == lecture, about.subject.in_(chunk))
            events = sorted(map(_event, self._connection.execute(query).mappings()), key=_subject)
            derived = [presence(group) for _, group in itertools.groupby(events, key=_subject)]
            self._write_presences([row for row in derived if row is not None])

    def _write_presences(self, presences: Sequence[Presence]) -> None:
        if not presences:
            return
        paths = self._paths.of(self._connection, {row.venue for row in presences})
        self._connection.execute(
            presence_table.insert(),
            [
                {
                    "lecture_id": row.lecture,
                    "person_id": row.person,
                    "venue_id": row.venue,
                    "number": row.number,
                    "name": row.name,
                    "first_at": row.first_at,
                    "event_id": row.event,
                    "methods": ",".join(row.methods),
                    "other_venue": row.other_venue,
                    **{f"l{level}": paths.get(row.venue, {}).get(level) for level in range(1, 6)},
                }
                for row in presences
            ],
        )

    def paths(self, venues: Iterable[int]) -> dict[int, frozenset[int]]:
        """The venues above each of these, and itself."""
        wanted = set(venues)
        found = self._paths.of(self._connection, wanted)
        return {venue: frozenset(found[venue].values()) for venue in wanted if venue in found}

    def pending(self) -> tuple[int, dt.datetime | None]:
        """How many events wait for the parent's answer, and when the oldest was captured."""
        query = sa.select(sa.func.count(), sa.func.min(event_table.c.captured_at))
        count, oldest = self._connection.execute(query.where(event_table.c.uploaded_at.is_(None))).one()
        return count, oldest

    def outbox(self, limit: int) -> list[Event]:
        """What to send next: in order of arrival, events that a request was refused for last."""
        query = sa.select(event_table).where(event_table.c.uploaded_at.is_(None))
        order = (event_table.c.refusals, event_table.c.position)
        return [_event(row) for row in self._connection.execute(query.order_by(*order).limit(limit)).mappings()]

    def answered(self, ids: Iterable[str], code: str | None, at: dt.datetime) -> int:
        """The parent has these events (quarantined with a code, or taken); returns how many were waiting."""
        changed = 0
        for chunk in _chunks(ids):
            query = event_table.update().where(event_table.c.id.in_(chunk), event_table.c.uploaded_at.is_(None))
            changed += self._connection.execute(query.values(uploaded_at=at, upload_code=code)).rowcount
        return changed

    def received(self, child: int, after: int, limit: int) -> list[tuple[int, Event]]:
        """(position, event) of what came from a child, in order, from beyond the position `after`."""
        about = event_table.c
        query = sa.select(event_table).where(about.received_from == child, about.position > after)
        rows = self._connection.execute(query.order_by(about.position).limit(limit)).mappings()
        return [(row["position"], _event(row)) for row in rows]

    def refused(self, event: str) -> None:
        query = event_table.update().where(event_table.c.id == event)
        self._connection.execute(query.values(refusals=event_table.c.refusals + 1))

    def quarantine(
        self, hash_: str, *, received_from: int, event: str | None, code: str, raw: str, at: dt.datetime
    ) -> bool:
        """Keep what cannot be taken; False when the very same was kept before."""
        known = sa.select(quarantine_table.c.hash).where(quarantine_table.c.hash == hash_)
        if self._connection.scalar(known) is not None:
            return False
        row = {"hash": hash_, "received_from": received_from, "event_id": event, "code": code, "raw": raw}
        self._connection.execute(quarantine_table.insert().values(**row, received_at=at))
        return True

    def quarantined(self, limit: int, after: str = "") -> list[tuple[str, int, str]]:
        """(hash, the child's venue, raw) of what is kept aside, in the order of the hashes."""
        about = quarantine_table.c
        query = sa.select(about.hash, about.received_from, about.raw).where(about.hash > after)
        rows = self._connection.execute(query.order_by(about.hash).limit(limit))
        return [(row.hash, row.received_from, row.raw) for row in rows]

    def release(self, hash_: str) -> None:
        """It is in the log now."""
        self._connection.execute(quarantine_table.delete().where(quarantine_table.c.hash == hash_))

    def _one(self, query: sa.Select[tuple[object, ...]]) -> RowMapping | None:
        return self._connection.execute(query).mappings().one_or_none()


def _event(row: RowMapping) -> Event:
    values = {name: row[name] for name in _FIELDS}
    data = None if row["data"] is None else json.loads(row["data"])
    return Event(**values | {"kind": kind_of(row["kind"]), "method": method_of(row["method"]), "data": data})


def _subject(event: Event) -> str:
    return event.subject


def _chunks(values: Iterable[T]) -> Iterable[list[T]]:
    remaining = iter(values)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield chunk
