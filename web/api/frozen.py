"""Frozen versions of a lecture's report: made, listed, taken away, checked and compared."""

from __future__ import annotations

import asyncio

from aiohttp import web

from attendance.frozen import Difference, FrozenReport, Version, differences, figures_of
from attendance.report_sheet import REPORT
from attendance.sheet import sheet
from web import exports, targets
from web.api import frozen_models
from web.api.report_files import SIGNATURES, head
from web.routes import ID, Access, Route, body_of, node_of, query_of, user_of

_VERSIONS = "/api/lectures/{lecture}/versions"
_VERSION = _VERSIONS + "/{number:" + ID + "}"


async def listing(request: web.Request) -> frozen_models.VersionList:
    """All versions of a venue's report, the newest first."""
    lecture = await targets.lecture_of(request)
    found = await node_of(request).frozen.list(lecture.id, venue_of(request))
    return frozen_models.VersionList(versions=[_out(version) for version in found])


async def freeze(request: web.Request) -> frozen_models.VersionOut:
    """Keep the figures of the venue and of all below it as they are now; they stay whatever comes later."""
    reason, lecture = body_of(request, frozen_models.FreezeIn).reason, await targets.lecture_of(request)
    made = await node_of(request).frozen.freeze(lecture.id, venue_of(request), user_of(request).name, reason)
    return _out(made)


async def content(request: web.Request) -> web.Response:
    """The very bytes that were hashed: `sha256sum` of the file is the version's hash. docs/reports.md explains them."""
    number = int(request.match_info["number"])
    raw = await node_of(request).frozen.raw(request.match_info["lecture"], venue_of(request), number)
    headers = {"Content-Disposition": f'attachment; filename="version-{number}.json"', "Cache-Control": "no-store"}
    return web.Response(body=raw, content_type="application/json", headers=headers)


async def file(request: web.Request) -> web.StreamResponse:
    """A version to sign: its figures, its hash."""
    query, say = query_of(request, frozen_models.VersionQuery), exports.say_of(request)
    frozen = await frozen_of(request)
    version = frozen.version
    report = frozen.report if query.whole else frozen.at(query.at)
    title = f"{report.lecture.title} · {say('Report')} · {say('Version %(n)s') % {'n': version.number}}"
    made = sheet(
        REPORT,
        report.rows,
        say=say,
        zone=exports.zone_of(request),
        title=title,
        lines=[
            *head(request, report.lecture, report.path, frozen.policy),
            ("As of", exports.moment_of(request, version.made_at)),
            ("Frozen by", version.made_by),
            ("Reason", version.reason or say(CAUSES[version.cause.value])),
            ("SHA-256", version.hash),
        ],
        signatures=SIGNATURES,
    )
    name = f"report-{report.path[-1].code}-version-{version.number}"
    return await exports.send_sheet(request, exports.format_of(request), name, made)


CAUSES = {
    "asked": "Frozen by the organizer",
    "before_judging": "Before the lecture was judged anew",
    "after_judging": "After the lecture was judged anew",
}


async def compare(request: web.Request) -> frozen_models.DifferenceList:
    """The venues whose figures differ between two versions, and what differs."""
    before, after, found = await compared(request)
    return frozen_models.DifferenceList(
        since=before.version.number, number=after.version.number, differences=[_difference(one) for one in found]
    )


async def compared(request: web.Request) -> tuple[FrozenReport, FrozenReport, list[Difference]]:
    """Raises FrozenUnknown."""
    number = int(request.match_info["number"])
    since = query_of(request, frozen_models.DifferencesQuery).since or number - 1
    after, before = await frozen_of(request), await frozen_of(request, since)
    return before, after, await asyncio.to_thread(differences, before.report.rows, after.report.rows)


async def frozen_of(request: web.Request, number: int | None = None) -> FrozenReport:
    """`{number}` of the path, or another. Raises FrozenUnknown."""
    number = int(request.match_info["number"]) if number is None else number
    return await node_of(request).frozen.get(request.match_info["lecture"], venue_of(request), number)


def venue_of(request: web.Request) -> int:
    return query_of(request, frozen_models.VersionsQuery).venue or user_of(request).venue_id


def _difference(one: Difference) -> frozen_models.DifferenceOut:
    row = one.after or one.before
    assert row is not None
    return frozen_models.DifferenceOut(
        venue=row.venue_id,
        code=row.code,
        name=row.name,
        before=figures_of(one.before, one.columns),
        after=figures_of(one.after, one.columns),
    )


def _out(version: Version) -> frozen_models.VersionOut:
    return frozen_models.VersionOut(
        number=version.number,
        policy=version.policy,
        made_at=version.made_at,
        made_by=version.made_by,
        cause=version.cause.value,
        reason=version.reason,
        hash=version.hash,
    )


ROUTES = [
    Route(
        "GET",
        _VERSIONS,
        listing,
        access=Access.SESSION,
        target=targets.venue_in_query,
        query=frozen_models.VersionsQuery,
        answer=frozen_models.VersionList,
    ),
    Route(
        "POST",
        _VERSIONS,
        freeze,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=frozen_models.VersionsQuery,
        body=frozen_models.FreezeIn,
        answer=frozen_models.VersionOut,
        status=201,
    ),
    Route(
        "GET",
        _VERSION + ".json",
        content,
        access=Access.SESSION,
        target=targets.venue_in_query,
        query=frozen_models.VersionsQuery,
        media="application/json",
    ),
    *exports.routes(
        _VERSION,
        file,
        "A frozen version",
        access=Access.SESSION,
        target=targets.venue_in_query,
        query=frozen_models.VersionQuery,
    ),
    Route(
        "GET",
        _VERSION + "/differences",
        compare,
        access=Access.SESSION,
        target=targets.venue_in_query,
        query=frozen_models.DifferencesQuery,
        answer=frozen_models.DifferenceList,
    ),
]
