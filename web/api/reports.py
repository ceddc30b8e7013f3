"""A lecture's figures, level by level, and the names behind each."""

from __future__ import annotations

from aiohttp import web

from attendance.report import NamedPerson, ReportRow, ToldCounts
from venues.tree import Venue
from web import targets
from web.api import present, report_models
from web.node import Node
from web.routes import Access, Route, node_of, query_of, user_of

_LECTURE = "/api/lectures/{lecture}"


async def report(request: web.Request) -> report_models.ReportOut:
    """A venue's figures and those of each venue right below it; without `venue`, the caller's own."""
    node, venue_id = node_of(request), query_of(request, report_models.ReportQuery).venue or user_of(request).venue_id
    made_at = node.now()
    level = query_of(request, report_models.ReportQuery).level
    found = await node.reports.report(request.match_info["lecture"], venue_id, level)
    *above, venue = found.path
    return report_models.ReportOut(
        lecture=present.lecture_out(found.lecture),
        venue=present.venue_out(node.settings, venue),
        path=[present.venue_out(node.settings, each) for each in above],
        made_at=made_at,
        rows=[_row(node, row, venue) for row in found.rows],
    )


def _row(node: Node, row: ReportRow, top: Venue) -> report_models.ReportRowOut:
    is_self = row.venue_id == top.id
    parent_id = top.parent_id if is_self else top.id
    venue = Venue(id=row.venue_id, code=row.code, name=row.name, level=row.level, parent_id=parent_id)
    home, venues, standing = row.home, row.venues, row.standing
    return report_models.ReportRowOut(
        venue=present.venue_out(node.settings, venue),
        is_self=is_self,
        has_children=row.has_children,
        present=row.present,
        guests=row.guests,
        late=row.late,
        early=row.early,
        attended=row.attended,
        minutes=row.minutes,
        expected=home.expected,
        came=home.came,
        came_late=home.late,
        came_early=home.early,
        leave=home.leave,
        makeup=home.makeup,
        absent=home.absent,
        not_reported=home.not_reported,
        credit=home.credit,
        rate=None if home.rate is None else round(home.rate, 4),
        venues_total=venues.total,
        venues_final=venues.final,
        venues_behind=venues.behind,
        venues_connected=venues.connected,
        venues_silent=venues.silent,
        venues_never_seen=venues.never_seen,
        presence=row.presence.value,
        state=standing.state.value,
        behind=standing.behind,
        closed_at=standing.closed_at,
        pending_events=row.pending,
        told=told_out(row.told),
    )


def told_out(told: ToldCounts) -> report_models.ToldOut:
    rounded = {name: None if part is None else round(part, 4) for name, part in _parts(told).items()}
    return report_models.ToldOut.model_validate(vars(told) | rounded)


def _parts(told: ToldCounts) -> dict[str, float | None]:
    return {"picture": told.picture, "sound": told.sound}


async def names(request: web.Request) -> report_models.NamesOut:
    """The people behind a figure."""
    node, query = node_of(request), query_of(request, report_models.NamesQuery)
    found = await node.reports.names(
        request.match_info["lecture"],
        query.venue or user_of(request).venue_id,
        query.which,
        limit=query.limit,
        offset=query.offset,
    )
    return report_models.NamesOut(total=found.total, names=[_name(node, one) for one in found.names])


def _name(node: Node, one: NamedPerson) -> report_models.NameOut:
    return report_models.NameOut(
        person=one.person,
        number=one.number,
        name=one.name,
        home_venue=present.venue_out(node.settings, one.home) if one.home else None,
        attended_venue=present.venue_out(node.settings, one.attended) if one.attended else None,
        at=one.at,
        left_at=one.left_at,
        event=one.event,
        status=one.status,
        late=one.late,
        early=one.early,
        minutes=one.minutes,
        other_venue=one.other_venue,
    )


ROUTES = [
    Route(
        "GET",
        _LECTURE + "/report",
        report,
        access=Access.SESSION,
        target=targets.venue_in_query,
        query=report_models.ReportQuery,
        answer=report_models.ReportOut,
    ),
    Route(
        "GET",
        _LECTURE + "/names",
        names,
        access=Access.OPERATOR,
        target=targets.venue_in_query,
        query=report_models.NamesQuery,
        answer=report_models.NamesOut,
    ),
]
