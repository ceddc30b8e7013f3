"""While a lecture runs: how the check-ins come in, minute by minute."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from aiohttp import web
from babel.numbers import format_decimal

from attendance.lectures import Lecture, LectureState
from attendance.statistics import Minute
from web.charts import Chart, Mark
from web.keys import LOCALE
from web.pages.forms import say
from web.routes import node_of

_MINUTE = dt.timedelta(minutes=1)
_MOST = 240  # minutes in the picture


async def minutes(request: web.Request, lecture: Lecture, venue_id: int) -> Chart | None:
    """None while nobody has checked in, and of a lecture that is not on air."""
    if lecture.state is not LectureState.LIVE:
        return None
    node = node_of(request)
    found = await node.records.minutes(lecture.id, venue_id)
    if not found:
        return None
    every = filled(found, node.now())
    locale = request.get(LOCALE) or node.settings.web.language
    zone = ZoneInfo(node.settings.web.time_zone)
    return Chart(
        key="minutes",
        title=say(request, "Check-ins minute by minute"),
        desc=say(
            request,
            "{n} check-ins; the most in one minute: {most}.",
            n=format_decimal(sum(one.check_ins for one in found), locale=locale),
            most=format_decimal(max(one.check_ins for one in found), locale=locale),
        ),
        marks=[_mark(one, zone) for one in every],
        top=4,
    )


def _mark(one: Minute, zone: ZoneInfo) -> Mark:
    at = one.at.astimezone(zone)
    label = f"{at:%H:%M}" if at.minute % 10 == 0 else ""
    return Mark(value=one.check_ins, label=label, hint=f"{at:%H:%M} · {one.check_ins}")


def filled(found: Sequence[Minute], now: dt.datetime) -> list[Minute]:
    """Every minute from the first to now, at most the last four hours of them, and at least a quarter of an hour."""
    by_minute = {one.at: one.check_ins for one in found}
    last = max(found[-1].at, now.replace(second=0, microsecond=0))
    first = min(max(found[0].at, last - (_MOST - 1) * _MINUTE), last - 14 * _MINUTE)
    count = (last - first) // _MINUTE + 1
    return [Minute(at=at, check_ins=by_minute.get(at, 0)) for at in (first + n * _MINUTE for n in range(count))]
