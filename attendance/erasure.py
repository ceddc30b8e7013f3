"""Who is to be forgotten, as it goes down the tree: pure (docs/privacy.md)."""

from __future__ import annotations

import datetime as dt
import enum
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from venues.errors import TongtangError
from venues.wire import format_time, parse_time

_CARD = re.compile(r"card:[0-9]{19}")


class NobodyToErase(TongtangError):
    """Nothing is known here of this person."""

    code: ClassVar[str] = "nobody_to_erase"
    status: ClassVar[int] = 404


class ErasedAtRoot(TongtangError):
    """A person is erased at the venue at the top; from there it reaches every node."""

    code: ClassVar[str] = "erased_at_root"
    status: ClassVar[int] = 409


class Reason(enum.StrEnum):
    REQUEST = "request"  # the person asked for it
    LEFT = "left"  # has left the organization
    MISTAKE = "mistake"  # should never have been entered
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Erasure:
    id: str  # UUIDv7: of a person's erasures the last one counts
    person: str  # Event.subject: what the events of the person are known by; each of the person's badges has its own
    pseudonym: str  # what stands in its place, the same at every node and for every erasure of the person
    requested_at: dt.datetime
    requested_by: str | None = None  # at the root alone, as the reason
    reason: str | None = None
    applied_at: dt.datetime | None = None  # at this node


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """Somebody whom every store of this node forgets now. `numbers` and `names` are those that are known here."""

    person: str
    pseudonym: str
    numbers: frozenset[str]
    names: frozenset[str]


def latest(erasures: Iterable[Erasure]) -> dict[str, Erasure]:
    """By person the erasure that counts."""
    return {one.person: one for one in sorted(erasures, key=lambda one: one.id)}


def to_wire(erasure: Erasure) -> dict[str, object]:
    """Without who asked and why: that stays at the root."""
    return {
        "id": erasure.id,
        "person": erasure.person,
        "pseudonym": erasure.pseudonym,
        "requested_at": format_time(erasure.requested_at),
    }


def from_wire(obj: Mapping[str, object]) -> Erasure:
    """Raises KeyError, ValueError."""
    return Erasure(
        id=str(uuid.UUID(str(obj["id"]))),
        person=_subject(obj["person"]),
        pseudonym=str(uuid.UUID(str(obj["pseudonym"]))),
        requested_at=parse_time(obj["requested_at"]),
    )


def _subject(value: object) -> str:
    return str(value) if _CARD.fullmatch(str(value)) else str(uuid.UUID(str(value)))
