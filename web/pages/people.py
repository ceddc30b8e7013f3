"""The list of people: finding somebody; bringing in one file, XLSX or CSV, all its mistakes by line."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace

from aiohttp import web

from attendance.people import PROBLEM_MESSAGES, PersonProblem
from attendance.people_store import PeopleImported, PeopleImportRefused
from venues.errors import TongtangError
from web import targets
from web.api.people_models import PeopleQuery
from web.errors import Refused
from web.pages.forms import complaint, say
from web.pages.rights import own_part
from web.render import render
from web.routes import Access, Route, node_of, query_of, user_of

MAX_BODY = 32 * 1024 * 1024  # bytes; 60,000 people are about 3 MB
_SHOWN = 200

NO_FILE = "Please choose a file first."


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def bring_in(request: web.Request) -> web.Response:
    node = node_of(request)
    if not node.is_root:  # the parent's list would replace it at once
        raise Refused
    upload = (await request.post()).get("file")
    if not isinstance(upload, web.FileField):
        return await _page(request, status=422, problem=say(request, NO_FILE))
    with upload.file as file:
        content = file.read()
    try:
        done = await node.people.import_csv(content)
    except PeopleImportRefused as error:
        problem = complaint(request, error)
        return await _page(request, status=error.status, problem=problem, problems=error.problems)
    except TongtangError as error:
        return await _page(request, status=error.status, problem=complaint(request, error))
    node.changes.notify()
    return await _page(request, done=done)


async def _page(
    request: web.Request,
    *,
    status: int = 200,
    done: PeopleImported | None = None,
    problem: str | None = None,
    problems: Iterable[PersonProblem] = (),
) -> web.Response:
    lines = [
        SimpleNamespace(line=each.line, text=say(request, PROBLEM_MESSAGES[each.code], **each.fields))
        for each in problems
    ]
    node, own = node_of(request), user_of(request).venue_id
    query = query_of(request, PeopleQuery) if request.method == "GET" else PeopleQuery()
    return render(
        request,
        "people.html",
        status=status,
        done=done,
        problem=problem,
        problems=lines[:_SHOWN],
        more=max(0, len(lines) - _SHOWN),
        found=await node.rosters.find(query.q, own, limit=query.limit, offset=query.offset),
        q=query.q,
        limit=query.limit,
        offset=query.offset,
        own=lambda path: own_part(request, list(path)),
        may_bring_in=node.venue is not None and await node.venues.is_within(node.venue.id, own),
    )


ROUTES = [
    Route("GET", "/people", show, access=Access.ORGANIZER, query=PeopleQuery, page=True),
    # The list may name any venue, so the caller's subtree must hold this node's own venue.
    Route(
        "POST",
        "/people",
        bring_in,
        access=Access.ORGANIZER,
        target=targets.own_venue,
        page=True,
        form=True,
        max_body=MAX_BODY,
    ),
]
