"""The attendance event: what a node wrote down once and every node above it keeps unchanged.

One event is one JSON object on the wire. Parsing is strict (every key present, none unknown, exact types) so that equal
events have equal canonical bytes whoever wrote the JSON, and their SHA-256 tells a repeat from a forgery.

Versions mix: `data` came later and is absent where there is none, so that older events keep their bytes; a kind or a
method that this version does not know is kept as the plain text that it is, stored and handed on, and judged by nobody.
New figures go into `data`; the list of fields is closed. docs/sync.md has the whole format.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar

from venues.errors import TongtangError
from venues.wire import format_time, is_ours, parse_time

Data = Mapping[str, int | str | bool]

DATA_MOST = 32  # entries
DATA_LONGEST = 500  # characters of a text in it
CARD = "card"  # key in it: the number of a badge, 19 digits as text (beyond 2^53, which JSON numbers need not keep)
_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,15}")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
_HASH = re.compile(r"[0-9a-f]{64}")
_UNPLAIN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # the categories Cc and Cs of Unicode


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
    __hash__ = str.__hash__  # an enum's own is a line of Python, and goes by the name

    CHECK_IN = "check_in"
    UNDO = "undo"  # takes back the event `supersedes`
    SIGN_OUT = "sign_out"  # leaves; may check in again
    LEAVE = "leave"  # is excused (请假), with a reason
    PRESENCE_CHECK = "presence_check"  # a person was seen at this moment; without a person: a check was held
    CORRECTION = "correction"  # what operator or organizer states of a person: data.state, with a reason
    HEADCOUNT = "headcount"  # people counted in the room: data.people
    PICTURE = "picture"  # seconds of picture and sound in an interval: data.from_ms, until_ms, picture_s, sound_s
    CLOSE = "close"  # the venue hands its attendance in: data.count and data.hash over all that its node wrote before
    REOPEN = "reopen"  # and takes it up again


class Method(enum.StrEnum):
    __hash__ = str.__hash__

    ROLL_CALL = "roll_call"  # the operator's tick
    WALK_IN = "walk_in"
    CODE = "code"  # the rotating code of the venue's screen, scanned
    BADGE = "badge"  # a signed card read by the operator
    KIOSK = "kiosk"  # a signed card read by a machine at the door
    ROOT_CODE = "root_code"  # a code signed by the venue's node, taken by a node above that the phone could reach
    SCREEN = "screen"  # told by the venue's screen
    DESK = "desk"  # by an organizer at a desk
    NODE = "node"  # by the program itself


# Of the venue, not of a person: `person` and `number` null, `name` empty.
VENUE_KINDS = frozenset({Kind.HEADCOUNT, Kind.PICTURE, Kind.CLOSE, Kind.REOPEN})
# What `data` must hold; anything more is allowed.
_NEEDED: Mapping[str, Mapping[str, type]] = {
    Kind.HEADCOUNT: {"people": int},
    Kind.PICTURE: {"from_ms": int, "until_ms": int, "picture_s": int, "sound_s": int},
    Kind.CLOSE: {"count": int, "hash": str},
    Kind.CORRECTION: {"state": str},
}


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
    name: str  # empty where the event is of the venue
    kind: str  # a Kind, or the word of a newer version
    method: str  # likewise a Method
    captured_at: dt.datetime  # UTC, whole milliseconds, the node's clock as it was
    monotonic_ms: int  # since boot_id's boot
    boot_id: str
    clock_offset_ms: int | None  # the parent's clock minus ours; None: never measured
    clock_uncertainty_ms: int | None
    device: str | None
    operator: str | None
    supersedes: str | None  # the event that an undo takes back or a correction replaces
    reason: str | None
    # Figures of the kind: flat, never empty. `guest`: the subject of the guest without a number that it is about;
    # `card`: the badge that was shown, the only name of somebody whose card is not known where it was shown.
    data: Data | None = field(default=None, hash=False)

    @property
    def subject(self) -> str:
        """Whom the event is about: the person, or a guest without a number by the guest's own check-in or by the card
        that was shown ("card:" and its number), or the venue ("venue:" and its id)."""
        if self.person:
            return self.person
        if self.data and "guest" in self.data:
            return str(self.data["guest"])
        if self.name and self.data and CARD in self.data:
            return f"{CARD}:{self.data[CARD]}"
        return (self.supersedes or self.id) if self.name else f"venue:{self.venue}"


def parse(obj: object) -> Event:
    """Read one event from decoded JSON; raises EventError (its `code` says what is wrong, `fields["field"]` where)."""
    if not isinstance(obj, dict):
        raise EventNotObject(field="")
    if obj.keys() != _FIRST_FIELDS:
        for name in _FIRST:
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
        name=_text(obj, "name", 200, least=0),
        kind=_word(_KINDS, obj, "kind"),
        method=_word(_METHODS, obj, "method"),
        captured_at=_time(obj, "captured_at"),
        monotonic_ms=_whole(obj, "monotonic_ms", 0),
        boot_id=_text(obj, "boot_id"),
        clock_offset_ms=_optional_whole(obj, "clock_offset_ms", -_INT64_MAX),
        clock_uncertainty_ms=_optional_whole(obj, "clock_uncertainty_ms", 0),
        device=_optional_text(obj, "device"),
        operator=_optional_text(obj, "operator"),
        supersedes=None if obj["supersedes"] is None else _uuid(obj, "supersedes"),
        reason=_optional_text(obj, "reason", 1000),
        data=_data(obj["data"]) if "data" in obj else None,
    )
    _check(event)
    return event


def _check(event: Event) -> None:
    """What each kind demands beyond the fields."""
    kind = event.kind
    if kind in (Kind.CHECK_IN, Kind.UNDO) and (kind == Kind.UNDO) != (event.supersedes is not None):
        raise EventFieldInvalid(field="supersedes")
    if kind == Kind.CHECK_IN and not event.name:
        raise EventFieldInvalid(field="name")
    if kind in VENUE_KINDS:
        for name in ("person", "number", "name"):
            if getattr(event, name):
                raise EventFieldInvalid(field=name)
    for key, type_ in _NEEDED.get(kind, {}).items():
        value = (event.data or {}).get(key)
        if type(value) is not type_ or (isinstance(value, int) and value < 0):
            raise EventFieldInvalid(field="data")
    if not _HASH.fullmatch(str((event.data or {}).get("erased", "0" * 64))):  # attendance.blank
        raise EventFieldInvalid(field="data")


def to_wire(event: Event) -> dict[str, object]:
    """The event as a JSON object: `parse(to_wire(event)) == event`."""
    wire = {name: getattr(event, name) for name in _FIRST}
    wire["kind"], wire["method"] = str(event.kind), str(event.method)
    wire["captured_at"] = format_time(event.captured_at)
    if event.data is not None:
        wire["data"] = dict(event.data)
    return wire


def canonical(event: Event) -> bytes:
    """The one byte string of an event: UTF-8 JSON, keys sorted, no spaces (RFC 8785 for strings and integers)."""
    return spell(to_wire(event)).encode()


# One encoder for all: json.dumps makes a new one for each call with options.
spell = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode


def data_text(event: Event) -> str | None:
    """`data` in its one spelling, for a database."""
    if event.data is None:
        return None
    return spell(dict(event.data))


def kind_of(word: str) -> str:
    """The Kind of that name, or the word itself."""
    return _KINDS.get(word, word)


def method_of(word: str) -> str:
    return _METHODS.get(word, word)


def content_hash(event: Event) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(event)).hexdigest()


def is_plain(text: str) -> bool:
    """No control character (PostgreSQL refuses NUL) and no lone surrogate (UTF-8 has none)."""
    return not _UNPLAIN.search(text)


_FIELDS = tuple(field.name for field in fields(Event))
_FIRST = tuple(name for name in _FIELDS if name != "data")  # those of the first version, which every event has
_FIRST_FIELDS = frozenset(_FIRST)
_KINDS: Mapping[str, str] = {kind.value: kind for kind in Kind}
_METHODS: Mapping[str, str] = {method.value: method for method in Method}


def _text(obj: dict[str, object], name: str, longest: int = 100, *, least: int = 1) -> str:
    value = obj[name]
    if not isinstance(value, str) or not least <= len(value) <= longest or _UNPLAIN.search(value):
        raise EventFieldInvalid(field=name)
    return value


def _optional_text(obj: dict[str, object], name: str, longest: int = 100) -> str | None:
    return None if obj[name] is None else _text(obj, name, longest)


def _uuid(obj: dict[str, object], name: str) -> str:
    value = obj[name]
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise EventFieldInvalid(field=name)
    return value


def _whole(obj: dict[str, object], name: str, least: int, most: int = _INT64_MAX) -> int:
    value = obj[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise EventFieldInvalid(field=name)
    return value


def _optional_whole(obj: dict[str, object], name: str, least: int) -> int | None:
    return None if obj[name] is None else _whole(obj, name, least)


def _word(known: Mapping[str, str], obj: dict[str, object], name: str) -> str:
    value = obj[name]
    if isinstance(value, str):
        if value in known:
            return known[value]
        if _WORD.fullmatch(value):
            return value
    raise EventFieldInvalid(field=name)


def _data(value: object) -> Data:
    if not isinstance(value, dict) or not 1 <= len(value) <= DATA_MOST:
        raise EventFieldInvalid(field="data")
    for key, entry in value.items():
        match entry:
            case bool():
                fits = True
            case int():
                fits = -_INT64_MAX <= entry <= _INT64_MAX
            case str():
                fits = len(entry) <= DATA_LONGEST and is_plain(entry)
            case _:
                fits = False
        if not fits or not isinstance(key, str) or not _KEY.fullmatch(key):
            raise EventFieldInvalid(field="data")
    return dict(value)


def _time(obj: dict[str, object], name: str) -> dt.datetime:
    text = _text(obj, name)
    if not is_ours(text):  # one spelling only
        raise EventFieldInvalid(field=name)
    try:
        return parse_time(text)
    except ValueError as error:
        raise EventFieldInvalid(field=name) from error
