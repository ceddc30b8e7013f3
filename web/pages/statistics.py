"""Many lectures together: a venue's years and their trends, reliable venues, people's hours, a person's record."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from aiohttp import web
from babel.dates import format_date
from babel.numbers import format_decimal

from attendance.statistics import Point
from venues.tree import Venue
from web import targets
from web.api import statistics_models as models
from web.api.statistics import asked, hours_asked
from web.charts import Chart, Mark
from web.keys import LOCALE
from web.pages.forms import say
from web.render import render
from web.routes import Access, Route, node_of, query_of, user_of


async def statistics(request: web.Request) -> web.Response:
    found = await asked(request)
    top = found.path[-1]
    points = await node_of(request).records.trend(top.id, found.first, found.last)
    return render(
        request,
        "statistics.html",
        found=found,
        above=own_part(request, found.path),
        total=found.rows[0],
        rows=found.rows[1:],
        points=points,
        charts=charts(request, top, points, found.first, found.last) if points else (),
    )


def charts(request: web.Request, top: Venue, points: Sequence[Point], first: int, last: int) -> list[Chart]:
    """People, rate and hours, lecture by lecture."""
    node, locale = node_of(request), request.get(LOCALE) or node_of(request).settings.web.language
    zone = ZoneInfo(node.settings.web.time_zone)
    label = "y" if last - first > 1 else "MMM"

    def mark(point: Point, value: float, text: str, line: float | None = None) -> Mark:
        at = point.lecture.started_at
        local = at.astimezone(zone) if at else None
        day = format_date(local, "medium", locale=locale) if local else ""
        under = format_date(local, label, locale=locale) if local else ""
        return Mark(value=value, label=under, hint=f"{day} {point.lecture.title}: {text}", line=line)

    def number(value: float) -> str:
        return str(format_decimal(value, locale=locale))

    count = len(points)
    most = max(points, key=lambda point: point.present)
    rates = [point.rate for point in points if point.rate is not None]
    hours = sum(point.credit for point in points) / 100
    people = Chart(
        key="people",
        title=say(request, "People at each lecture"),
        desc=say(
            request,
            "{n} lectures; the most people were at “{title}”: {most}.",
            n=count,
            title=most.lecture.title,
            most=number(most.present),
        ),
        marks=[mark(one, one.present, number(one.present), one.expected or None) for one in points],
    )
    rate = Chart(
        key="rate",
        title=say(request, "Rate: of those at home here who were expected, the share that came"),
        desc=say(
            request,
            "Between {least} % and {most} %.",
            least=round(100 * min(rates, default=0)),
            most=round(100 * max(rates, default=0)),
        ),
        marks=[mark(one, one.rate or 0.0, f"{round(100 * (one.rate or 0))} %") for one in points],
        percent=True,
        dots=True,
    )
    credit = Chart(
        key="credit",
        title=say(request, "Credit hours of each lecture, of all together"),
        desc=say(request, "{n} hours in all.", n=number(round(hours))),
        marks=[mark(one, one.credit / 100, number(one.credit / 100)) for one in points],
    )
    return [people, rate, credit]


async def venues(request: web.Request) -> web.Response:
    node, query = node_of(request), query_of(request, models.StatisticsQuery)
    first, last = query.years(node.records.this_year())
    venue_id = query.venue or user_of(request).venue_id
    rows = await node.records.reliability(venue_id, first, last)
    return render(
        request,
        "reliability.html",
        above=own_part(request, await node.venues.path(venue_id)),
        rows=rows,
        first=first,
        last=last,
        years=await node.records.years(),
    )


async def people(request: web.Request) -> web.Response:
    query, found = query_of(request, models.HoursQuery), await hours_asked(request)
    return render(
        request,
        "hours.html",
        found=found,
        above=own_part(request, found.path),
        order=query.order,
        limit=query.limit,
        offset=query.offset,
    )


async def record(request: web.Request) -> web.Response:
    node = node_of(request)
    found = await node.records.record(request.match_info["person"])
    return render(request, "record.html", found=found)


def own_part(request: web.Request, path: Sequence[Venue]) -> list[Venue]:
    """The path from the top of the caller's subtree: nobody is led above it."""
    top = user_of(request).venue_id
    places = [place for place, each in enumerate(path) if each.id == top]
    return list(path[places[0] if places else 0 :])


ROUTES = [
    Route(
        "GET",
        "/statistics",
        statistics,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=models.StatisticsQuery,
        page=True,
    ),
    Route(
        "GET",
        "/statistics/venues",
        venues,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=models.StatisticsQuery,
        page=True,
    ),
    Route(
        "GET",
        "/statistics/people",
        people,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=models.HoursQuery,
        page=True,
    ),
    Route("GET", "/people/{person}/record", record, access=Access.ORGANIZER, target=targets.record, page=True),
]
