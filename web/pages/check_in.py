"""A phone checks in: the page behind the QR code. It works without JavaScript, too."""

from __future__ import annotations

from aiohttp import web

from attendance.event import Method
from venues.errors import TongtangError
from web import auth
from web.api.models import PhoneCheckIn, PhoneCheckInOut
from web.api.screen import CodeInvalid, checked_in, device_of, lecture_of_code, note_seen, ticket_for_code
from web.dispatch import checked
from web.pages.forms import complaint, field
from web.render import render
from web.routes import Access, Route, node_of


async def show(request: web.Request) -> web.Response:
    try:
        lecture, ticket = await ticket_for_code(node_of(request), request.match_info["code"])
    except CodeInvalid as error:
        return _page(request, status=error.status, problem=complaint(request, error), is_open=False)
    return _page(request, title=lecture.title, code=ticket)


async def check_in(request: web.Request) -> web.Response:
    """The form itself, for a phone whose browser runs no modules; others use POST /api/check-in."""
    node, code = node_of(request), request.match_info["code"]
    name, number = await field(request, "name"), await field(request, "number")
    title = ""
    try:
        await node.attempts.check_in(auth.address_of(request))
        lecture = await lecture_of_code(node, code)
        title = lecture.title
        checked(PhoneCheckIn, {"code": code, "name": name, "number": number})
        captured = await node.log.capture(
            lecture=lecture.id, number=number, name=name, method=Method.CODE, device=device_of(request)
        )
    except TongtangError as error:
        is_open = not isinstance(error, CodeInvalid)
        return _page(
            request,
            status=error.status,
            title=title,
            problem=complaint(request, error),
            is_open=is_open,
            name=name,
            number=number,
        )
    await note_seen(node, captured, device_of(request))
    done = await checked_in(node, lecture, captured)
    return _page(request, title=title, is_open=False, done=done)


def _page(
    request: web.Request,
    *,
    status: int = 200,
    title: str = "",
    code: str | None = None,
    problem: str | None = None,
    is_open: bool = True,
    name: str = "",
    number: str = "",
    done: PhoneCheckInOut | None = None,
) -> web.Response:
    return render(
        request,
        "check_in.html",
        status=status,
        code=code or request.match_info["code"],
        title=title,
        problem=problem,
        open=is_open,
        name=name,
        number=number,
        done=done,
    )


ROUTES = [
    Route("GET", "/c/{code}", show, access=Access.PUBLIC, page=True),
    Route("POST", "/c/{code}", check_in, access=Access.PUBLIC, page=True, form=True),
]
