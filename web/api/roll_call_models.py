"""The roll-call of a venue, as the API speaks of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from web.api.models import In, LectureOut, Out, Timestamp, VenueOut

EventId = Annotated[str, Field(min_length=1, max_length=64)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class PersonRow(Out):
    """One line of the roll-call. `state`: present, signed_out, leave, makeup, absent, or "" while nothing stands;
    `event` is what an undo takes back. `guest`: not on this venue's roster; `elsewhere`: of this roster, and checked in
    at that venue instead. `seen`: at the last presence check. `spellings`: how the name is typed, by initials and in
    full, separated by spaces."""

    person: str | None
    number: str | None
    name: str
    spellings: str
    state: str
    present: bool
    at: Timestamp | None
    until: Timestamp | None
    method: str | None
    event: str | None
    reason: str | None
    late: bool
    seen: bool
    guest: bool
    elsewhere: VenueOut | None = None


class RollCallOut(Out):
    """`headcount`: people counted in the room, null where nobody counted. `check_at`: when the last presence check
    began; `check_open`: people can be marked as seen now; `check_due`: the moment for one has come. The venue's screens
    had picture for `picture_s` seconds and sound for `sound_s` of the `told_s` that they have told of since the lecture
    began."""

    lecture: LectureOut
    venue: VenueOut
    expected: int
    present: int
    leave: int
    headcount: int | None
    headcount_at: Timestamp | None
    check_at: Timestamp | None
    check_open: bool
    check_due: bool
    seen: int
    picture_s: int
    sound_s: int
    told_s: int
    people: list[PersonRow]


class WhoIn(In):
    """`person` of the roster, or `about`: an event of the person meant (a guest may have no number)."""

    person: EventId | None = None
    about: EventId | None = None
    event: EventId | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> WhoIn:
        if (self.person is None) == (self.about is None):
            raise ValueError("give person or about")
        return self


class ReasonedIn(WhoIn):
    reason: Reason


class StatementIn(ReasonedIn):
    """What the operator states of a person, over everything that was ticked."""

    state: Literal["present", "absent", "leave", "makeup"]
    late: bool | None = None
    early: bool | None = None


class ManyIn(In):
    """People of the roster, each with the id of its check-in (a UUIDv7), so that a repeat changes nothing."""

    people: Annotated[list[WhoIn], Field(min_length=1, max_length=500)]


class OneOfMany(Out):
    """`code`: why this one was refused, `message`: the same as a sentence; null: it is on disk, as `event`."""

    person: str | None
    event: str | None
    code: str | None
    message: str | None


class ManyOut(Out):
    results: list[OneOfMany]


class HeadcountIn(In):
    people: Annotated[int, Field(ge=0, le=100_000)]
    event: EventId | None = None


class CheckStartIn(In):
    event: EventId | None = None
