"""The rows of the event log inside one transaction: SQL and nothing else; `log.py` decides."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import DataError, IntegrityError

from attendance import bearers_store, closing_store, erasure_store, records_store, streams_store, summary_store
from attendance.derive_store import Derivation, judged
from attendance.event import Data, Event, Kind, data_text, kind_of, method_of
from attendance.intake import Entry
from attendance.lecture_row import lecture_of
from attendance.lectures import Lecture
from attendance.paths_store import Paths
from attendance.people import Person
from attendance.streams import Stream
from attendance.tables import event as event_table
from attendance.tables import lecture as lecture_table
from attendance.tables import person as person_table
from attendance.tables import quarantine as quarantine_table
from venues.database import insert_many, look_up
from venues.store import set_meta
from venues.tables import meta, venue_closure

# The database, or our own code before it, will never take these values; anything else is worth a retry.
_REFUSED = (DataError, IntegrityError, ArithmeticError, LookupError, TypeError, ValueError)
_TOO_LARGE = "54"  # PostgreSQL's class of errors for values beyond its limits, such as those of an index
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
        """Whoever has this id now, whose number may have been merged into another one."""
        person = bearers_store.kept(self._connection, [person]).get(person, person)
        row = self._one(sa.select(person_table).where(person_table.c.id == person))
        return (
            None if row is None else Person(id=row["id"], number=row["number"], name=row["name"], home=row["home_id"])
        )

    def event(self, event: str) -> Event | None:
        row = self._one(sa.select(event_table).where(event_table.c.id == event))
        return None if row is None else event_of(row)

    def events_about(self, lecture: str, subject: str) -> list[Event]:
        """All events of one person in one lecture, in the order in which they came here."""
        subject = bearers_store.subject_of(self._connection, subject)
        query = sa.select(event_table).where(event_table.c.lecture == lecture, event_table.c.subject == subject)
        return self._events(query.order_by(event_table.c.position))

    def events_of(self, lecture: str, subjects: Collection[str]) -> list[Event]:
        """All events of some people (at most 500) in one lecture, in the order in which they came here."""
        query = sa.select(event_table).where(event_table.c.lecture == lecture, event_table.c.subject.in_(subjects))
        return self._events(query.order_by(event_table.c.position))

    def closed(self, lecture: str, venue: int, node: str) -> Event | None:
        """The closing with which this node last handed in the venue's attendance, unless it was opened again since."""
        about = event_table.c
        query = sa.select(event_table).where(about.lecture == lecture, about.subject == f"venue:{venue}")
        query = query.where(about.node == node, about.kind.in_((Kind.CLOSE.value, Kind.REOPEN.value)))
        row = self._connection.execute(query.order_by(about.position.desc()).limit(1)).mappings().one_or_none()
        return None if row is None or row["kind"] != Kind.CLOSE else event_of(row)

    def handed_in(self, lecture: str, venue: int, node: str) -> list[str]:
        """The content hashes of everything that this node wrote of the venue's lecture."""
        about = event_table.c
        query = sa.select(about.content_hash).where(about.lecture == lecture, about.venue == venue, about.node == node)
        return list(self._connection.scalars(query))

    def hashes(self, ids: Iterable[str]) -> dict[str, str]:
        """Content hash by id of those events that are in the log."""
        by_id = sa.select(event_table.c.content_hash)
        return look_up(self._connection, ids, lambda id_: by_id.where(event_table.c.id == id_))

    def next_seq(self, node: str, epoch: int) -> int:
        known = streams_store.streams(self._connection, [(node, epoch)]).get((node, epoch))
        return (known or Stream(node=node, epoch=epoch)).last + 1

    def insert(self, entries: Sequence[Entry], at: dt.datetime, *, uploaded_at: dt.datetime | None = None) -> None:
        """Write new events in this order and derive from them: presences, high-water marks, closings,
        what the venues did."""
        if not entries:
            return
        entries = erasure_store.as_told(self._connection, entries)
        events = [entry.event for entry in entries]
        derivation = Derivation(self._connection, self._paths, self._events)
        named = bearers_store.named(self._connection, events)
        first = derivation.first_check_ins(named)
        kept = {"recorded_at": at, "uploaded_at": uploaded_at}
        rows = [
            {
                **entry.event.__dict__,
                "kind": str(entry.event.kind),
                "method": str(entry.event.method),
                "data": data_text(entry.event),
                "subject": event.subject,
                "content_hash": entry.hash,
                "received_from": entry.received_from,
                **kept,
            }
            for entry, event in zip(entries, named, strict=True)
        ]
        insert_many(self._connection, event_table, rows)
        derivation.arrived(named, first)
        bearers_store.seen(self._connection, events)
        streams_store.arrived(self._connection, [(event.node, event.epoch, event.seq) for event in events])
        closing_store.arrived(self._connection, events)
        records_store.arrived(self._connection, events, self._events)
        summary_store.changed(self._connection, {event.lecture for event in events})

    def derive(self, lecture: str, subjects: Collection[str]) -> None:
        """Make the presences of these people anew from their events."""
        Derivation(self._connection, self._paths, self._events).derive(lecture, subjects)
        summary_store.changed(self._connection, [lecture])

    def derive_records(self, lecture: str, venues: Collection[int]) -> None:
        """Make anew what these venues did."""
        records_store.derive(self._connection, lecture, venues, self._events)

    def judged(self, lecture: str, round_: int) -> None:
        """All of the lecture is judged anew, unless something has changed meanwhile."""
        judged(self._connection, lecture, round_)
        summary_store.changed(self._connection, [lecture])

    def rebind(self, card: int, old: str | None, new: str | None) -> None:
        """It has become known whose card it is (None: it is not known any more): say so of what names the card."""
        known_as = {bearers_store.subject(card), *(who for who in (old, new) if who)}
        known_as |= {bearers_store.subject_of(self._connection, subject) for subject in known_as}
        for lecture in bearers_store.lectures(self._connection, card):
            self.resubject(lecture, known_as)

    def resubject(self, lecture: str, known_as: Collection[str]) -> None:
        """It has become known whom those events really mean that are kept under these subjects (at most 500)."""
        about = event_table.c
        query = sa.select(event_table).where(about.lecture == lecture, about.subject.in_(known_as))
        rows = self._connection.execute(query).mappings().all()
        events = bearers_store.named(self._connection, [event_of(row) for row in rows])
        moved = [(row["subject"], event) for row, event in zip(rows, events, strict=True)]
        moved = [(was, event) for was, event in moved if was != event.subject]
        for now, group in itertools.groupby(sorted(moved, key=_now), key=_now):
            for chunk in _chunks([event.id for _, event in group]):
                self._connection.execute(event_table.update().where(about.id.in_(chunk)).values(subject=now))
        if moved:
            self.derive(lecture, {subject for was, event in moved for subject in (was, event.subject)})
            self.derive_records(lecture, {event.venue for _, event in moved if event.kind == Kind.PRESENCE_CHECK})

    def _events(self, query: sa.Select[tuple[object, ...]]) -> list[Event]:
        return events_of(self._connection, query)

    def paths(self, venues: Iterable[int]) -> dict[int, frozenset[int]]:
        """The venues above each of these, and itself."""
        wanted = set(venues)
        found = self._paths.of(self._connection, wanted)
        return {venue: frozenset(found[venue].values()) for venue in wanted if venue in found}

    def received(self, child: int, after: int, limit: int) -> list[tuple[int, Event]]:
        """(position, event) of what came from a child's subtree, in order, from beyond the position `after`: also what
        came by another way, while the child could not be reached."""
        about, pairs = event_table.c, venue_closure.c
        inside = sa.select(pairs.descendant).where(pairs.ancestor == child)
        query = sa.select(event_table).where(about.received_from.is_not(None), about.position > after)
        query = query.where(sa.or_(about.received_from == child, about.venue.in_(inside)))
        rows = self._connection.execute(query.order_by(about.position).limit(limit)).mappings()
        return [(row["position"], event_of(row)) for row in rows]

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


def events_of(connection: Connection, query: sa.Select[Any]) -> list[Event]:
    """The events of whole rows of the table."""
    return [event_of(row) for row in connection.execute(query).mappings()]


def event_of(row: RowMapping) -> Event:
    """A whole row of the table. Of figures that cannot be read any more there are none: the event is then another one
    than its content hash says."""
    values = {name: row[name] for name in _FIELDS}
    return Event(
        **values | {"kind": kind_of(row["kind"]), "method": method_of(row["method"]), "data": _data(row["data"])}
    )


def _data(text: str | None) -> Data | None:
    try:
        found = None if text is None else json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def is_refusal(error: Exception) -> bool:
    """Whether an event, or a batch because of one of its events, can never be written; a repeat would not help."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return isinstance(error, _REFUSED) or state.startswith(_TOO_LARGE)


def _now(moved: tuple[str, Event]) -> str:
    return moved[1].subject


def _chunks(values: Iterable[T]) -> Iterable[list[T]]:
    remaining = iter(values)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield chunk
