"""The organizer's figures of a lecture, venue by venue, and the names behind each of them."""

from __future__ import annotations

from types import SimpleNamespace

from aiohttp import web

from attendance.report import LectureReport, Which
from venues.tree import Venue
from web import targets
from web.api.models import NamesQuery, ReportQuery
from web.pages.forms import say
from web.render import render
from web.routes import Access, Route, node_of, query_of, user_of

WHICH = {
    Which.EXPECTED: "Expected here",
    Which.PRESENT: "Present here",
    Which.ABSENT_SO_FAR: "Not seen so far",
    Which.GUESTS: "Guests from other venues",
}


async def report(request: web.Request) -> web.Response:
    node = node_of(request)
    venue_id = query_of(request, ReportQuery).venue or user_of(request).venue_id
    lecture_id = request.match_info["lecture"]
    found = await node.reports.report(lecture_id, venue_id)
    absent = await node.reports.names(lecture_id, venue_id, Which.ABSENT_SO_FAR, limit=1)
    return render(
        request,
        "report.html",
        lecture=found.lecture,
        above=_own_part(request, list(found.path)),
        total=found.rows[0],
        rows=found.rows[1:],
        itself=_itself(found),
        absent=absent.total,
        made_at=node.now(),
    )


def _itself(found: LectureReport) -> SimpleNamespace | None:
    """What the sum of the venues below lacks to the total: the people of the venue's own room."""
    total, below = found.rows[0], found.rows[1:]
    if not below:
        return None
    return SimpleNamespace(
        name=total.name,
        expected=total.expected - sum(row.expected for row in below),
        present=total.present - sum(row.present for row in below),
        presence=total.presence,
    )


async def names(request: web.Request) -> web.Response:
    node, query = node_of(request), query_of(request, NamesQuery)
    lecture = await targets.lecture_of(request)
    which, venue_id = Which(query.which), query.venue or user_of(request).venue_id
    page = await node.reports.names(lecture.id, venue_id, which, limit=query.limit, offset=query.offset)
    return render(
        request,
        "names.html",
        lecture=lecture,
        above=_own_part(request, await node.venues.path(venue_id)),
        which=which,
        heading=say(request, WHICH[which]),
        choices=[(each, say(request, text)) for each, text in WHICH.items()],
        page=page,
        limit=query.limit,
        offset=query.offset,
    )


def _own_part(request: web.Request, path: list[Venue]) -> list[Venue]:
    """The path from the top of the caller's subtree: nobody is led above it."""
    top = user_of(request).venue_id
    places = [place for place, each in enumerate(path) if each.id == top]
    return path[places[0] if places else 0 :]


ROUTES = [
    Route(
        "GET",
        "/lectures/{lecture}/report",
        report,
        access=Access.SESSION,
        target=targets.venue_in_query,
        query=ReportQuery,
        page=True,
    ),
    Route(
        "GET",
        "/lectures/{lecture}/names",
        names,
        access=Access.OPERATOR,
        target=targets.venue_in_query,
        query=NamesQuery,
        page=True,
    ),
]
