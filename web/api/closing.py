"""Handing a venue's attendance in, and taking it up again."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from web import targets
from web.api import models
from web.api.roll_call import written
from web.routes import Access, Route, body_of, node_of, user_of

_CLOSING = "/api/lectures/{lecture}/closing"


class ClosingOut(models.Out):
    """`closed`: this venue has handed in; then who did, when, and how many `events` went with it. `pending`: how many
    events of this node the venue above has not answered for yet."""

    closed: bool
    at: models.Timestamp | None
    operator: str | None
    events: int | None
    pending: int


class CloseIn(models.In):
    """`event`: the id of the closing, made by a page that may have to ask twice (a UUIDv7)."""

    event: Annotated[str, Field(max_length=64)] | None = None


class ReopenIn(models.In):
    reason: Annotated[str, Field(min_length=1, max_length=500)]


async def show(request: web.Request) -> ClosingOut:
    """Whether this venue's attendance is open or handed in."""
    node, lecture = node_of(request), await targets.lecture_of(request)
    closed = await node.log.closed(lecture.id)
    pending, _ = await node.pending()
    return ClosingOut(
        closed=closed is not None,
        at=closed.captured_at if closed else None,
        operator=closed.operator if closed else None,
        events=int((closed.data or {})["count"]) if closed else None,
        pending=pending,
    )


async def close(request: web.Request) -> web.Response:
    """Hand in: nothing more is taken in this venue, and the venues above learn how much there is. A repeat is a
    success."""
    return written(
        await node_of(request).log.close(
            lecture=request.match_info["lecture"],
            operator=user_of(request).name[:100],
            event_id=body_of(request, CloseIn).event,
        )
    )


async def reopen(request: web.Request) -> web.Response:
    """Take the attendance up again, with the reason."""
    return written(
        await node_of(request).log.reopen(
            lecture=request.match_info["lecture"],
            reason=body_of(request, ReopenIn).reason,
            operator=user_of(request).name[:100],
        )
    )


ROUTES = [
    Route("GET", _CLOSING, show, access=Access.OPERATOR, target=targets.lecture_here, answer=ClosingOut),
    Route(
        "POST",
        _CLOSING,
        close,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        body=CloseIn,
        answer=models.EventOut,
        status=201,
    ),
    Route(
        "POST",
        _CLOSING + "/reopen",
        reopen,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        body=ReopenIn,
        answer=models.EventOut,
        status=201,
    ),
]
