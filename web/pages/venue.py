"""What a venue works with: the big screen, the kiosk at the door and the roll-call."""

from __future__ import annotations

from aiohttp import web

from broadcast import Pin
from web import targets
from web.api.rungs import pin_screens
from web.auth import csrf_of, csrf_token, remember_screen, screen_secret
from web.pages.forms import field, onward
from web.render import render
from web.routes import Access, Route, node_of


async def screen(request: web.Request) -> web.Response:
    """Opens at once whatever the node's state: what it waits for, the page says itself."""
    node = node_of(request)
    path = await node.venues.path(node.venue.id) if node.venue else []
    return await _unattended(request, "screen.html", path[-2].name if len(path) > 1 else "")


async def kiosk(request: web.Request) -> web.Response:
    """Where people hold their cards up. It opens by itself, as the screen does."""
    return await _unattended(request, "kiosk.html")


async def _unattended(request: web.Request, template: str, parent_name: str = "") -> web.Response:
    """A page of a browser that is remembered as the venue's own: nobody signs in there after a power cut."""
    secret = await screen_secret(request)
    csrf = csrf_token(secret) if secret else csrf_of(request)
    response = render(request, template, parent_name=parent_name, csrf=csrf)
    if secret:
        remember_screen(request, response, secret)
    return response


async def pin(request: web.Request) -> web.Response:
    """Which rung of the picture the venue's screens are to show."""
    chosen = await field(request, "rung")
    await pin_screens(request, Pin(chosen) if chosen in set(Pin) else Pin.AUTO)
    return onward("/")


async def roll_call(request: web.Request) -> web.Response:
    lecture = await targets.lecture_of(request)
    return render(request, "roll_call.html", lecture=lecture, roll_venue=node_of(request).require_venue())


ROUTES = [
    Route("GET", "/screen", screen, access=Access.SCREEN, target=targets.screen, page=True),
    Route("GET", "/kiosk", kiosk, access=Access.SCREEN, target=targets.screen, page=True),
    Route("POST", "/screen/rung", pin, access=Access.OPERATOR, target=targets.screen, page=True, form=True),
    Route(
        "GET",
        "/lectures/{lecture}/roll-call",
        roll_call,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        page=True,
    ),
]
