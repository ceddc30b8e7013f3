"""What stays of an event when it must not say any more whom it is about: pure (docs/privacy.md, docs/sync.md).

The event stays where it is, with its id, numbers, times, venue and kind; the person becomes a pseudonym. `data.erased`
then bears the content hash of what was written first, and counts as the content hash at every node: so marks, closings
and repeats stay as they were, whoever has blanked already and whoever has not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping

from attendance.event import CARD, DATA_MOST, Data, Event, content_hash, is_plain
from attendance.people import person_id

ERASED = "erased"  # in `data`: the content hash of what was written first
HOME = "home"  # in `data`: the venue where the person was at home, for the counts
AFTER = "after_erasure"  # in `data`: written by a node that knew of this erasure, so not meant by it
SOMEBODY = "—"  # the name of whoever has none any more
_WORDS = frozenset({"state", "guest", "count", "hash", ERASED})  # texts that say nothing of a person
_PLACE = frozenset({"id", "node", "epoch", "seq", "lecture", "venue", "supersedes"})
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_blank(event: Event) -> bool:
    named = event.number or event.device or event.operator or event.reason or by_card(event)
    return event.name in ("", SOMEBODY) and not named


def by_card(event: Event) -> bool:
    """Whether it names a badge and no person."""
    return event.subject.startswith(f"{CARD}:")


def blanked(event: Event, hash_: str, pseudonym: str, home: int | None = None) -> Event:
    """The event of content hash `hash_` without anything that says who it was. A guest without a number stays known by
    the guest's own check-in, the venue by itself; everybody else, whoever showed a badge too, by the pseudonym."""
    return dataclasses.replace(
        event,
        person=pseudonym if event.person or by_card(event) else None,
        number=None,
        name=SOMEBODY if event.name else "",
        device=None,
        operator=None,
        reason=None,
        data=_data(event, hash_, home),
    )


def without_device(event: Event, hash_: str) -> Event:
    """The event as it is, but not by which telephone or machine."""
    return dataclasses.replace(event, device=None, data=dict(event.data or {}) | {ERASED: hash_})


def stands_for(event: Event) -> str | None:
    """The content hash that a blanked event bears; None: its own counts."""
    found = (event.data or {}).get(ERASED)
    return found if isinstance(found, str) else None


def hash_of(event: Event) -> str:
    """The content hash under which an event is known."""
    return stands_for(event) or content_hash(event)


def pseudonym(key: bytes, subject: str) -> str:
    """The same for the same person and key, and nothing that leads back without the key."""
    return str(uuid.UUID(bytes=hmac.digest(key, subject.encode(), hashlib.sha256)[:16], version=4))


def subjects_in(raw: object) -> set[str]:
    """Every text in what a child sent that may be a person's id, a guest's or a number: as an erasure would name it."""
    found: set[str] = set()
    values = list(raw.values()) if isinstance(raw, Mapping) else [raw]
    while values:
        match values.pop():
            case str() as text if is_plain(text):
                found |= {text, person_id(text)}
            case Mapping() as inner:
                values += inner.values()
            case list() as inner:
                values += inner
    return found


def blanked_raw(raw: object) -> object:
    """What stays of something that is not even an event: numbers and ids of events, lectures and nodes."""
    kept = raw.items() if isinstance(raw, dict) else ()
    plain = {key: value for key, value in kept if key in _PLACE and (isinstance(value, int) or is_id(value))}
    return plain | {ERASED: True}


def is_id(value: object) -> bool:
    """A UUID in its one spelling, which nobody's name is."""
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


def _data(event: Event, hash_: str, home: int | None) -> Data:
    figures = {
        key: value
        for key, value in sorted((event.data or {}).items())
        if key != CARD and (key in _WORDS or not isinstance(value, str)) and not (key == "guest" and by_card(event))
    }
    if home is not None:
        figures.setdefault(HOME, home)
    first = dict(list(figures.items())[: DATA_MOST - 1])
    return first | {ERASED: figures.get(ERASED, hash_)}
