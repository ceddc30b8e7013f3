"""What to write down when somebody checks in, is ticked or is taken back: pure decisions, no clock, no store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from attendance.event import Event, Kind, Method
from attendance.lectures import Lecture, LectureUnknown
from attendance.people import NAME_LONGEST, NUMBER_LONGEST, Person, clean_name, clean_number, person_id, same_name
from attendance.presence import standing
from venues.errors import TongtangError

OVER_AFTER = dt.timedelta(hours=12)  # a village may tick its list in the evening


class NameMismatch(TongtangError):
    """The name does not belong to this number."""

    code: ClassVar[str] = "name_mismatch"
    status: ClassVar[int] = 409


class NameMissing(TongtangError):
    """A name is needed."""

    code: ClassVar[str] = "name_missing"
    status: ClassVar[int] = 422


class NameTooLong(TongtangError):
    """A name has at most {longest} characters."""

    code: ClassVar[str] = "name_too_long"
    status: ClassVar[int] = 422


class NumberMissing(TongtangError):
    """A number is needed."""

    code: ClassVar[str] = "number_missing"
    status: ClassVar[int] = 422


class NumberTooLong(TongtangError):
    """A number has at most {longest} characters."""

    code: ClassVar[str] = "number_too_long"
    status: ClassVar[int] = 422


class PersonUnknown(TongtangError):
    """This person is not on the roster here."""

    code: ClassVar[str] = "person_unknown"
    status: ClassVar[int] = 404


class LectureOver(TongtangError):
    """The lecture ended more than {hours} hours ago; nobody can be checked in any more."""

    code: ClassVar[str] = "lecture_over"
    status: ClassVar[int] = 409


class NotCheckedIn(TongtangError):
    """There is no check-in here that could be taken back."""

    code: ClassVar[str] = "not_checked_in"
    status: ClassVar[int] = 409


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What somebody asks the node to write down; see `Event` for the fields."""

    lecture: str
    venue: int
    kind: Kind
    method: Method
    person: str | None = None
    number: str | None = None
    name: str | None = None
    operator: str | None = None
    device: str | None = None
    supersedes: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Attendee:
    person: str | None  # None: a guest without a number
    number: str | None
    name: str


def key(draft: Draft) -> str | None:
    """The person id that the draft speaks of, None for a guest without a number."""
    if draft.person:
        return draft.person
    number = clean_number(draft.number or "")
    return person_id(number) if number else None


def attendee(draft: Draft, known: Person | None) -> Attendee:
    """Who is checked in, where `known` is the roster's entry for `key(draft)`; raises what the page must show."""
    name, number = clean_name(draft.name or ""), clean_number(draft.number or "")
    if known is not None:
        typed_by_hand = draft.person is None
        if typed_by_hand and (name or draft.method is Method.CODE) and not same_name(name, known.name):
            raise NameMismatch
        return Attendee(person=known.id, number=known.number, name=known.name)
    if draft.person or draft.method is Method.ROLL_CALL:
        raise PersonUnknown
    if draft.method is not Method.WALK_IN and not number:
        raise NumberMissing
    if len(number) > NUMBER_LONGEST:
        raise NumberTooLong(longest=NUMBER_LONGEST)
    if not name:
        raise NameMissing
    if len(name) > NAME_LONGEST:
        raise NameTooLong(longest=NAME_LONGEST)
    return Attendee(person=key(draft), number=number or None, name=name)


def check_in(draft: Draft, lecture: Lecture | None, events: Sequence[Event], now: dt.datetime) -> Event | None:
    """The check-in that stands at this venue already (the first one stands), or None: write a new one.

    `events` are all events of this person in this lecture. Somebody who checked in elsewhere may check in here too.
    """
    here = [event for event in standing(events) if event.venue == draft.venue]
    if here:
        return here[0]
    if lecture is None:
        raise LectureUnknown(lecture=draft.lecture)
    if lecture.ended_at is not None and now > lecture.ended_at + OVER_AFTER:
        raise LectureOver(hours=OVER_AFTER // dt.timedelta(hours=1))
    return None


def undo(draft: Draft, events: Sequence[Event]) -> Event | list[Event]:
    """The check-ins to take back (all that stand at this venue), or the undo that has done so already.

    `events` are all events of this person in this lecture.
    """
    here = [event for event in events if event.venue == draft.venue]
    stand = [event for event in standing(events) if event.venue == draft.venue]
    if stand and (draft.supersedes is None or any(event.id == draft.supersedes for event in stand)):
        return stand
    for event in here:
        if event.kind is Kind.UNDO and draft.supersedes in (None, event.supersedes):
            return event
    raise NotCheckedIn
