"""Policies, a person's history in a lecture, and corrections, as the API speaks of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from attendance.policy import RANGES, Rules
from web.api.models import In, Out, Text, Timestamp, VenueOut


def _whole(name: str) -> object:
    least, most = RANGES[name]
    return Field(ge=least, le=most)


class RulesIn(In):
    """All that a version settles; docs/organizer.md says it in words. Minutes, percent, days and hours as named;
    `credit_step` in hundredths of a credit hour."""

    late_after_minutes: Annotated[int, _whole("late_after_minutes")]
    early_before_minutes: Annotated[int, _whole("early_before_minutes")]
    tick_counts_whole: bool
    open_stay_counts: bool
    least_minutes: Annotated[int, _whole("least_minutes")]
    least_percent: Annotated[int, _whole("least_percent")]
    hour_minutes: Annotated[int, _whole("hour_minutes")]
    credit_step: Annotated[int, _whole("credit_step")]
    credit_whole: bool
    leave_whenever: bool = Rules().leave_whenever
    leave_hours: Annotated[int, _whole("leave_hours")] = Rules().leave_hours
    makeup_days: Annotated[int, _whole("makeup_days")]
    makeup_percent: Annotated[int, _whole("makeup_percent")]
    absent_after_hours: Annotated[int, _whole("absent_after_hours")]
    year_hours_target: Annotated[int, _whole("year_hours_target")] = Rules().year_hours_target


class PolicyIn(In):
    name: Text
    rules: RulesIn


class PolicyOut(Out):
    version: int
    name: str
    rules: RulesIn
    made_at: Timestamp
    made_by: str


class PolicyList(Out):
    """All versions, the newest first; a new lecture is judged under the newest."""

    policies: list[PolicyOut]


class PolicyChoice(In):
    version: Annotated[int, Field(ge=1, le=1_000_000)]


class CorrectionIn(In):
    """What is stated of a person; `late` and `early` where they were judged wrongly. The reason is demanded."""

    state: Literal["present", "absent", "leave", "makeup"]
    late: bool | None = None
    early: bool | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    event: Annotated[str, Field(max_length=64)] | None = None


class TakeBackIn(In):
    event: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class HistoryEntryOut(Out):
    """One event. `undone`: a later one takes it back; `recorded_at`: when it came to this node; `too_late`: says that
    the person is on leave, and under the lecture's policy that was too late."""

    event: str
    kind: str
    method: str
    at: Timestamp
    clock_offset_ms: int | None
    recorded_at: Timestamp
    venue: VenueOut | None
    operator: str | None
    reason: str | None
    supersedes: str | None
    data: dict[str, int | str | bool]
    undone: bool
    too_late: bool


class HistoryOut(Out):
    """`status`: present, leave, makeup, absent; null: nothing stands. `credit` in hundredths of a credit hour."""

    person: str
    number: str | None
    name: str
    home: VenueOut | None
    status: str | None
    attended_venue: VenueOut | None
    late: bool
    early: bool
    attended: bool
    minutes: int
    credit: int
    policy: int
    entries: list[HistoryEntryOut]
