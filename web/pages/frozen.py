"""Frozen versions of a report: made on the report's page, opened, and compared with one another."""

from __future__ import annotations

from aiohttp import web

from attendance.report import ReportRow
from attendance.report_sheet import REPORT, STATES
from attendance.sheet import Column, Kind
from web import targets
from web.api.frozen import CAUSES, compared, frozen_of, venue_of
from web.api.frozen_models import DifferencesQuery, VersionQuery, VersionsQuery
from web.pages.forms import field, onward, say
from web.pages.rights import own_part
from web.render import render
from web.routes import ID, Access, Route, node_of, query_of, user_of

_VERSION = "/lectures/{lecture}/versions/{number:" + ID + "}"
_COMPARED_MOST = 500  # venues on the page; the API has all of them
# What a version holds besides the columns of a report.
_COMPARED: tuple[Column[ReportRow], ...] = (
    *REPORT,
    Column("Level", lambda row: row.level, Kind.NUMBER),
    Column("Number of the venue above", lambda row: row.parent_id),
    Column("Minutes", lambda row: row.minutes, Kind.NUMBER),
    Column("Handed in at", lambda row: row.standing.closed_at, Kind.TIME),
    Column("Picture, seconds", lambda row: row.told.picture_s, Kind.NUMBER),
    Column("Sound, seconds", lambda row: row.told.sound_s, Kind.NUMBER),
    Column("Venues where heads were counted", lambda row: row.told.counted, Kind.NUMBER),
    Column("Venues that held a presence check", lambda row: row.told.checked, Kind.NUMBER),
)


async def freeze(request: web.Request) -> web.Response:
    """Raises ReasonMissing."""
    node, lecture, venue_id = node_of(request), await targets.lecture_of(request), venue_of(request)
    reason = (await field(request, "reason"))[:500]
    made = await node.frozen.freeze(lecture.id, venue_id, user_of(request).name, reason)
    return onward(f"/lectures/{lecture.id}/versions/{made.number}?venue={venue_id}")


async def show(request: web.Request) -> web.Response:
    frozen = await frozen_of(request)
    report = frozen.at(query_of(request, VersionQuery).at)
    return render(
        request,
        "frozen.html",
        frozen=frozen,
        version=frozen.version,
        cause=say(request, CAUSES[frozen.version.cause.value]),
        lecture=report.lecture,
        above=own_part(request, list(report.path)),
        inside={row.venue_id for row in frozen.report.rows},
        total=report.rows[0],
        rows=report.rows[1:],
        states=STATES,
    )


async def differences(request: web.Request) -> web.Response:
    before, after, found = await compared(request)
    lines = []
    for one in found[:_COMPARED_MOST]:
        cells = [
            (
                column.title,
                column.kind,
                None if one.before is None else column.get(one.before),
                None if one.after is None else column.get(one.after),
            )
            for column in _COMPARED
        ]
        row = one.after or one.before
        assert row is not None
        lines.append((row.name, [cell for cell in cells if cell[2] != cell[3]]))
    return render(
        request,
        "differences.html",
        before=before,
        after=after,
        lecture=after.report.lecture,
        above=own_part(request, list(after.report.path)),
        lines=[(name, cells) for name, cells in lines if cells],
        total=len(found),
    )


ROUTES = [
    Route(
        "POST",
        "/lectures/{lecture}/versions",
        freeze,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=VersionsQuery,
        page=True,
        form=True,
    ),
    Route("GET", _VERSION, show, access=Access.SESSION, target=targets.venue_in_query, query=VersionQuery, page=True),
    Route(
        "GET",
        _VERSION + "/differences",
        differences,
        access=Access.SESSION,
        target=targets.venue_in_query,
        query=DifferencesQuery,
        page=True,
    ),
]
