"""The list of lectures with create, start and stop, and the lecturer's desk."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from aiohttp import web

from attendance.lectures import LectureTitleInvalid
from web import targets
from web.api.hops import worst
from web.api.lectures import ordered
from web.errors import Invalid
from web.keys import NODE
from web.pages.forms import complaint, field, onward
from web.pages.rights import lecture_rows, may_say_whom_it_expects
from web.policy import Target, Verdict, admits
from web.render import render
from web.routes import Access, Route, node_of, user_of

_SHOWN = 100
_HOPS = 3
_LECTURE = "/lectures/{lecture}"


async def listing(request: web.Request) -> web.Response:
    return await _listing(request)


async def _listing(request: web.Request, *, status: int = 200, problem: str | None = None) -> web.Response:
    node, user = node_of(request), user_of(request)
    own = await node.venues.get(user.venue_id)
    form = await request.post() if request.method == "POST" else {}
    return render(
        request,
        "lectures.html",
        status=status,
        problem=problem,
        rows=await lecture_rows(request, ordered(await node.lectures.list(user.venue_id))[:_SHOWN]),
        may_lecture=admits(user, Access.LECTURER) is Verdict.ALLOWED,
        choices=[own, *await node.venues.children(own.id)],
        draft=SimpleNamespace(
            title=form.get("title", ""),
            starts=form.get("starts", ""),
            venue=await _venue_of_form(request, user.venue_id),
        ),
    )


async def create(request: web.Request) -> web.Response:
    node, user = node_of(request), user_of(request)
    try:
        starts_at = _moment(await field(request, "starts"), ZoneInfo(node.settings.web.time_zone))
        await node.lectures.create(
            await field(request, "title"), await _venue_of_form(request, user.venue_id), starts_at
        )
    except (LectureTitleInvalid, Invalid) as error:
        return await _listing(request, status=error.status, problem=complaint(request, error))
    node.changes.notify()
    return onward("/lectures")


async def start(request: web.Request) -> web.Response:
    node = node_of(request)
    await node.lectures.start(request.match_info["lecture"])
    node.changes.notify()
    return onward("/lectures")


async def stop(request: web.Request) -> web.Response:
    node = node_of(request)
    await node.lectures.stop(request.match_info["lecture"])
    node.changes.notify()
    return onward("/lectures")


async def desk(request: web.Request) -> web.Response:
    lecture = await targets.lecture_of(request)
    venue = await node_of(request).venues.get(lecture.venue_id)
    hops = await worst(node_of(request), user_of(request), lecture, _HOPS)
    may_expect = await may_say_whom_it_expects(request, lecture)
    return render(request, "desk.html", lecture=lecture, lecture_venue=venue.name, hops=hops, may_expect=may_expect)


def _moment(text: str, zone: ZoneInfo) -> dt.datetime | None:
    """What `<input type="datetime-local">` sends, as wall-clock time of the venue. Raises Invalid."""
    if not text:
        return None
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(details=text[:40]) from error


async def _venue_of_form(request: web.Request, own: int) -> int:
    text = await field(request, "venue") if request.method == "POST" else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else own


async def _target_of_form(request: web.Request) -> Target:
    venue_id = await _venue_of_form(request, user_of(request).venue_id)
    return Target(venue_id=(await request.app[NODE].venues.get(venue_id)).id)


ROUTES = [
    Route("GET", "/lectures", listing, access=Access.SESSION, page=True),
    Route("POST", "/lectures", create, access=Access.LECTURER, target=_target_of_form, page=True, form=True),
    Route("POST", _LECTURE + "/start", start, access=Access.LECTURER, target=targets.lecture, page=True, form=True),
    Route("POST", _LECTURE + "/stop", stop, access=Access.LECTURER, target=targets.lecture, page=True, form=True),
    Route("GET", _LECTURE + "/desk", desk, access=Access.LECTURER, target=targets.lecture, page=True),
]
