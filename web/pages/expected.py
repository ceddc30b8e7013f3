"""Whom a lecture expects: in words, and the forms that choose units, levels and a list of people."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace

from aiohttp import web

from attendance.expectation import EVERYBODY, Expected
from attendance.lectures import Lecture
from attendance.number_list import PROBLEM_MESSAGES, NumbersRefused, parse
from venues.errors import TongtangError
from venues.tree import Venue
from web import targets
from web.expecting import expecting, head_count, kept, listed, people_of, set_expected
from web.pages.forms import complaint, field, onward, say, uploaded
from web.pages.rights import own_part
from web.pages.venues import level_names
from web.render import render
from web.routes import Access, Handler, Route, node_of

_EXPECTED = "/lectures/{lecture}/expected"
_BODY = 16 * 1024 * 1024  # bytes; 60,000 numbers with names are less than 3 MB
_FOUND = 30  # venues of a search
_UNITS = 100  # chosen ones, with their paths
_MISTAKES = 200
REFUSED = {
    "box": "Nothing was set; mistakes in the box: {count}.",
    "file": "Nothing was set; mistakes in the file: {count}.",
}


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def add_unit(request: web.Request) -> web.Response:
    lecture, expected = await _now(request)
    return await _set(request, lecture, dataclasses.replace(expected, units=(*expected.units, await _unit(request))))


async def remove_unit(request: web.Request) -> web.Response:
    lecture, expected = await _now(request)
    unit = await _unit(request)
    return await _set(
        request, lecture, dataclasses.replace(expected, units=tuple(each for each in expected.units if each != unit))
    )


async def set_levels(request: web.Request) -> web.Response:
    lecture, expected = await _now(request)
    ticked = [str(value) for value in (await request.post()).getall("level", [])]
    levels = tuple(int(each) for each in ticked if each.isascii() and each.isdigit() and len(each) < 3)
    return await _set(request, lecture, dataclasses.replace(expected, levels=levels))


async def set_list(request: web.Request) -> web.Response:
    """What stands in the box and in the file is the list; with any mistake the one before stays."""
    lecture, expected = await _now(request)
    node, written = node_of(request), await field(request, "numbers")
    people: tuple[str, ...] = ()
    for source in ("box", "file"):
        try:
            content = written.encode() if source == "box" else await _file(request)
            people = (*people, *await people_of(node, lecture, *await asyncio.to_thread(parse, content)))
        except NumbersRefused as error:
            return await _page(request, status=error.status, refused=error, source=source, written=written)
        except TongtangError as error:  # no file that can be read
            return await _page(request, status=error.status, problem=complaint(request, error), written=written)
    people = tuple(dict.fromkeys(people))
    return await _set(request, lecture, dataclasses.replace(expected, people=people, others=False))


async def everybody(request: web.Request) -> web.Response:
    lecture, _ = await _now(request)
    return await _set(request, lecture, EVERYBODY)


async def _file(request: web.Request) -> bytes:
    """What was uploaded; nothing where no file was chosen. Raises WorkbookDamaged."""
    upload = (await request.post()).get("file")
    return uploaded(upload) if isinstance(upload, web.FileField) else b""


async def _now(request: web.Request) -> tuple[Lecture, Expected]:
    """Raises LectureElsewhere: it is set where the lecture was made."""
    node = node_of(request)
    lecture = await node.lectures.own(request.match_info["lecture"])
    return lecture, await kept(node, lecture)


async def _unit(request: web.Request) -> int:
    text = await field(request, "unit")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


async def _set(request: web.Request, lecture: Lecture, expected: Expected) -> web.Response:
    try:
        await set_expected(node_of(request), lecture, expected)
    except TongtangError as error:
        return await _page(request, status=error.status, problem=complaint(request, error))
    return onward(f"/lectures/{lecture.id}/expected")


async def _page(
    request: web.Request,
    *,
    status: int = 200,
    problem: str | None = None,
    refused: NumbersRefused | None = None,
    source: str = "box",
    written: str | None = None,
) -> web.Response:
    node = node_of(request)
    lecture = await node.lectures.own(request.match_info["lecture"])
    found = await expecting(node, lecture)
    people = await listed(node, lecture, found.expected)
    query = request.query.get("q", "").strip()[:100]
    top = await node.venues.get(lecture.venue_id)
    below = await node.venues.count_by_level(top.id)
    venues = await node.venues.search(query, top.id, _FOUND) if query else []
    return render(
        request,
        "expected.html",
        status=status,
        lecture=lecture,
        one=found,
        top=top,
        count=await head_count(node, lecture),
        levels=sorted({top.level, *below, *found.expected.levels}),
        level_name=level_names(request),
        units=[await _with_path(request, unit) for unit in found.units[:_UNITS]],
        more_units=max(0, len(found.units) - _UNITS),
        q=query,
        venues=[await _with_path(request, venue) for venue in venues],
        most=_FOUND,
        written=written if written is not None else "\n".join(f"{one.number},{_cell(one.name)}" for one in people),
        gone=len(found.expected.people) - len(people),
        problem=problem or (say(request, REFUSED[source], count=len(refused.problems)) if refused else None),
        problems=_lines(request, refused),
        more_problems=max(0, len(refused.problems) - _MISTAKES) if refused else 0,
    )


def _lines(request: web.Request, refused: NumbersRefused | None) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(line=each.line, text=say(request, PROBLEM_MESSAGES[each.code], **each.fields))
        for each in (refused.problems[:_MISTAKES] if refused else ())
    ]


def _cell(name: str) -> str:
    """A name as a cell of the box: it is there to be read, so a comma or a quote in it becomes a space."""
    return name.replace(",", " ").replace('"', " ")


async def _with_path(request: web.Request, venue: Venue) -> SimpleNamespace:
    path = own_part(request, await node_of(request).venues.path(venue.id))
    return SimpleNamespace(venue=venue, above=path[:-1])


def _form(path: str, handler: Handler) -> Route:
    return Route(
        "POST",
        _EXPECTED + path,
        handler,
        access=Access.ORGANIZER,
        target=targets.lecture,
        page=True,
        form=True,
        max_body=_BODY,
    )


ROUTES = [
    Route("GET", _EXPECTED, show, access=Access.ORGANIZER, target=targets.lecture, page=True),
    _form("/units/add", add_unit),
    _form("/units/remove", remove_unit),
    _form("/levels", set_levels),
    _form("/list", set_list),
    _form("/everybody", everybody),
]
