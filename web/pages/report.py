"""The organizer's figures of a lecture, venue by venue, and the names behind each of them."""

from __future__ import annotations

from types import SimpleNamespace

from aiohttp import web

from attendance.report import LectureReport
from attendance.sheet_pdf import ROWS_MOST
from web import targets
from web.api.frozen import CAUSES
from web.api.report_files import TITLES
from web.api.report_models import NamesQuery, ReportQuery
from web.expecting import expecting
from web.pages.forms import say
from web.pages.live import minutes
from web.pages.rights import may_say_whom_it_expects, own_part
from web.pages.venues import level_names
from web.policy import Verdict, admits
from web.render import render
from web.routes import Access, Route, node_of, query_of, user_of


async def report(request: web.Request) -> web.Response:
    node, query = node_of(request), query_of(request, ReportQuery)
    venue_id = query.venue or user_of(request).venue_id
    found = await node.reports.report(request.match_info["lecture"], venue_id, query.level)
    organizes = admits(user_of(request), Access.ORGANIZER) is Verdict.ALLOWED
    may_judge = organizes and node.is_root
    flags, by_mobile_code = await node.flags.counts(found.lecture.id, venue_id)
    return render(
        request,
        "report.html",
        lecture=found.lecture,
        above=own_part(request, list(found.path)),
        total=found.rows[0],
        rows=found.rows[1:],
        itself=_itself(found),
        made_at=node.now(),
        may_judge=may_judge,
        organizes=organizes,
        versions=await node.frozen.list(found.lecture.id, venue_id),
        causes=CAUSES,
        flags=flags if organizes else None,
        by_mobile_code=by_mobile_code,
        judging=await node.frozen.judging(found.lecture.id),
        policies=await node.policies.list() if may_judge else (),
        minutes=await minutes(request, found.lecture, venue_id),
        expecting=await expecting(node, found.lecture),
        may_expect=organizes and await may_say_whom_it_expects(request, found.lecture),
        level_name=level_names(request),
        below=await node.venues.count_by_level(venue_id),
        printed_most=ROWS_MOST - 1,  # the venue itself has a row, too
    )


def _itself(found: LectureReport) -> SimpleNamespace | None:
    """What the sum of the venues below lacks to the total: the people of the venue's own room."""
    total, below = found.rows[0], found.rows[1:]
    present = total.present - sum(row.present for row in below)
    expected = total.expected - sum(row.expected for row in below)
    return SimpleNamespace(present=present, expected=expected) if below and (present or expected) else None


async def names(request: web.Request) -> web.Response:
    node, query = node_of(request), query_of(request, NamesQuery)
    lecture = await targets.lecture_of(request)
    which, venue_id = query.which, query.venue or user_of(request).venue_id
    page = await node.reports.names(lecture.id, venue_id, which, limit=query.limit, offset=query.offset)
    return render(
        request,
        "names.html",
        lecture=lecture,
        above=own_part(request, await node.venues.path(venue_id)),
        which=which,
        heading=say(request, TITLES[which]),
        choices=[(each, say(request, text)) for each, text in TITLES.items()],
        page=page,
        limit=query.limit,
        offset=query.offset,
    )


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
