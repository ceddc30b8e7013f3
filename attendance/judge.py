"""What a person's events in one lecture amount to, under one policy: a pure function of the *set* of events.

In whatever order, however often and by whatever way the events came, every node that has the same ones says the same.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attendance.event import Event, Kind, Method
from attendance.lectures import Lecture
from attendance.policy import FIRST, Policy, Rules
from attendance.presence import by_kind, counting, moment

JUDGED = frozenset({Kind.CHECK_IN, Kind.UNDO, Kind.SIGN_OUT, Kind.LEAVE, Kind.CORRECTION})
_TICKS = (Method.ROLL_CALL, Method.WALK_IN)
_NO_TIME = dt.timedelta(0)


class Status(enum.StrEnum):
    PRESENT = "present"
    LEAVE = "leave"  # 请假
    MAKEUP = "makeup"  # 补学
    ABSENT = "absent"  # somebody said so; of whom nothing is said, there is no row


@dataclass(frozen=True, kw_only=True)
class Presence:
    """One person at one lecture; `person` is a guest's check-in id where the guest has no number."""

    lecture: str
    person: str
    number: str | None
    name: str
    venue: int  # attended first; of somebody who was not there: where it was noted
    first_at: dt.datetime  # by a clock that is right, as far as it is known how wrong it was
    last_at: dt.datetime | None  # signed out for the last time; None: did not, or was not there
    event: str  # the check-in that counts, or the leave or correction
    methods: tuple[str, ...]  # sorted, each once
    other_venue: bool  # also checked in at another venue
    status: str  # a Status
    late: bool
    early: bool
    attended: bool  # long enough for the policy
    seconds: int  # of the lecture, at all venues together; 0 while nobody knows when it began
    credit: int  # hundredths of a credit hour
    policy: int  # 0: the lecture is not known here
    home: int | None = None  # where the event itself says it, because it does not say of whom it is (attendance.blank)


@dataclass(frozen=True, kw_only=True)
class _Stay:
    since: dt.datetime | None  # None: from the beginning
    until: dt.datetime | None  # None: did not sign out


def judge(events: Iterable[Event], lecture: Lecture | None, policy: Policy = FIRST) -> Presence | None:
    """One person's row from all events of that person in the lecture; None when nothing stands."""
    said = by_kind(events)
    check_ins, leaves, corrections = (said.get(kind, []) for kind in (Kind.CHECK_IN, Kind.LEAVE, Kind.CORRECTION))
    correction, rules = counting(corrections, check_ins), policy.rules
    too_late = [one for one in leaves if leave_too_late(one, lecture, rules)]
    leaves = [one for one in leaves if one not in too_late]
    decisive = check_ins[0] if check_ins else (correction or next(reversed(leaves or too_late), None))
    if decisive is None:
        return None
    if correction is not None and leave_too_late(correction, lecture, rules):
        status = Status.ABSENT
    else:
        status = _status(check_ins, correction, unexcused=bool(too_late) and not leaves)
    stays = _stays(check_ins, said.get(Kind.SIGN_OUT, []), rules)
    late, early = _late(check_ins, lecture, rules), bool(stays) and not leaves and _early(stays, lecture, rules)
    seconds = _seconds(stays, lecture, rules)
    if correction is not None and correction.data:
        late, early = bool(correction.data.get("late", late)), bool(correction.data.get("early", early))
    length = _length(lecture)
    if status is not Status.PRESENT:
        late = early = False
        seconds = 0
    elif not check_ins:
        seconds = length  # somebody vouches for it
    attended = status is Status.PRESENT and length > 0 and _enough(seconds, length, rules)
    made_up = status is Status.MAKEUP and _in_time(correction, lecture, rules)
    left = [stay.until for stay in stays if stay.until]
    return Presence(
        lecture=decisive.lecture,
        person=decisive.subject,
        number=decisive.number,
        name=decisive.name,
        venue=decisive.venue,
        first_at=moment(decisive),
        last_at=max(left) if left and all(stay.until for stay in stays) else None,
        event=decisive.id,
        methods=tuple(sorted({str(event.method) for event in check_ins or [decisive]})),
        other_venue=len({event.venue for event in check_ins}) > 1,
        status=status.value,
        late=late,
        early=early,
        attended=attended,
        seconds=seconds,
        credit=_credit(seconds, length, rules, attended=attended, made_up=made_up),
        policy=policy.version if lecture else 0,
        home=_home(decisive),
    )


def _home(event: Event) -> int | None:
    home = (event.data or {}).get("home")
    return home if type(home) is int else None


