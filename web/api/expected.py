"""Whom a lecture expects: asked and set at the node where it was made."""

from __future__ import annotations

from aiohttp import web

from attendance.expectation import Expected
from attendance.lectures import Lecture
from attendance.number_list import NumberProblem, NumberRow, row
from web import targets
from web.api import present
from web.api.expected_models import ExpectedIn, ExpectedOut, LevelOut
from web.expecting import expecting, head_count, listed, people_of, set_expected
from web.node import Node
from web.routes import Access, Route, body_of, node_of

_EXPECTED = "/api/lectures/{lecture}/expected"
_BODY = 8 * 1024 * 1024  # bytes; 60,000 numbers are less than 2 MB


async def show(request: web.Request) -> ExpectedOut:
    """Whom the lecture expects, by unit, level and list, and how many people that is."""
    node = node_of(request)
    return await _out(node, await node.lectures.own(request.match_info["lecture"]))


async def put(request: web.Request) -> ExpectedOut:
    """Set whom the lecture expects. Any number that nobody at home there has: nothing is set."""
    node, wanted = node_of(request), body_of(request, ExpectedIn)
    lecture = await node.lectures.own(request.match_info["lecture"])
    read = [row(line, number) for line, number in enumerate(wanted.numbers, 1)]
    rows = [one for one in read if isinstance(one, NumberRow)]
    people = await people_of(node, lecture, rows, [one for one in read if isinstance(one, NumberProblem)])
    expected = Expected(units=tuple(wanted.units), levels=tuple(wanted.levels), people=people)
    await set_expected(node, lecture, expected)
    return await _out(node, lecture)


async def _out(node: Node, lecture: Lecture) -> ExpectedOut:
    found = await expecting(node, lecture)
    return ExpectedOut(
        lecture=present.lecture_out(lecture),
        everybody=found.expected.everybody,
        units=[present.venue_out(node.settings, unit) for unit in found.units],
        levels=[
            LevelOut(level=each, level_key=present.level_key(node.settings, each)) for each in found.expected.levels
        ],
        numbers=[each.number for each in await listed(node, lecture, found.expected)],
        expected=await head_count(node, lecture),
    )


ROUTES = [
    Route("GET", _EXPECTED, show, access=Access.ORGANIZER, target=targets.lecture, answer=ExpectedOut),
    Route(
        "PUT",
        _EXPECTED,
        put,
        access=Access.ORGANIZER,
        target=targets.lecture,
        body=ExpectedIn,
        answer=ExpectedOut,
        max_body=_BODY,
    ),
]
