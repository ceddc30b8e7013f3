"""Who is here: the roll-call of this node's venue, ticks, walk-ins and undo."""

from __future__ import annotations

from aiohttp import web

from attendance.event import Kind, Method
from attendance.log import Captured
from attendance.report import RollCallEntry
from web import targets
from web.api import models, present
from web.api.screen import device_of
from web.dispatch import json_response
from web.node import Node
from web.routes import Access, Route, body_of, node_of, user_of

_LECTURE = "/api/lectures/{lecture}"


async def show(request: web.Request) -> models.RollCallOut:
    """Everybody of this venue's roster, then those who came from elsewhere; who is ticked, since when and how."""
    node, lecture = node_of(request), await targets.lecture_of(request)
    venue = node.require_venue()
    entries = await node.reports.roll_call(lecture.id, venue.id)
    return models.RollCallOut(
        lecture=present.lecture_out(lecture),
        venue=present.venue_out(node.settings, venue),
        expected=sum(not entry.guest for entry in entries),
        present=sum(entry.present for entry in entries),
        people=[_row(node, entry) for entry in entries],
    )


def _row(node: Node, entry: RollCallEntry) -> models.PersonRow:
    return models.PersonRow(
        person=entry.person,
        number=entry.number,
        name=entry.name,
        present=entry.present,
        at=entry.at,
        method=entry.method,
        event=entry.event,
        guest=entry.guest,
        elsewhere=present.venue_out(node.settings, entry.elsewhere) if entry.elsewhere else None,
    )


async def check_in(request: web.Request) -> web.Response:
    """Tick somebody of the roster, or take in a walk-in. The answer comes when it is on disk."""
    wanted = body_of(request, models.CheckInIn)
    captured = await node_of(request).log.capture(
        lecture=request.match_info["lecture"],
        person=wanted.person,
        number=wanted.number,
        name=wanted.name,
        method=Method.ROLL_CALL if wanted.person else Method.WALK_IN,
        operator=user_of(request).name[:100],
        device=wanted.device or device_of(request),
        event_id=wanted.event,
    )
    return written(captured)


async def undo(request: web.Request) -> web.Response:
    """Take a check-in back; it stays in the log with the reason. A repeat is a success."""
    wanted = body_of(request, models.UndoIn)
    captured = await node_of(request).log.capture(
        lecture=request.match_info["lecture"],
        kind=Kind.UNDO,
        supersedes=wanted.event,
        reason=wanted.reason,
        operator=user_of(request).name[:100],
        device=device_of(request),
    )
    return written(captured)


def written(captured: Captured) -> web.Response:
    """The answer that an event is on disk: 201, or 200 when one that says so was there before."""
    event = captured.event
    answer = models.EventOut(
        event=event.id,
        kind=str(event.kind),
        method=str(event.method),
        person=event.person,
        number=event.number,
        name=event.name,
        captured_at=event.captured_at,
        already=captured.already,
    )
    return json_response(answer, status=200 if captured.already else 201)


ROUTES = [
    Route(
        "GET",
        _LECTURE + "/roll-call",
        show,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        answer=models.RollCallOut,
    ),
    Route(
        "POST",
        _LECTURE + "/check-ins",
        check_in,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        body=models.CheckInIn,
        answer=models.EventOut,
        status=201,
    ),
    Route(
        "POST",
        _LECTURE + "/undo",
        undo,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        body=models.UndoIn,
        answer=models.EventOut,
        status=201,
    ),
]
