"""Many lectures as files: sums of venues, trends, reliability, people's hours, a person's record; CSV, XLSX and PDF."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiohttp import web

from attendance.record_reports import RecordReports
from attendance.sheet import Column, T, sheet
from attendance.statistics_sheet import RECORD, RELIABILITY, SUMS, TREND, hours_columns
from venues.tree import Venue
from web import exports, targets
from web.api.report_files import SIGNATURES
from web.api.statistics import asked, hours_asked
from web.api.statistics_models import HoursQuery, StatisticsQuery
from web.routes import node_of, query_of, user_of

_ALL = 100_000  # people in one file: more than a province's roster has


async def sums(request: web.Request) -> web.StreamResponse:
    found = await asked(request)
    lines = [_venue(request, found.path), _years(found.first, found.last)]
    return await _send(request, "statistics", "Statistics", SUMS, found.rows, lines)


async def venues(request: web.Request) -> web.StreamResponse:
    records, venue_id, years, lines = await _of_years(request)
    rows = await records.reliability(venue_id, *years)
    return await _send(request, "reliability", "Reliability of each venue", RELIABILITY, rows, lines)


async def trend(request: web.Request) -> web.StreamResponse:
    records, venue_id, years, lines = await _of_years(request)
    return await _send(request, "trend", "Lecture by lecture", TREND, await records.trend(venue_id, *years), lines)


async def _of_years(request: web.Request) -> tuple[RecordReports, int, tuple[int, int], list[tuple[str, str]]]:
    """Whom to ask, the venue and the years that are asked for, and what stands above their table."""
    node, query = node_of(request), query_of(request, StatisticsQuery)
    years, venue_id = query.years(node.records.this_year()), query.venue or user_of(request).venue_id
    return node.records, venue_id, years, [_venue(request, await node.venues.path(venue_id)), _years(*years)]


async def people(request: web.Request) -> web.StreamResponse:
    found = await hours_asked(request, limit=_ALL)
    lines = [_venue(request, found.path), _years(found.year, found.year)]
    columns = hours_columns(found.target)
    return await _send(request, "hours", "Hours of each person", columns, found.people, lines)


async def record(request: web.Request) -> web.StreamResponse:
    found = await node_of(request).records.record(request.match_info["person"])
    lines = [
        ("Name", found.name),
        ("Number", found.number or ""),
        ("At home in", found.home.name if found.home else ""),
        *(("Credit hours", f"{one.year}: {one.credit / 100:g}") for one in found.years),
    ]
    return await _send(request, "record", "Record of lectures", RECORD, found.lectures, lines)


async def _send(
    request: web.Request,
    name: str,
    title: str,
    columns: Sequence[Column[T]],
    rows: Iterable[T],
    lines: list[tuple[str, str]],
) -> web.StreamResponse:
    say = exports.say_of(request)
    made = sheet(
        columns,
        rows,
        say=say,
        zone=exports.zone_of(request),
        title=say(title),
        lines=[*lines, ("As of", exports.moment_of(request, node_of(request).now()))],
        signatures=SIGNATURES,
    )
    return await exports.send_sheet(request, exports.format_of(request), name, made)


def _venue(request: web.Request, path: Sequence[Venue]) -> tuple[str, str]:
    own = user_of(request).venue_id
    start = next((place for place, each in enumerate(path) if each.id == own), 0)
    return "Venue", " / ".join(each.name for each in path[start:])


def _years(first: int, last: int) -> tuple[str, str]:
    return "Year", str(first) if first == last else f"{first}–{last}"


_OF_VENUE, _YEARS = targets.venue_in_query, StatisticsQuery
ROUTES = [
    *exports.routes("/api/statistics", sums, "Sums of venues over whole years", target=_OF_VENUE, query=_YEARS),
    *exports.routes("/api/statistics/venues", venues, "Reliability of venues", target=_OF_VENUE, query=_YEARS),
    *exports.routes("/api/statistics/trend", trend, "Lectures of whole years", target=_OF_VENUE, query=_YEARS),
    *exports.routes("/api/statistics/people", people, "People's hours of a year", target=_OF_VENUE, query=HoursQuery),
    *exports.routes("/api/people/{person}/record", record, "All that a person attended", target=targets.record),
]
