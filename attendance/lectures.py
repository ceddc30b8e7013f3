"""Lectures and the states that they go through."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from attendance.event import is_plain
from venues.errors import TongtangError
from venues.wire import format_time, parse_time


class LectureUnknown(TongtangError):
    """There is no lecture {lecture} here."""

    code: ClassVar[str] = "lecture_unknown"
    status: ClassVar[int] = 404


class LectureElsewhere(TongtangError):
    """The lecture is run by a venue above; start and stop it there."""

    code: ClassVar[str] = "lecture_elsewhere"
    status: ClassVar[int] = 409


class LectureTransitionRefused(TongtangError):
    """A lecture that is {state} cannot become {wanted}."""

    code: ClassVar[str] = "lecture_transition_refused"
    status: ClassVar[int] = 409


class LectureNotStarted(LectureTransitionRefused):
    """The lecture has not been started."""

    code: ClassVar[str] = "lecture_not_started"


class LectureTitleInvalid(TongtangError):
    """A lecture's title must have 1 to {longest} characters on one line."""

    code: ClassVar[str] = "lecture_title_invalid"
    status: ClassVar[int] = 422


class LectureState(enum.StrEnum):
    PLANNED = "planned"
    LIVE = "live"
    ENDED = "ended"


# A lecture that somebody stopped by mistake may go on.
TRANSITIONS: Mapping[LectureState, frozenset[LectureState]] = {
    LectureState.PLANNED: frozenset({LectureState.LIVE}),
    LectureState.LIVE: frozenset({LectureState.ENDED}),
    LectureState.ENDED: frozenset({LectureState.LIVE}),
}
TITLE_LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Lecture:
    id: str  # UUIDv7
    title: str
    venue_id: int  # the lecture is for this venue and all below it
    starts_at: dt.datetime | None = None  # as planned
    state: LectureState = LectureState.PLANNED
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    policy: int | None = None  # the version that it is judged under; None: the first


def moved(lecture: Lecture, wanted: LectureState, now: dt.datetime) -> Lecture:
    """The lecture in the wanted state; itself when it is there already (a repeat is a success)."""
    if lecture.state is wanted:
        return lecture
    if (lecture.state, wanted) == (LectureState.PLANNED, LectureState.ENDED):
        raise LectureNotStarted
    if wanted not in TRANSITIONS[lecture.state]:
        raise LectureTransitionRefused(state=lecture.state.value, wanted=wanted.value)
    if wanted is LectureState.LIVE:
        return dataclasses.replace(lecture, state=wanted, started_at=lecture.started_at or now, ended_at=None)
    return dataclasses.replace(lecture, state=wanted, ended_at=now)


def clean_title(title: str) -> str:
    """White space at the ends removed and inside made one space; raises LectureTitleInvalid."""
    title = " ".join(title.split())
    if not 1 <= len(title) <= TITLE_LONGEST or not is_plain(title):
        raise LectureTitleInvalid(longest=TITLE_LONGEST)
    return title


def to_wire(lecture: Lecture) -> dict[str, object]:
    return {
        "id": lecture.id,
        "title": lecture.title,
        "venue_id": lecture.venue_id,
        "starts_at": _time_text(lecture.starts_at),
        "state": lecture.state.value,
        "started_at": _time_text(lecture.started_at),
        "ended_at": _time_text(lecture.ended_at),
        "policy": lecture.policy,
    }


def from_wire(obj: Mapping[str, object]) -> Lecture:
    """Read a lecture that our parent sent; raises KeyError or ValueError where it is malformed."""
    return Lecture(
        id=str(uuid.UUID(str(obj["id"]))),
        title=clean_title(str(obj["title"])),
        venue_id=int(str(obj["venue_id"])),
        starts_at=_time(obj["starts_at"]),
        state=LectureState(str(obj["state"])),
        started_at=_time(obj["started_at"]),
        ended_at=_time(obj["ended_at"]),
        policy=None if obj.get("policy") is None else int(str(obj["policy"])),  # an older parent sends none
    )


def _time_text(at: dt.datetime | None) -> str | None:
    return None if at is None else format_time(at)


def _time(value: object) -> dt.datetime | None:
    return None if value is None else parse_time(value)
