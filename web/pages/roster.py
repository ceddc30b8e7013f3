"""One person of the list of people: where at home now and before, off the list and on it again."""

from __future__ import annotations

from aiohttp import web

from web import targets
from web.api.people import PERSON, bring_back, take_off
from web.pages.forms import onward
from web.pages.rights import own_part
from web.render import render
from web.routes import Access, Route, node_of


async def show(request: web.Request) -> web.Response:
    one, before = await node_of(request).rosters.person(request.match_info["person"])
    return render(request, "roster.html", one=one, home=own_part(request, list(one.path)), before=before)


async def leave(request: web.Request) -> web.Response:
    await take_off(request)
    return onward(request.path.removesuffix("/leave"))


async def come_back(request: web.Request) -> web.Response:
    await bring_back(request)
    return onward(request.path.removesuffix("/return"))


ROUTES = [
    Route("GET", PERSON, show, access=Access.ORGANIZER, target=targets.on_roster, page=True),
    Route("POST", PERSON + "/leave", leave, access=Access.ORGANIZER, target=targets.on_roster, page=True, form=True),
    Route(
        "POST", PERSON + "/return", come_back, access=Access.ORGANIZER, target=targets.on_roster, page=True, form=True
    ),
]
