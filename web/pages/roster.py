"""One person of the list of people: where at home now and before."""

from __future__ import annotations

from aiohttp import web

from web import targets
from web.api.people import PERSON
from web.pages.rights import own_part
from web.render import render
from web.routes import Access, Route, node_of


async def show(request: web.Request) -> web.Response:
    one, before = await node_of(request).rosters.person(request.match_info["person"])
    return render(request, "roster.html", one=one, home=own_part(request, list(one.path)), before=before)


ROUTES = [
    Route("GET", PERSON, show, access=Access.ORGANIZER, target=targets.on_roster, page=True),
]