def leave_too_late(event: Event, lecture: Lecture | None, rules: Rules) -> bool:
    """Whether a venue says here that somebody is on leave, and says so when it is absence under these rules."""
    on_leave = event.kind == Kind.LEAVE or (event.data or {}).get("state") == Status.LEAVE
    begin = _begin(lecture) if lecture else None
    if rules.leave_whenever or not on_leave or event.method == Method.DESK or begin is None:
        return False
    return moment(event) > begin + dt.timedelta(hours=rules.leave_hours)


def _status(check_ins: Sequence[Event], correction: Event | None, *, unexcused: bool) -> Status:
    if correction is not None and correction.data:
        said = str(correction.data["state"])
        if said in set(Status):
            return Status(said)
    if check_ins:
        return Status.PRESENT
    return Status.ABSENT if unexcused else Status.LEAVE


def _begin(lecture: Lecture) -> dt.datetime | None:
    """From when on somebody can be late: an early start is nobody's fault."""
    if lecture.started_at is None:
        return None
    return max(lecture.started_at, lecture.starts_at) if lecture.starts_at else lecture.started_at


def _late(check_ins: Sequence[Event], lecture: Lecture | None, rules: Rules) -> bool:
    begin = _begin(lecture) if lecture else None
    if begin is None or (rules.tick_counts_whole and any(event.method in _TICKS for event in check_ins)):
        return False
    limit = begin + dt.timedelta(minutes=rules.late_after_minutes)
    return bool(check_ins) and moment(check_ins[0]) > limit


def _early(stays: Sequence[_Stay], lecture: Lecture | None, rules: Rules) -> bool:
    if lecture is None or lecture.ended_at is None:
        return False
    limit = lecture.ended_at - dt.timedelta(minutes=rules.early_before_minutes)
    return all(stay.until is not None and stay.until < limit for stay in stays)


def _stays(check_ins: Sequence[Event], sign_outs: Sequence[Event], rules: Rules) -> list[_Stay]:
    """From each check-in to the next sign-out at the same venue; an operator's first tick from the beginning."""
    moves: dict[int, list[Event]] = {}
    for event in sorted([*check_ins, *sign_outs], key=lambda one: (moment(one), one.id)):
        moves.setdefault(event.venue, []).append(event)
    stays: list[_Stay] = []
    for of_venue in moves.values():
        came: Event | None = None
        whole = rules.tick_counts_whole
        for event in of_venue:
            if event.kind == Kind.CHECK_IN:
                came = came or event
                continue
            if came is not None:
                stays.append(_stay(came, event, whole))
                came, whole = None, False
        if came is not None:
            stays.append(_stay(came, None, whole))
    return stays


def _stay(came: Event, left: Event | None, whole: bool) -> _Stay:
    since = None if whole and came.method in _TICKS else moment(came)
    return _Stay(since=since, until=moment(left) if left else None)


def _seconds(stays: Sequence[_Stay], lecture: Lecture | None, rules: Rules) -> int:
    """The union of the stays within the lecture; before its end is known, of those that are over."""
    if lecture is None or lecture.started_at is None:
        return 0
    begin, end, spans = lecture.started_at, lecture.ended_at, list[tuple[dt.datetime, dt.datetime]]()
    for stay in stays:
        until = stay.until or (end if rules.open_stay_counts else stay.since)
        if until is not None:
            spans.append((max(begin, stay.since or begin), min(until, end) if end else until))
    total, covered = _NO_TIME, begin
    for since, until in sorted(spans):
        total += max(_NO_TIME, until - max(since, covered))
        covered = max(covered, until)
    return int(total.total_seconds())


def _length(lecture: Lecture | None) -> int:
    """Seconds that the lecture had; 0 until it is over."""
    if lecture is None or lecture.started_at is None or lecture.ended_at is None:
        return 0
    return max(0, int((lecture.ended_at - lecture.started_at).total_seconds()))


def _enough(seconds: int, length: int, rules: Rules) -> bool:
    return seconds >= rules.least_minutes * 60 and seconds * 100 >= length * rules.least_percent


def _in_time(correction: Event | None, lecture: Lecture | None, rules: Rules) -> bool:
    if correction is None or lecture is None or lecture.ended_at is None:
        return False
    return moment(correction) <= lecture.ended_at + dt.timedelta(days=rules.makeup_days)


def _credit(seconds: int, length: int, rules: Rules, *, attended: bool, made_up: bool) -> int:
    if made_up:
        worth = length * rules.makeup_percent / 100
    elif attended:
        worth = length if rules.credit_whole else seconds
    else:
        return 0
    hundredths = int(worth * 100) // (rules.hour_minutes * 60)
    return hundredths // rules.credit_step * rules.credit_step
