"""What the lectures of a year add up to: pure.

人次 (`lectures`) are person-times and add up over anything; 人数 (people) do not: somebody who was in two villages is
one person of their township. So people are counted from rows of each person, never added.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from attendance.policy import FIRST, Policy

# Of a person's presences; `credit` in hundredths of credit hours.
SUMS = ("lectures", "attended", "late", "seconds", "leave", "makeup", "credit")

_STARTS = tuple(f"{n:02x}" for n in range(4, 256, 4))
_WEEK_MS = 7 * 24 * 3600 * 1000


def year_of(at: dt.datetime, zone: dt.tzinfo) -> int:
    """The year on the calendar on the wall."""
    return at.astimezone(zone).year


def bounds(first: int, last: int, zone: dt.tzinfo) -> tuple[dt.datetime, dt.datetime]:
    """From the beginning of the first year to the end of the last, which is not part of it."""
    return dt.datetime(first, 1, 1, tzinfo=zone), dt.datetime(last + 1, 1, 1, tzinfo=zone)


def shares(year: int) -> Sequence[tuple[str | None, str | None]]:
    """Presences are read share by share: by the first characters of their subjects, which are random, but for guests
    without a number: theirs begin with the time of the check-in, so that a share has those of a week."""
    begin = int(dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp() * 1000)
    weeks = (f"{begin + week * _WEEK_MS:012x}"[:8] for week in range(54))
    starts = sorted({*_STARTS, *weeks})
    return tuple(zip((None, *starts), (*starts, None), strict=True))


def target_policy(policies: Iterable[Policy], year: int, zone: dt.tzinfo) -> Policy:
    """The version that settles a year's target: the last one that was made before the year was over."""
    before = [one for one in policies if one.made_at < bounds(year, year, zone)[1]]
    return max(before, key=lambda one: one.version, default=FIRST)
