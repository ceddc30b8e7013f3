"""Who is here: the roll-call of this node's venue, ticks, walk-ins and undo."""

from __future__ import annotations

import asyncio

from aiohttp import web

from attendance.event import Data, Kind, Method
from attendance.lectures import LectureState
from attendance.log import Captured
from attendance.report import RollCallEntry
from attendance.roll_call import Room, check_moment, check_open
from attendance.rules import AttendanceClosed
from attendance.spelling import spellings
from venues.errors import TongtangError
from web import targets
from web.api import models, present, roll_call_models
from web.dispatch import json_response
from web.keys import LOCALE, RENDERER
from web.node import Node
from web.routes import Access, Handler, Route, body_of, node_of, user_of

_LECTURE = "/api/lectures/{lecture}"


async def show(request: web.Request) -> roll_call_models.RollCallOut:
    """Everybody of this venue's roster, then those who came from elsewhere: what stands of each, since when and how."""
    node, lecture = node_of(request), await targets.lecture_of(request)
    venue, now = node.require_venue(), node.now()
    found = await node.reports.roll_call(lecture.id, venue.id)
    spelled = await asyncio.to_thread(lambda: [spellings(entry.name) for entry in found.entries])
    entries, held = found.entries, found.room
    due_at = check_moment(lecture, node.id)
    shown = await node.pictures.so_far(lecture.id)
    return roll_call_models.RollCallOut(
        lecture=present.lecture_out(lecture),
        venue=present.venue_out(node.settings, venue),
        expected=sum(not entry.guest for entry in entries),
        present=sum(entry.present for entry in entries),
        leave=sum(entry.state == "leave" for entry in entries),
        headcount=held.headcount,
        headcount_at=held.headcount_at,
        check_at=held.check_at,
        check_open=check_open(held, now),
        check_due=lecture.state is LectureState.LIVE and not held.checks and due_at is not None and now >= due_at,
        seen=sum(_seen(entry, held) for entry in entries),
        picture_s=shown.picture_s,
        sound_s=shown.sound_s,
        told_s=shown.told_s,
        people=[_row(node, entry, held, typed) for entry, typed in zip(entries, spelled, strict=True)],
    )


def _seen(entry: RollCallEntry, held: Room) -> bool:
    return bool(entry.seen_at and held.check_at and entry.seen_at >= held.check_at)


def _row(node: Node, entry: RollCallEntry, held: Room, typed: str) -> roll_call_models.PersonRow:
    return roll_call_models.PersonRow(
        person=entry.person,
        number=entry.number,
        name=entry.name,
        spellings=typed,
        state=entry.state,
        present=entry.present,
        at=entry.at,
        until=entry.until,
        method=entry.method,
        event=entry.event,
        reason=entry.reason,
        late=entry.late,
        seen=_seen(entry, held),
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
        device=wanted.device,
        event_id=wanted.event,
    )
    return written(captured)


async def check_in_many(request: web.Request) -> roll_call_models.ManyOut:
    """Tick many people of the roster at once; each is answered for itself, when it is on disk."""
    found = body_of(request, roll_call_models.ManyIn).people
    results = await asyncio.gather(*(_one_of_many(request, who) for who in found))
    return roll_call_models.ManyOut(results=list(results))


async def _one_of_many(request: web.Request, who: roll_call_models.WhoIn) -> roll_call_models.OneOfMany:
    try:
        captured = await _note(request, who, kind=Kind.CHECK_IN)
    except TongtangError as error:
        if error.status >= 500:
            raise
        message = request.app[RENDERER].catalogues[request[LOCALE]].sentence(error.template, error.fields)
        return roll_call_models.OneOfMany(person=who.person, event=None, code=error.code, message=message)
    return roll_call_models.OneOfMany(person=who.person, event=captured.event.id, code=None, message=None)


async def sign_out(request: web.Request) -> web.Response:
    """Somebody who was here leaves."""
    return written(await _note(request, body_of(request, roll_call_models.WhoIn), kind=Kind.SIGN_OUT))


async def leave(request: web.Request) -> web.Response:
    """Somebody is excused, with the reason."""
    wanted = body_of(request, roll_call_models.ReasonedIn)
    return written(await _note(request, wanted, kind=Kind.LEAVE, reason=wanted.reason))


async def state(request: web.Request) -> web.Response:
    """The operator's correction, as long as the attendance is not handed in; after that it is the organizer's."""
    wanted, node = body_of(request, roll_call_models.StatementIn), node_of(request)
    if await node.log.closed(request.match_info["lecture"]) is not None:
        raise AttendanceClosed
    data = {"state": wanted.state, "late": wanted.late, "early": wanted.early}
    told = {name: value for name, value in data.items() if value is not None}
    return written(await _note(request, wanted, kind=Kind.CORRECTION, reason=wanted.reason, data=told))


async def count(request: web.Request) -> web.Response:
    """How many people are in the room, counted by head; it stands beside the sum."""
    wanted = body_of(request, roll_call_models.HeadcountIn)
    return written(await _note(request, None, kind=Kind.HEADCOUNT, data={"people": wanted.people}, mine=wanted.event))


async def begin_check(request: web.Request) -> web.Response:
    """A presence check begins: for a quarter of an hour people can be marked as seen."""
    mine = body_of(request, roll_call_models.CheckStartIn).event
    return written(await _note(request, None, kind=Kind.PRESENCE_CHECK, mine=mine))


async def see(request: web.Request) -> web.Response:
    """Somebody was seen at the presence check."""
    return written(await _note(request, body_of(request, roll_call_models.WhoIn), kind=Kind.PRESENCE_CHECK))


async def _note(
    request: web.Request,
    who: roll_call_models.WhoIn | None,
    *,
    kind: Kind,
    reason: str | None = None,
    data: Data | None = None,
    mine: str | None = None,
) -> Captured:
    return await node_of(request).log.capture(
        lecture=request.match_info["lecture"],
        person=who.person if who else None,
        about=who.about if who else None,
        kind=kind,
        method=Method.ROLL_CALL,
        operator=user_of(request).name[:100],
        reason=reason,
        data=data,
        event_id=who.event if who else mine,
    )


async def undo(request: web.Request) -> web.Response:
    """Take a check-in back; it stays in the log with the reason. A repeat is a success."""
    wanted = body_of(request, models.UndoIn)
    captured = await node_of(request).log.capture(
        lecture=request.match_info["lecture"],
        kind=Kind.UNDO,
        supersedes=wanted.event,
        reason=wanted.reason,
        operator=user_of(request).name[:100],
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


def _noting(path: str, handler: Handler, body: type[models.In]) -> Route:
    return Route(
        "POST",
        _LECTURE + path,
        handler,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        body=body,
        answer=models.EventOut,
        status=201,
    )


ROUTES = [
    Route(
        "GET",
        _LECTURE + "/roll-call",
        show,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        answer=roll_call_models.RollCallOut,
    ),
    _noting("/check-ins", check_in, models.CheckInIn),
    Route(
        "POST",
        _LECTURE + "/check-ins/many",
        check_in_many,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        body=roll_call_models.ManyIn,
        answer=roll_call_models.ManyOut,
    ),
    _noting("/undo", undo, models.UndoIn),
    _noting("/sign-outs", sign_out, roll_call_models.WhoIn),
    _noting("/leaves", leave, roll_call_models.ReasonedIn),
    _noting("/statements", state, roll_call_models.StatementIn),
    _noting("/headcounts", count, roll_call_models.HeadcountIn),
    _noting("/presence-checks", begin_check, roll_call_models.CheckStartIn),
    _noting("/presence-checks/seen", see, roll_call_models.WhoIn),
]
