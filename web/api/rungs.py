"""The rungs of the picture: which one a session is sent, and which one the venue's own screens are to show."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from broadcast import Pin
from web import pins, targets
from web.api.models import In, Out
from web.routes import Access, Route, body_of, node_of


class RungOut(Out):
    """`picture` is false while sound is sent alone. `rung` of `rungs`, counted from the lowest, 0; the size in pixels,
    0 where it is not known."""

    picture: bool
    rung: int | None
    rungs: int
    width: int
    height: int
    kbit_s: float


class ScreenRung(In):
    """auto: what each screen's link can carry."""

    rung: Literal["auto", "highest", "middle", "lowest", "sound"]


class ScreenRungOut(Out):
    rung: str


async def show(request: web.Request) -> ScreenRungOut:
    """Which rung of the picture this venue's screens are to show."""
    return ScreenRungOut(rung=await pins.pinned(node_of(request).db))


async def choose(request: web.Request) -> ScreenRungOut:
    """Pin the rung of the picture on this venue's screens, or leave it to their links again."""
    pin = Pin(body_of(request, ScreenRung).rung)
    await pin_screens(request, pin)
    return ScreenRungOut(rung=pin)


async def pin_screens(request: web.Request, pin: Pin) -> None:
    node = node_of(request)
    await pins.keep(node.db, pin)
    node.relay.set_pin(pin)


ROUTES = [
    Route("GET", "/api/screen/rung", show, access=Access.SCREEN, target=targets.screen, answer=ScreenRungOut),
    Route(
        "PUT",
        "/api/screen/rung",
        choose,
        access=Access.OPERATOR,
        target=targets.screen,
        body=ScreenRung,
        answer=ScreenRungOut,
    ),
]
