"""What a child sent, read and judged event by event: pure, and quick enough for a whole province at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from attendance.blank import hash_of, stands_for
from attendance.event import Event, EventError, parse, spell
from attendance.results import Outcome, Result


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An event on its way into the log, with its content hash and where it came from (None: captured here)."""

    event: Event
    hash: str
    received_from: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    raw: object
    event: Event | None
    hash: str = ""
    code: str = ""  # why there is no event


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One request of a child; `child` is its venue."""

    items: Sequence[Item]
    child: int


def entry(event: Event, received_from: int | None = None) -> Entry:
    return Entry(event=event, hash=hash_of(event), received_from=received_from)


def read(raw: Sequence[object]) -> list[Item]:
    """Every decoded JSON value as an event or as what is wrong with it."""
    return [_read(obj) for obj in raw]


def _read(obj: object) -> Item:
    try:
        event = parse(obj)
    except EventError as error:
        return Item(raw=obj, event=None, code=error.code)
    if known_as := stands_for(event):
        return Item(raw=obj, event=event, hash=known_as)
    # `parse` takes one spelling only, so what came has the canonical bytes when it is written anew.
    return Item(raw=obj, event=event, hash=hashlib.sha256(spell(obj).encode()).hexdigest())


def judge(
    item: Item, child: int, known: MutableMapping[str, str], paths: Mapping[int, Collection[int]]
) -> tuple[Result, Entry | None]:
    """The answer to one event, and what to write. `known` is content hash by id, of the log and of what this request
    has brought so far (it grows here); `paths` are the venues above each venue and itself."""
    event = item.event
    if event is None:
        return Result(id=None, outcome=Outcome.QUARANTINED, code=item.code), None
    had = known.get(event.id)
    if had == item.hash:
        return Result(id=event.id, outcome=Outcome.DUPLICATE), None
    if had is not None:
        return Result(id=event.id, outcome=Outcome.QUARANTINED, code="content_differs"), None
    if child not in paths.get(event.venue, ()):
        return Result(id=event.id, outcome=Outcome.QUARANTINED, code="venue_outside"), None
    known[event.id] = item.hash
    return Result(id=event.id, outcome=Outcome.ACCEPTED), Entry(event=event, hash=item.hash, received_from=child)
