"""One person of the list of people: where at home now and before, off the list and on it again, one of two numbers."""

from __future__ import annotations

import contextlib

from aiohttp import web

from attendance.merges_store import (
    Candidate,
    KeptIsOffTheList,
    NumberHasOthers,
    NumberIsSame,
    NumberNotMerged,
    NumberUnknown,
)
from venues.tree import Venue
from web import targets
from web.api.people import PERSON, bring_back, merge_or_ask, separate_number, take_off
from web.errors import OutsideSubtree
from web.pages.forms import complaint, field, onward
from web.pages.rights import own_part
from web.render import render
from web.routes import Access, Handler, Route, node_of


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def leave(request: web.Request) -> web.Response:
    await take_off(request)
    return onward(request.path.removesuffix("/leave"))


async def come_back(request: web.Request) -> web.Response:
    await bring_back(request)
    return onward(request.path.removesuffix("/return"))


async def merge(request: web.Request) -> web.Response:
    """At first the page says whose the number seems to be; when somebody is sure, they are one person."""
    number = await field(request, "number")
    sure = bool(number) and await field(request, "sure") == number
    try:
        found = await merge_or_ask(request, number, ask=not sure)
    except NumberIsSame as error:
        if sure:  # the button was pressed twice
            return onward(request.path.removesuffix("/merge"))
        return await _page(request, status=error.status, problem=complaint(request, error), number=number)
    except (NumberUnknown, NumberHasOthers, KeptIsOffTheList, OutsideSubtree) as error:
        return await _page(request, status=error.status, problem=complaint(request, error), number=number)
    return onward(request.path.removesuffix("/merge")) if sure else await _page(request, asked=found)


async def separate(request: web.Request) -> web.Response:
    with contextlib.suppress(NumberNotMerged):  # the button was pressed twice
        await separate_number(request, await field(request, "number"))
    return onward(request.path.removesuffix("/separate"))


async def _page(
    request: web.Request,
    *,
    status: int = 200,
    asked: Candidate | None = None,
    problem: str | None = None,
    number: str = "",
) -> web.Response:
    node = node_of(request)
    one, before = await node.rosters.person(request.match_info["person"])
    place: list[Venue] = await node.venues.path(asked.home) if asked and asked.home else []
    return render(
        request,
        "roster.html",
        status=status,
        one=one,
        home=own_part(request, list(one.path)),
        before=before,
        merged=await node.merges.of(one.id),
        asked=asked,
        asked_home=own_part(request, place),
        problem=problem,
        number=number,
    )


def _post(action: str, handler: Handler) -> Route:
    return Route(
        "POST", f"{PERSON}/{action}", handler, access=Access.ORGANIZER, target=targets.on_roster, page=True, form=True
    )


ROUTES = [
    Route("GET", PERSON, show, access=Access.ORGANIZER, target=targets.on_roster, page=True),
    _post("leave", leave),
    _post("return", come_back),
    _post("merge", merge),
    _post("separate", separate),
]
