"""What reports show as files, CSV, XLSX and PDF from the same columns: a report, names behind a figure, flags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiohttp import web

from attendance.flags_sheet import FLAGS, seen
from attendance.lectures import Lecture
from attendance.policy import FIRST, Policy, PolicyUnknown
from attendance.report import NamedPerson, Which
from attendance.report_sheet import NAMES, REPORT
from attendance.sheet import sheet
from venues.tree import Venue
from web import exports, targets
from web.api.flags_models import FlagsQuery
from web.api.report_models import FileQuery, NamesFileQuery
from web.exports import Write
from web.routes import Access, node_of, query_of, user_of

_LECTURE = "/api/lectures/{lecture}"
SIGNATURES = ("Organizer", "Checked by")
TITLES = {
    Which.EXPECTED: "Expected here",
    Which.PRESENT: "Present here",
    Which.ABSENT_SO_FAR: "Not seen so far",
    Which.GUESTS: "Guests from other venues",
    Which.LATE: "Came late",
    Which.EARLY: "Left early",
    Which.MOBILE: "By mobile code alone",
    Which.LEAVE: "On leave",
    Which.MAKEUP: "Made it up",
    Which.ABSENT: "Absent",
    Which.NOT_REPORTED: "Not reported yet",
    Which.CAME: "At home here and came",
    Which.CAME_LATE: "At home here and came late",
    Which.CAME_EARLY: "At home here and left early",
}


async def report_file(request: web.Request) -> web.StreamResponse:
    """A venue's figures and those of the venues right below it, of all of one level below, or of all below."""
    node, query, say = node_of(request), query_of(request, FileQuery), exports.say_of(request)
    venue_id = query.venue or user_of(request).venue_id
    as_of = node.now()
    found = await node.reports.report(request.match_info["lecture"], venue_id, query.level, whole=query.whole)
    made = sheet(
        REPORT,
        found.rows,
        say=say,
        zone=exports.zone_of(request),
        title=f"{found.lecture.title} · {say('Report')}",
        lines=[
            *head(request, found.lecture, found.path, await policy_of(request, found.lecture)),
            ("As of", exports.moment_of(request, as_of)),
        ],
        signatures=SIGNATURES,
    )
    form = exports.format_of(request)
    return await exports.send_sheet(request, form, f"report-{found.path[-1].code}", made)


async def names_file(request: web.Request) -> web.StreamResponse:
    """All the people behind a figure, read from the database as the file is written."""
    node, query, say = node_of(request), query_of(request, NamesFileQuery), exports.say_of(request)
    venue_id = query.venue or user_of(request).venue_id
    lecture = await targets.lecture_of(request)
    path = await node.venues.path(venue_id)
    lines = [
        *head(request, lecture, path, await policy_of(request, lecture)),
        ("As of", exports.moment_of(request, node.now())),
    ]
    title, zone = f"{lecture.title} · {say(TITLES[query.which])}", exports.zone_of(request)

    async def fill(write: Write) -> None:
        def work(_lecture: Lecture, names: Iterator[NamedPerson]) -> None:
            write(sheet(NAMES, names, say=say, zone=zone, title=title, lines=lines, signatures=SIGNATURES))

        await node.reports.each_name(lecture.id, venue_id, query.which, work)

    name = f"{query.which.value}-{path[-1].code}"
    return await exports.send(request, exports.format_of(request), name, fill)


async def flags_file(request: web.Request) -> web.StreamResponse:
    """What is worth a look, a row for each person of it."""
    node, lecture, say = node_of(request), await targets.lecture_of(request), exports.say_of(request)
    path = await node.venues.path(query_of(request, FlagsQuery).venue or user_of(request).venue_id)
    found = await node.flags.find(lecture.id, path[-1].id)
    made = sheet(
        FLAGS,
        seen(found.flags, found.venues, found.titles),
        say=say,
        zone=exports.zone_of(request),
        title=f"{lecture.title} · {say('Worth a look')}",
        lines=[
            *head(request, lecture, path, await policy_of(request, lecture)),
            ("As of", exports.moment_of(request, node.now())),
        ],
        signatures=SIGNATURES,
    )
    return await exports.send_sheet(request, exports.format_of(request), f"flags-{path[-1].code}", made)


async def policy_of(request: web.Request, lecture: Lecture) -> Policy:
    """The version that the lecture is judged under here: the first where its own has not come yet."""
    try:
        return await node_of(request).policies.get(lecture.policy or FIRST.version)
    except PolicyUnknown:
        return FIRST


def head(request: web.Request, lecture: Lecture, path: Sequence[Venue], policy: Policy) -> list[tuple[str, str]]:
    """What stands above every sheet of a lecture; of the path what is not above the caller."""
    say, own = exports.say_of(request), user_of(request).venue_id
    start = next((place for place, each in enumerate(path) if each.id == own), 0)
    times = [exports.moment_of(request, at) for at in (lecture.started_at or lecture.starts_at, lecture.ended_at)]
    version = say("Version %(n)s") % {"n": policy.version}
    return [
        ("Lecture", lecture.title),
        ("Time", " – ".join(filter(None, times))),
        ("Venue", " / ".join(each.name for each in path[start:])),
        ("Judged under", f"{version} · {policy.name}" if policy.name else version),
    ]


_OF_VENUE = targets.venue_in_query
ROUTES = [
    *exports.routes(
        f"{_LECTURE}/report", report_file, "The report", access=Access.SESSION, target=_OF_VENUE, query=FileQuery
    ),
    *exports.routes(f"{_LECTURE}/flags", flags_file, "What is worth a look", target=_OF_VENUE, query=FlagsQuery),
    *exports.routes(
        f"{_LECTURE}/names",
        names_file,
        "All the people behind a figure",
        access=Access.OPERATOR,
        target=_OF_VENUE,
        query=NamesFileQuery,
    ),
]
