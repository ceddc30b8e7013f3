"""What the venue's screen tells of the picture and sound that it really had."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from attendance.picture import Period
from web import targets
from web.api.models import In, Out
from web.routes import Access, Route, body_of, node_of

_Ms = Annotated[int, Field(ge=-(10**12), le=10**12)]  # what cannot be is refused by attendance.picture, in its words


class PeriodIn(In):
    """`number` counts the periods of one page; this one ended `ago_ms` before it was sent and is `span_ms` long, of
    which the page had a picture, and sound, for so long; it decoded so many `frames` in it."""

    number: Annotated[int, Field(le=10**9)]
    ago_ms: _Ms
    span_ms: _Ms
    picture_ms: _Ms
    sound_ms: _Ms
    frames: _Ms = 0


class PictureIn(In):
    """`screen`: another text each time that a page is opened. `periods`: all that the node has not answered for yet, in
    order; a period that it knows already changes nothing."""

    screen: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[0-9a-zA-Z-]+$")]
    periods: Annotated[list[PeriodIn], Field(min_length=1, max_length=200)]


class PictureOut(Out):
    """Seconds of the lecture: with picture, with sound, and from its beginning to the last moment that the venue's
    screens told of."""

    picture_s: int
    sound_s: int
    told_s: int


async def tell(request: web.Request) -> PictureOut:
    """A screen tells what it had in the last seconds; answered when it is on disk."""
    node, lecture = node_of(request), request.match_info["lecture"]
    wanted = body_of(request, PictureIn)
    periods = [Period(**period.model_dump()) for period in wanted.periods]
    await node.pictures.told(lecture, wanted.screen, periods)
    return await _so_far(request)


async def show(request: web.Request) -> PictureOut:
    """What this node's venue had of the lecture so far."""
    return await _so_far(request)


async def _so_far(request: web.Request) -> PictureOut:
    record = await node_of(request).pictures.so_far(request.match_info["lecture"])
    return PictureOut(picture_s=record.picture_s, sound_s=record.sound_s, told_s=record.told_s)


ROUTES = [
    Route(
        "POST",
        "/api/lectures/{lecture}/picture",
        tell,
        access=Access.SCREEN,
        target=targets.lecture_here,
        body=PictureIn,
        answer=PictureOut,
    ),
    Route(
        "GET",
        "/api/lectures/{lecture}/picture",
        show,
        access=Access.SCREEN,
        target=targets.lecture_here,
        answer=PictureOut,
    ),
]
