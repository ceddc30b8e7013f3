"""A phone checks its owner in, by the code on the venue's screen or by a ticket that it got for one."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from attendance import code as codes
from attendance.event import Kind, Method
from attendance.lectures import Lecture
from attendance.log import Captured
from attendance.roll_call import check_open
from venues.errors import TongtangError
from venues.tree import Venue
from web import auth, phones, tickets
from web.api import models
from web.dispatch import json_response
from web.node import Node
from web.routes import Access, Route, body_of, node_of


class CodeInvalid(TongtangError):
    """This code is no longer valid. Please scan the code on the screen again."""

    code = "code_invalid"
    status = 403


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What a code opens: one lecture as it is held in one venue."""

    lecture: Lecture
    venue: Venue
    method: Method


async def admit(node: Node, text: str) -> Admission:
    """For a code from this venue's screen, or a ticket made from one. Raises CodeInvalid, NotReady."""
    venue, secret, now = node.require_venue(), await node.code_secret(), node.now()
    lecture_id = tickets.check(secret, text, venue.id, now)
    if lecture_id is None:
        lecture_id, code = codes.split(text) or ("", "")
        if not codes.check(secret, lecture_id, venue.id, code, now, node.settings.attendance.code_period_s):
            raise CodeInvalid
    lecture = await node.lectures.get(lecture_id)
    if lecture is None:
        raise CodeInvalid
    return Admission(lecture=lecture, venue=venue, method=Method.CODE)


async def ticket(node: Node, admission: Admission) -> str:
    """What stands for the code for five minutes: typing a name takes longer than a code lives."""
    return tickets.make(await node.code_secret(), admission.lecture.id, admission.venue.id, node.now())


async def phone_check_in(request: web.Request) -> web.Response:
    """A phone checks its owner in, with the code that the venue's screen shows."""
    node, wanted = node_of(request), body_of(request, models.PhoneCheckIn)
    await node.attempts.check_in(auth.address_of(request))
    admission = await admit(node, wanted.code)
    device = phones.device_of(request)
    done = await check_in(request, admission, wanted, device)
    response = json_response(done, status=201)
    await keep(request, response, wanted, done, device)
    return response


async def check_in(
    request: web.Request, admission: Admission, wanted: models.PhoneCheckIn, device: str
) -> models.PhoneCheckInOut:
    """Write it down. Raises NotRemembered and what `EventLog.capture` does."""
    number, name = wanted.number, wanted.name
    if wanted.as_remembered:
        known = await phones.remembered(request)
        if known is None:
            raise phones.NotRemembered
        number, name = known.number, known.name
    captured = await node_of(request).log.capture(
        lecture=admission.lecture.id,
        venue=admission.venue.id,
        number=number,
        name=name,
        method=admission.method,
        device=device,
    )
    await _note_seen(node_of(request), captured, admission, device)
    return await _told(node_of(request), admission, captured)


async def keep(
    request: web.Request,
    response: web.StreamResponse,
    wanted: models.PhoneCheckIn,
    done: models.PhoneCheckInOut,
    device: str,
) -> None:
    """What the phone shall keep of it."""
    phones.keep_device(request, response, device)
    if wanted.remember and wanted.number:
        await phones.remember(request, response, wanted.number, done.name)


async def _note_seen(node: Node, captured: Captured, admission: Admission, device: str) -> None:
    """Who was checked in before and scans again while a presence check is held, was seen at it."""
    event = captured.event
    if not captured.already:
        return
    found = await node.reports.roll_call(event.lecture, event.venue)
    if check_open(found.room, node.now()):
        await node.log.capture(
            lecture=event.lecture,
            venue=event.venue,
            about=event.id,
            kind=Kind.PRESENCE_CHECK,
            method=admission.method,
            device=device,
        )


async def _told(node: Node, admission: Admission, captured: Captured) -> models.PhoneCheckInOut:
    """A guest is whoever is not at home in this very venue, as in its roll-call."""
    event = captured.event
    person = await node.people.get(event.person) if event.person else None
    return models.PhoneCheckInOut(
        lecture=admission.lecture.id,
        title=admission.lecture.title,
        name=event.name,
        captured_at=event.captured_at,
        already=captured.already,
        guest=person is None or person.home != admission.venue.id,
    )


ROUTES = [
    Route(
        "POST",
        "/api/check-in",
        phone_check_in,
        access=Access.PUBLIC,
        body=models.PhoneCheckIn,
        answer=models.PhoneCheckInOut,
        status=201,
    ),
]
