"""What to write down when somebody checks in, is ticked or is taken back: pure decisions, no clock, no store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from attendance.event import CARD, VENUE_KINDS, Data, Event, Kind, Method
from attendance.lectures import Lecture, LectureUnknown
from attendance.people import NAME_LONGEST, NUMBER_LONGEST, Person, clean_name, clean_number, person_id, same_name
from attendance.presence import by_kind, counting, is_present, standing, undone
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


class OrganizerSaysOtherwise(TongtangError):
    """The organizer has corrected what is said of this person here; only the organizer can change it."""

    code: ClassVar[str] = "organizer_says_otherwise"
    status: ClassVar[int] = 409


class NotCheckedIn(TongtangError):
    """There is no check-in here that could be taken back."""

    code: ClassVar[str] = "not_checked_in"
    status: ClassVar[int] = 409


class ReasonMissing(TongtangError):
    """A reason is needed."""

    code: ClassVar[str] = "reason_missing"
    status: ClassVar[int] = 422


class AttendanceClosed(TongtangError):
    """The attendance of this venue has been closed and handed in; open it again first."""

    code: ClassVar[str] = "attendance_closed"
    status: ClassVar[int] = 409


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What somebody asks the node to write down; see `Event` for the fields. `about`: an event of the person meant,
    which is the only name of a guest without a number."""

    lecture: str
    venue: int
    kind: str
    method: str
    person: str | None = None
    number: str | None = None
    name: str | None = None
    operator: str | None = None
    device: str | None = None
    supersedes: str | None = None
    reason: str | None = None
    about: str | None = None
    data: Data | None = None


@dataclass(frozen=True, kw_only=True)
class Attendee:
    person: str | None  # None: a guest without a number
    number: str | None
    name: str
    guest: str | None = None  # Event.subject of a guest without a number


NOBODY = Attendee(person=None, number=None, name="")
_NEED_A_REASON = frozenset({Kind.LEAVE, Kind.CORRECTION})
_AFTER_CLOSING = frozenset({Kind.PICTURE, Kind.CORRECTION, Kind.CLOSE, Kind.REOPEN})


def of_screen(lecture: str, venue: int, data: Data) -> Draft:
    """What the venue's screens told."""
    return Draft(lecture=lecture, venue=venue, kind=Kind.PICTURE, method=Method.SCREEN, data=data)


def of_venue(draft: Draft) -> bool:
    """Whether it speaks of the venue and not of a person; a presence check may be either."""
    someone = draft.person or draft.number or draft.name or draft.about
    return draft.kind in VENUE_KINDS or (draft.kind == Kind.PRESENCE_CHECK and not someone)


def same_as(event: Event) -> Attendee:
    """Whom a known event is about."""
    guest = None if event.person else event.subject
    return Attendee(person=event.person, number=event.number, name=event.name, guest=guest)


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
        if (
            typed_by_hand
            and (name or draft.method in (Method.CODE, Method.ROOT_CODE))
            and not same_name(name, known.name)
        ):
            raise NameMismatch
        return Attendee(person=known.id, number=known.number, name=known.name)
    if draft.data and CARD in draft.data and not (draft.person or number):
        return Attendee(person=None, number=None, name=name, guest=f"{CARD}:{draft.data[CARD]}")
    if draft.person or draft.method == Method.ROLL_CALL:
        raise PersonUnknown
    if draft.method != Method.WALK_IN and not number:
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

    `events` are all events of this person in this lecture in the order in which they came here. Somebody who checked in
    elsewhere, signed out, or of whom the operator said that they were not there, may check in. Raises
    OrganizerSaysOtherwise, LectureUnknown, LectureOver.
    """
    here, said = _stays(draft, events)[-1], by_kind(events)
    correction = counting(said.get(Kind.CORRECTION, []), said.get(Kind.CHECK_IN, []))
    if correction is not None and not is_present(correction):
        if correction.method == Method.DESK:
            raise OrganizerSaysOtherwise
    elif here:
        return here[0]
    if lecture is None:
        raise LectureUnknown(lecture=draft.lecture)
    if lecture.ended_at is not None and now > lecture.ended_at + OVER_AFTER:
        raise LectureOver(hours=OVER_AFTER // dt.timedelta(hours=1))
    return None


def sign_out(draft: Draft, events: Sequence[Event]) -> Event | None:
    """The sign-out that stands at this venue already, or None: write one. Raises NotCheckedIn."""
    last = next(reversed(_moves(draft, events)), None)
    if last is None:
        raise NotCheckedIn
    return last if last.kind == Kind.SIGN_OUT else None


def leave(draft: Draft, events: Sequence[Event]) -> Event | None:
    """The leave for the same reason that stands already, or None: write one."""
    for event in standing(events, Kind.LEAVE):
        if event.reason == draft.reason:
            return event
    return None


def undo(draft: Draft, events: Sequence[Event]) -> Event | list[Event]:
    """What to take back, or the undo that has done so already. Raises NotCheckedIn, ReasonMissing.

    `events` as in `check_in`. A tick means the whole stay: all check-ins at this venue up to the sign-out that
    followed, which stands and says nothing any more.
    """
    for target in events:
        if target.id == draft.supersedes and target.kind not in (Kind.CHECK_IN, Kind.UNDO):
            takes_back = [event for event in events if event.kind == Kind.UNDO and event.supersedes == target.id]
            if takes_back:
                return takes_back[0]
            check_reason(draft, target.kind)
            return [target]
    stays = _stays(draft, events)
    wanted = [stay for stay in stays if any(event.id == draft.supersedes for event in stay)]
    stay = stays[-1] if draft.supersedes is None else next(iter(wanted), [])
    if stay:
        return stay
    for event in events:
        if event.venue == draft.venue and event.kind == Kind.UNDO and draft.supersedes in (None, event.supersedes):
            return event
    raise NotCheckedIn


def check_open(draft: Draft, closed: bool) -> None:
    """Raises AttendanceClosed for what may not be written of a venue that has handed its attendance in. What the
    organizer says at the desk may: it is then that corrections, and taking one back, are the organizer's."""
    if closed and draft.kind not in _AFTER_CLOSING and draft.method not in (Method.ROOT_CODE, Method.DESK):
        raise AttendanceClosed


def check_reason(draft: Draft, kind: str) -> None:
    """For an event of this kind, or for taking one back. Raises ReasonMissing."""
    if kind in _NEED_A_REASON and not (draft.reason or "").strip():
        raise ReasonMissing


def _moves(draft: Draft, events: Sequence[Event]) -> list[Event]:
    """The check-ins and sign-outs at this venue that no undo takes back."""
    gone = undone(events)
    moves = (Kind.CHECK_IN, Kind.SIGN_OUT)
    return [event for event in events if event.venue == draft.venue and event.kind in moves and event.id not in gone]


def _stays(draft: Draft, events: Sequence[Event]) -> list[list[Event]]:
    """The check-ins between sign-outs; the last of them empty when the person is not here."""
    stays: list[list[Event]] = [[]]
    for event in _moves(draft, events):
        if event.kind == Kind.CHECK_IN:
            stays[-1].append(event)
        else:
            stays.append([])
    return stays
