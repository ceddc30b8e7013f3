"""The attendance event: what a node wrote down once and every node above it keeps unchanged.

One event is one JSON object on the wire. Parsing is strict (every key present, none unknown, exact types) so that equal
events have equal canonical bytes whoever wrote the JSON, and their SHA-256 tells a repeat from a forgery.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
import unicodedata
import uuid
from dataclasses import dataclass, fields
from typing import ClassVar, TypeVar

from venues.errors import TongtangError
from venues.wire import format_time, parse_time

_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1
E = TypeVar("E", bound=enum.StrEnum)


class EventError(TongtangError):
    """The event cannot be read: {field}."""

    code: ClassVar[str] = "event_malformed"
    status: ClassVar[int] = 422


class EventNotObject(EventError):
    """An event must be a JSON object."""

    code: ClassVar[str] = "event_not_object"


class EventFieldMissing(EventError):
    """The event has no field "{field}"."""

    code: ClassVar[str] = "event_field_missing"


class EventFieldUnknown(EventError):
    """The event has a field "{field}" that no event has."""

    code: ClassVar[str] = "event_field_unknown"


class EventFieldInvalid(EventError):
    """The field "{field}" of the event does not hold what it must hold."""

    code: ClassVar[str] = "event_field_invalid"


class Kind(enum.StrEnum):
    CHECK_IN = "check_in"
    UNDO = "undo"


class Method(enum.StrEnum):
    ROLL_CALL = "roll_call"
    WALK_IN = "walk_in"
    CODE = "code"
    BADGE = "badge"


@dataclass(frozen=True, kw_only=True)
class Event:
    id: str  # UUIDv7, made at capture
    node: str
    epoch: int  # one per database of that node
    seq: int  # 1, 2, 3… without a gap per (node, epoch)
    lecture: str
    venue: int  # where the person was
    person: str | None  # None: a guest without a number
    number: str | None
    name: str
    kind: Kind
    method: Method
    captured_at: dt.datetime  # UTC, whole milliseconds, the node's clock as it was
    monotonic_ms: int  # since boot_id's boot
    boot_id: str
    clock_offset_ms: int | None  # the parent's clock minus ours; None: never measured
    clock_uncertainty_ms: int | None
    device: str | None
    operator: str | None
    supersedes: str | None  # the check-in that an undo takes back
    reason: str | None

    @property
    def subject(self) -> str:
        """Whom the event is about: the person, or for a guest without a number the guest's own check-in."""
        return self.person or self.supersedes or self.id


def parse(obj: object) -> Event:
    """Read one event from decoded JSON; raises EventError (its `code` says what is wrong, `fields["field"]` where)."""
    if not isinstance(obj, dict):
        raise EventNotObject(field="")
    for name in _FIELDS:
        if name not in obj:
            raise EventFieldMissing(field=name)
    for name in obj:
        if name not in _FIELDS:
            raise EventFieldUnknown(field=str(name)[:64])
    event = Event(
        id=_uuid(obj, "id"),
        node=_text(obj, "node"),
        epoch=_whole(obj, "epoch", 0),
        seq=_whole(obj, "seq", 1),
        lecture=_text(obj, "lecture"),
        venue=_whole(obj, "venue", 1, _INT32_MAX),
        person=_optional_text(obj, "person"),
        number=_optional_text(obj, "number"),
        name=_text(obj, "name", 200),
        kind=_choice(Kind, obj, "kind"),
        method=_choice(Method, obj, "method"),
        captured_at=_time(obj, "captured_at"),
        monotonic_ms=_whole(obj, "monotonic_ms", 0),
        boot_id=_text(obj, "boot_id"),
        clock_offset_ms=_optional_whole(obj, "clock_offset_ms", -_INT64_MAX),
        clock_uncertainty_ms=_optional_whole(obj, "clock_uncertainty_ms", 0),
        device=_optional_text(obj, "device"),
        operator=_optional_text(obj, "operator"),
        supersedes=None if obj["supersedes"] is None else _uuid(obj, "supersedes"),
        reason=_optional_text(obj, "reason", 1000),
    )
    if (event.kind is Kind.UNDO) != (event.supersedes is not None):
        raise EventFieldInvalid(field="supersedes")
    return event


def to_wire(event: Event) -> dict[str, object]:
    """The event as a JSON object: `parse(to_wire(event)) == event`."""
    wire = {name: getattr(event, name) for name in _FIELDS}
    return wire | {
        "kind": event.kind.value,
        "method": event.method.value,
        "captured_at": format_time(event.captured_at),
    }


def canonical(event: Event) -> bytes:
    """The one byte string of an event: UTF-8 JSON, keys sorted, no spaces (RFC 8785 for strings and integers)."""
    return json.dumps(to_wire(event), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def content_hash(event: Event) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(event)).hexdigest()


_FIELDS = tuple(field.name for field in fields(Event))


def _text(obj: dict[str, object], name: str, longest: int = 100) -> str:
    value = obj[name]
    if not isinstance(value, str) or not 1 <= len(value) <= longest or not is_plain(value):
        raise EventFieldInvalid(field=name)
    return value


def is_plain(text: str) -> bool:
    """No control character (PostgreSQL refuses NUL) and no lone surrogate (UTF-8 has none)."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _optional_text(obj: dict[str, object], name: str, longest: int = 100) -> str | None:
    return None if obj[name] is None else _text(obj, name, longest)


def _uuid(obj: dict[str, object], name: str) -> str:
    text = _text(obj, name)
    try:
        canonical_text = str(uuid.UUID(text))
    except ValueError as error:
        raise EventFieldInvalid(field=name) from error
    if canonical_text != text:
        raise EventFieldInvalid(field=name)
    return text


def _whole(obj: dict[str, object], name: str, least: int, most: int = _INT64_MAX) -> int:
    value = obj[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise EventFieldInvalid(field=name)
    return value


def _optional_whole(obj: dict[str, object], name: str, least: int) -> int | None:
    return None if obj[name] is None else _whole(obj, name, least)


def _choice(choices: type[E], obj: dict[str, object], name: str) -> E:
    try:
        return choices(_text(obj, name))
    except ValueError as error:
        raise EventFieldInvalid(field=name) from error


def _time(obj: dict[str, object], name: str) -> dt.datetime:
    text = _text(obj, name)
    try:
        time = parse_time(text)
    except ValueError as error:
        raise EventFieldInvalid(field=name) from error
    if format_time(time) != text:  # one spelling only
        raise EventFieldInvalid(field=name)
    return time
