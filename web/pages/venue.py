"""What a venue works with: the big screen and the roll-call."""

from __future__ import annotations

from aiohttp import web

from web import targets
from web.auth import csrf_of, csrf_token, remember_screen, screen_secret
from web.render import render
from web.routes import Access, Route, node_of


async def screen(request: web.Request) -> web.Response:
    """Opens at once whatever the node's state: what it waits for, the page says itself."""
    node = node_of(request)
    path = await node.venues.path(node.venue.id) if node.venue else []
    secret = await screen_secret(request)
    csrf = csrf_token(secret) if secret else csrf_of(request)
    response = render(request, "screen.html", parent_name=path[-2].name if len(path) > 1 else "", csrf=csrf)
    if secret:
        remember_screen(request, response, secret)
    return response


async def roll_call(request: web.Request) -> web.Response:
    lecture = await targets.lecture_of(request)
    return render(request, "roll_call.html", lecture=lecture, roll_venue=node_of(request).require_venue())


ROUTES = [
    Route("GET", "/screen", screen, access=Access.SCREEN, target=targets.screen, page=True),
    Route(
        "GET",
        "/lectures/{lecture}/roll-call",
        roll_call,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        page=True,
    ),
]
