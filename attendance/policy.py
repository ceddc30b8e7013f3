"""How attendance is judged: versions of a small set of rules, each kept for ever. Pure.

What happened is in the log and does not change; a policy says what it amounts to. A lecture names the version that it
is judged under, so that a new version changes no old report.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import ClassVar

from attendance.event import is_plain
from venues.errors import TongtangError
from venues.wire import format_time, parse_time


class PolicyUnknown(TongtangError):
    """There is no policy version {version} here."""

    code: ClassVar[str] = "policy_unknown"
    status: ClassVar[int] = 404


class PolicyInvalid(TongtangError):
    """The policy's "{field}" must be {wanted}."""

    code: ClassVar[str] = "policy_invalid"
    status: ClassVar[int] = 422


class PolicyElsewhere(TongtangError):
    """Policies are made at the topmost venue."""

    code: ClassVar[str] = "policy_elsewhere"
    status: ClassVar[int] = 409


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that a version settles. `RANGES` has the least and the most of each number."""

    # A check-in by code or badge that comes more minutes than this after the beginning is late.
    late_after_minutes: int = 15
    # Signing out more minutes than this before the end is leaving early.
    early_before_minutes: int = 15
    # An operator's tick says "was here", not "came now": it counts from the beginning, whenever it was made.
    tick_counts_whole: bool = True
    # Who did not sign out was there until the end.
    open_stay_counts: bool = True
    # Attended: at least so many minutes, and at least this share of the lecture.
    least_minutes: int = 0
    least_percent: int = 50
    # One credit hour (学时) has so many minutes; credit is rounded down to this many hundredths of an hour.
    hour_minutes: int = 45
    credit_step: int = 50
    # Who attended gets the whole lecture's hours; else those of the minutes that the person was there.
    credit_whole: bool = True
    # Leave (请假) counts whenever the venue enters it; else by so many hours after the beginning, and later it is
    # absence. What the organizer says of somebody stands in any case.
    leave_whenever: bool = True
    leave_hours: int = 0
    # A lecture made up (补学) within so many days after its end counts by this share.
    makeup_days: int = 30
    makeup_percent: int = 100
    # Who was not heard of is absent when the venue has handed in, or so many hours after the end.
    absent_after_hours: int = 72
    # So many credit hours each person shall reach in a year; 0: none.
    year_hours_target: int = 32


RANGES: Mapping[str, tuple[int, int]] = {
    "late_after_minutes": (0, 600),
    "early_before_minutes": (0, 600),
    "least_minutes": (0, 1440),
    "least_percent": (0, 100),
    "hour_minutes": (1, 240),
    "credit_step": (1, 100),
    "leave_hours": (0, 8760),
    "makeup_days": (0, 3650),
    "makeup_percent": (0, 100),
    "absent_after_hours": (0, 8760),
    "year_hours_target": (0, 2000),
}
NAME_LONGEST = 100


@dataclass(frozen=True, kw_only=True)
class Policy:
    version: int
    name: str
    rules: Rules
    made_at: dt.datetime
    made_by: str


# What holds where nobody has made a policy.
FIRST = Policy(version=1, name="", rules=Rules(), made_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), made_by="")


def clean_name(name: str) -> str:
    """White space at the ends removed and inside made one space; raises PolicyInvalid."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_LONGEST or not is_plain(name):
        raise PolicyInvalid(field="name", wanted=f"1 to {NAME_LONGEST} characters on one line")
    return name


def rules_of(values: Mapping[str, object]) -> Rules:
    """Every rule must be given and none besides; raises PolicyInvalid."""
    known = {field.name: field.default for field in fields(Rules)}
    for name in values:
        if name not in known:
            raise PolicyInvalid(field=name, wanted="left out: there is no such rule")
    for name, default in known.items():
        value = values.get(name)
        if isinstance(default, bool):
            if not isinstance(value, bool):
                raise PolicyInvalid(field=name, wanted="true or false")
        else:
            least, most = RANGES[name]
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise PolicyInvalid(field=name, wanted=f"a whole number from {least} to {most}")
    return Rules(**values)  # type: ignore[arg-type]  # each has just been looked at


def rules_text(rules: Rules) -> str:
    """The rules in their one spelling, for a database."""
    return json.dumps(asdict(rules), sort_keys=True, separators=(",", ":"))


def rules_from_text(text: str) -> Rules:
    """Rules that were written by `rules_text`, also of a version with fewer or more of them."""
    known = {field.name for field in fields(Rules)}
    return Rules(**{name: value for name, value in json.loads(text).items() if name in known})


def to_wire(policy: Policy) -> dict[str, object]:
    return {
        "version": policy.version,
        "name": policy.name,
        "rules": asdict(policy.rules),
        "made_at": format_time(policy.made_at),
        "made_by": policy.made_by,
    }


def from_wire(obj: Mapping[str, object]) -> Policy:
    """Read a policy that our parent sent; raises KeyError or ValueError where it is malformed."""
    return Policy(
        version=int(str(obj["version"])),
        name=str(obj["name"]),
        rules=rules_from_text(json.dumps(obj["rules"])),
        made_at=parse_time(obj["made_at"]),
        made_by=str(obj["made_by"]),
    )
