"""Many lectures together: venues, trends, reliability, people's hours against a target, and a person's whole record."""

from __future__ import annotations

from aiohttp import web

from attendance.statistics import Hours, Statistics
from venues.tree import Venue
from web import targets
from web.api import present
from web.api import statistics_models as models
from web.api.models import VenueOut
from web.node import Node
from web.routes import Access, Route, node_of, query_of, user_of


async def asked(request: web.Request) -> Statistics:
    node, query = node_of(request), query_of(request, models.StatisticsQuery)
    years = query.years(node.records.this_year())
    return await node.records.statistics(query.venue or user_of(request).venue_id, *years)


async def hours_asked(request: web.Request, *, limit: int | None = None) -> Hours:
    node, query = node_of(request), query_of(request, models.HoursQuery)
    page = (limit or query.limit, 0 if limit else query.offset)
    year = query.year or node.records.this_year()
    return await node.records.hours(query.venue or user_of(request).venue_id, year, order=query.order, page=page)


async def statistics(request: web.Request) -> models.StatisticsOut:
    """A venue's sums and those of each venue right below it, over whole years."""
    node, found = node_of(request), await asked(request)
    top = found.path[-1]
    return models.StatisticsOut(
        first=found.first,
        last=found.last,
        years=list(found.years),
        lectures=found.lectures,
        due=found.due,
        rows=[
            models.VenueSumsOut(
                venue=present.venue_out(node.settings, row.venue),
                is_self=row.venue.id == top.id,
                has_children=row.has_children,
                lectures=row.lectures,
                times=row.times,
                people=row.people,
                late=row.late,
                early=row.early,
                expected=row.expected,
                came=row.came,
                people_at_home=row.people_at_home,
                leave=row.leave,
                makeup=row.makeup,
                credit=row.credit,
                rate=_rounded(row.rate),
                venues=row.venues,
                final=row.final,
                incomplete=row.incomplete,
                picture=_rounded(row.picture_share),
            )
            for row in found.rows
        ],
    )


async def trend(request: web.Request) -> models.TrendOut:
    """Lecture by lecture at one venue with all below it."""
    node, query = node_of(request), query_of(request, models.StatisticsQuery)
    years = query.years(node.records.this_year())
    points = await node.records.trend(query.venue or user_of(request).venue_id, *years)
    return models.TrendOut(
        points=[
            models.PointOut(
                lecture=present.lecture_out(one.lecture),
                present=one.present,
                expected=one.expected,
                came=one.came,
                rate=_rounded(one.rate),
                credit=one.credit,
            )
            for one in points
        ]
    )


async def reliability(request: web.Request) -> models.ReliabilityList:
    """The single venues of a subtree, the least reliable first; of a very large one only those right below."""
    node, query = node_of(request), query_of(request, models.StatisticsQuery)
    years = query.years(node.records.this_year())
    found = await node.records.reliability(query.venue or user_of(request).venue_id, *years)
    return models.ReliabilityList(
        venues=[
            models.ReliabilityOut(
                venue=present.venue_out(node.settings, one.venue),
                lectures=one.lectures,
                final=one.final,
                late=one.late,
                behind=one.behind,
                open=one.open,
                silent=one.silent,
                picture=_rounded(one.picture),
            )
            for one in found
        ]
    )


async def hours(request: web.Request) -> models.HoursOut:
    """The people at home in a venue or below it with their credit hours of a year."""
    node, found = node_of(request), await hours_asked(request)
    return models.HoursOut(
        year=found.year,
        target=found.target,
        total=found.total,
        reached=found.reached,
        people=[
            models.HoursRowOut(
                person=one.person,
                number=one.number,
                name=one.name,
                home=_venue(node, one.home),
                lectures=one.lectures,
                credit=one.credit,
                reached=one.credit >= found.target,
            )
            for one in found.people
        ],
    )


async def record(request: web.Request) -> models.RecordOut:
    """Everything that a person attended."""
    node = node_of(request)
    found = await node.records.record(request.match_info["person"])
    return models.RecordOut(
        person=found.person,
        number=found.number,
        name=found.name,
        home=_venue(node, found.home),
        years=[
            models.YearOut(
                year=one.year, lectures=one.lectures, credit=one.credit, target=one.target, reached=one.reached
            )
            for one in found.years
        ],
        lectures=[
            models.AttendedOut(
                lecture=present.lecture_out(one.lecture),
                venue=_venue(node, one.venue),
                status=one.status,
                late=one.late,
                early=one.early,
                minutes=one.minutes,
                credit=one.credit,
            )
            for one in found.lectures
        ],
    )


def _venue(node: Node, venue: Venue | None) -> VenueOut | None:
    return present.venue_out(node.settings, venue) if venue else None


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


ROUTES = [
    Route(
        "GET",
        "/api/statistics",
        statistics,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=models.StatisticsQuery,
        answer=models.StatisticsOut,
    ),
    Route(
        "GET",
        "/api/statistics/trend",
        trend,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=models.StatisticsQuery,
        answer=models.TrendOut,
    ),
    Route(
        "GET",
        "/api/statistics/venues",
        reliability,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=models.StatisticsQuery,
        answer=models.ReliabilityList,
    ),
    Route(
        "GET",
        "/api/statistics/people",
        hours,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=models.HoursQuery,
        answer=models.HoursOut,
    ),
    Route(
        "GET",
        "/api/people/{person}/record",
        record,
        access=Access.ORGANIZER,
        target=targets.record,
        answer=models.RecordOut,
    ),
]
