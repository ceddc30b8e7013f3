"""Bring in the list of people in two steps: a file, XLSX or CSV, whose mistakes or changes are shown; then a yes."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace

from aiohttp import web

from attendance.people import PROBLEM_MESSAGES, PersonProblem
from attendance.people_plan import fingerprint
from attendance.people_store import PeopleChangedMeanwhile, PeopleImported, PeopleImportRefused, PeoplePreview
from venues.errors import TongtangError
from web import targets
from web.errors import Refused
from web.keys import HELD
from web.pages.forms import complaint, field, say, uploaded
from web.render import render
from web.routes import Access, Handler, Route, node_of, user_of

MAX_BODY = 33 * 1024 * 1024  # bytes: the largest file, and the form around it
_SHOWN = 200

NO_FILE = "Please choose a file first."
NOT_HELD = "The file is not here any more. Please choose it again."


async def show(request: web.Request) -> web.Response:
    return _page(request)


async def look(request: web.Request) -> web.Response:
    """What the file would change; nothing is written."""
    _only_at_root(request)
    upload = (await request.post()).get("file")
    if not isinstance(upload, web.FileField) or not upload.filename:
        return _page(request, status=422, problem=say(request, NO_FILE))
    try:
        content = uploaded(upload)
    except TongtangError as error:
        return _page(request, status=error.status, problem=complaint(request, error))
    return await _preview(request, content)


async def confirm(request: web.Request) -> web.Response:
    _only_at_root(request)
    node, held, user = node_of(request), request.app[HELD], user_of(request).name
    content = held.get(user, await field(request, "upload"))
    if content is None:
        return _page(request, status=409, problem=say(request, NOT_HELD))
    try:
        done = await node.people.import_csv(content, seen=await field(request, "seen"))
    except (PeopleImportRefused, PeopleChangedMeanwhile) as error:
        return await _preview(request, content, problem=complaint(request, error))
    held.drop(user)
    node.changes.notify()
    return _page(request, done=done)


def _only_at_root(request: web.Request) -> None:
    if not node_of(request).is_root:  # the parent's list would replace it at once
        raise Refused


async def _preview(request: web.Request, content: bytes, *, problem: str | None = None) -> web.Response:
    held, user = request.app[HELD], user_of(request).name
    held.drop(user)
    try:
        preview = await node_of(request).people.preview(content)
    except PeopleImportRefused as error:
        problem = complaint(request, error)
        return _page(request, status=error.status, problem=problem, problems=error.problems, sheet=error.sheet)
    except TongtangError as error:
        return _page(request, status=error.status, problem=complaint(request, error))
    upload = held.put(user, content)
    status = 409 if problem else 200
    return _page(request, status=status, problem=problem, preview=preview, upload=upload, sheet=preview.sheet)


def _page(
    request: web.Request,
    *,
    status: int = 200,
    done: PeopleImported | None = None,
    problem: str | None = None,
    problems: Iterable[PersonProblem] = (),
    preview: PeoplePreview | None = None,
    upload: str = "",
    sheet: str | None = None,
) -> web.Response:
    lines = [
        SimpleNamespace(line=each.line, text=say(request, PROBLEM_MESSAGES[each.code], **each.fields))
        for each in problems
    ]
    return render(
        request,
        "people_import.html",
        status=status,
        done=done,
        problem=problem,
        problems=lines[:_SHOWN],
        more=max(0, len(lines) - _SHOWN),
        plan=preview.plan if preview else None,
        paths=preview.paths if preview else {},
        seen=fingerprint(preview.plan) if preview else "",
        upload=upload,
        sheet=sheet,
        most=_SHOWN,
    )


def _route(method: str, path: str, handler: Handler, *, max_body: int = 64 * 1024) -> Route:
    # The list may name any venue, so the caller's subtree must hold this node's own venue.
    return Route(
        method,
        path,
        handler,
        access=Access.ORGANIZER,
        target=targets.own_venue,
        page=True,
        form=method == "POST",
        max_body=max_body,
    )


ROUTES = [
    _route("GET", "/people/import", show),
    _route("POST", "/people/import", look, max_body=MAX_BODY),
    _route("POST", "/people/import/confirm", confirm),
]
