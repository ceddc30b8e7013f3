"""What must be forgotten, inside one transaction: asked for whenever events are written."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.bearers_store import subject_of
from attendance.blank import AFTER, blanked, is_blank, pseudonym, without_device
from attendance.erasure import Erasure, latest
from attendance.event import Data, Event
from attendance.intake import Entry
from attendance.tables import erasure as table
from attendance.tables import forgotten as forgotten_table
from venues.tables import meta

_CHUNK = 500


def of(connection: Connection, people: Collection[str]) -> dict[str, Erasure]:
    """By person (Event.subject) the erasure that counts."""
    if connection.scalar(sa.select(table.c.id).where(table.c.id > "").limit(1)) is None:  # as a rule nobody is
        return {}
    wanted, found = sorted(people), list[Erasure]()
    for start in range(0, len(wanted), _CHUNK):
        query = sa.select(table).where(table.c.person.in_(wanted[start : start + _CHUNK]))
        found += [Erasure(**row) for row in connection.execute(query).mappings()]
    return latest(found)


def marks(connection: Connection, person: str | None) -> Data:
    """What an event of this person that is written now bears in `data`: that no erasure until now means it."""
    found = of(connection, [person]) if person else {}
    return {AFTER: found[person].id} if person in found else {}


def as_told(connection: Connection, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Events as this node may keep them: without the people who were erased, and without anybody, or any device, where
    the time of the lecture is over."""
    erased = of(connection, {entry.event.subject for entry in entries})
    over = _over(connection, {entry.event.lecture for entry in entries})
    if not erased and not over:
        return entries
    return [
        _told(connection, entry, erased.get(entry.event.subject), over.get(entry.event.lecture)) for entry in entries
    ]


def year_key(year: int) -> str:
    """Under which the key of a year's pseudonyms is kept in `meta`."""
    return f"attendance.forgotten.{year}"


def means(erasure: Erasure | None, event: Event) -> bool:
    """Whether the erasure is of this event, and not of a time before the person came anew."""
    return erasure is not None and (event.data or {}).get(AFTER) != erasure.id


def _told(connection: Connection, entry: Entry, erasure: Erasure | None, over: sa.Row[Any] | None) -> Entry:
    event = entry.event
    if erasure is not None and means(erasure, event):
        event = blanked(event, entry.hash, erasure.pseudonym)
    elif over is not None and over.people_at is not None and not is_blank(event):
        key = connection.scalar(sa.select(meta.c.value).where(meta.c.key == year_key(over.year)))
        subject = subject_of(connection, event.subject)
        event = blanked(event, entry.hash, pseudonym(bytes.fromhex(key), subject) if key else event.id)
    elif over is not None and event.device is not None:
        event = without_device(event, entry.hash)
    return entry if event is entry.event else dataclasses.replace(entry, event=event)


def _over(connection: Connection, lectures: Collection[str]) -> dict[str, sa.Row[Any]]:
    query = sa.select(forgotten_table).where(forgotten_table.c.lecture.in_(sorted(lectures)))
    return {row.lecture: row for row in connection.execute(query)}
