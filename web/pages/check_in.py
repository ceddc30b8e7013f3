"""A phone checks in: the page behind the QR code. It works without JavaScript, too."""

from __future__ import annotations

from aiohttp import web

from venues.errors import TongtangError
from web import phones
from web.api import check_in as api
from web.api.check_in import Admission, CodeInvalid
from web.api.models import PhoneCheckIn, PhoneCheckInOut
from web.dispatch import checked
from web.pages.forms import complaint, field
from web.render import render
from web.routes import Access, Route, node_of

_ELSE = "else"  # in the query: somebody else than whom the phone remembers


async def show(request: web.Request) -> web.Response:
    try:
        admission = await api.admit(node_of(request), request.match_info["code"])
    except CodeInvalid as error:
        return _page(request, None, status=error.status, problem=complaint(request, error), is_open=False)
    known = await phones.remembered(request)
    response = _page(
        request,
        admission,
        code=await api.ticket(node_of(request), admission),
        known=known,
        asks=known is not None and _ELSE not in request.query,
    )
    phones.keep_device(request, response, phones.device_of(request))
    return response


async def check_in(request: web.Request) -> web.Response:
    """The form itself, for a phone whose browser runs no modules; others use POST /api/check-in."""
    node, code = node_of(request), request.match_info["code"]
    if await field(request, "forget"):
        return await _forget(request)
    given = {name: await field(request, name) or None for name in ("name", "number")}
    marks = {name: bool(await field(request, name)) for name in ("as_remembered", "remember")}
    admission, device = None, phones.device_of(request)
    try:
        await api.pace(request, code)
        admission = await api.admit(node, code)
        wanted = checked(PhoneCheckIn, {"code": code, **given, **marks})
        assert isinstance(wanted, PhoneCheckIn)
        done = await api.check_in(request, admission, wanted, device)
    except TongtangError as error:
        is_open = not isinstance(error, CodeInvalid)
        told = complaint(request, error)
        response = _page(request, admission, status=error.status, problem=told, is_open=is_open, given=given)
        phones.keep_device(request, response, device)
        return response
    response = _page(request, admission, code=await api.ticket(node, admission), is_open=False, done=done)
    await api.keep(request, response, wanted, done, device)
    return response


async def _forget(request: web.Request) -> web.Response:
    response = web.Response(status=303, headers={"Location": request.path})
    phones.forget(request, response)
    return response


def _page(
    request: web.Request,
    admission: Admission | None,
    *,
    status: int = 200,
    code: str | None = None,
    problem: str | None = None,
    is_open: bool = True,
    known: phones.Remembered | None = None,
    asks: bool = False,
    given: dict[str, str | None] | None = None,
    done: PhoneCheckInOut | None = None,
) -> web.Response:
    return render(
        request,
        "check_in.html",
        status=status,
        address=f"/{_door(request)}/{code or request.match_info['code']}",
        code=code or request.match_info["code"],
        mobile=_door(request) == "r",
        title=admission.lecture.title if admission else "",
        place=admission.venue if admission else None,
        problem=problem,
        open=is_open,
        known=known,
        asks=asks,
        given={name: value or "" for name, value in (given or {"name": None, "number": None}).items()},
        done=done,
    )


def _door(request: web.Request) -> str:
    """c: at the venue's own node; r: at one above it."""
    return request.path[1]


async def _pace(request: web.Request) -> None:
    await api.pace(request, request.match_info["code"])


ROUTES = [
    Route("GET", "/c/{code}", show, access=Access.PUBLIC, page=True),
    Route("POST", "/c/{code}", check_in, access=Access.PUBLIC, page=True, form=True),
    Route("GET", "/r/{code}", show, access=Access.PUBLIC, pace=_pace, page=True),
    Route("POST", "/r/{code}", check_in, access=Access.PUBLIC, page=True, form=True),
]
