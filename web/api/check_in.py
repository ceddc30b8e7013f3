"""A phone checks its owner in, by the code on the venue's screen or by a ticket that it got for one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from aiohttp import web

from attendance import code as codes
from attendance import root_code
from attendance.event import Kind, Method
from attendance.lectures import Lecture
from attendance.log import Captured
from attendance.roll_call import check_open
from attendance.rules import AttendanceClosed
from venues.enrolment import NodeUnknown
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
    """What a code opens: one lecture as it is held in one venue. `node`: whose screen showed it, "" for this one's."""

    lecture: Lecture
    venue: Venue
    node: str = ""

    @property
    def method(self) -> Method:
        return Method.ROOT_CODE if self.node else Method.CODE


async def admit(node: Node, text: str) -> Admission:
    """For a code from this venue's screen, one that the node of a venue below has signed, or a ticket made from either.
    Raises CodeInvalid, NotReady."""
    own, now = node.require_venue(), node.now()
    found = tickets.check(await node.code_secret(), text, now)
    if found is None:
        found = await _signed(node, text) if "." not in text else await _own(node, text)
    if found.node:
        await _check_signer(node, found)
    elif found.venue != own.id:
        raise CodeInvalid  # this node has become another venue's within the ticket's five minutes
    lecture = await node.lectures.get(found.lecture)
    path = await node.venues.path(found.venue)
    if lecture is None or (found.node and lecture.venue_id not in {venue.id for venue in path}):
        raise CodeInvalid
    return Admission(lecture=lecture, venue=path[-1], node=found.node)


async def ticket(node: Node, admission: Admission) -> str:
    """What stands for the code for five minutes: typing a name takes longer than a code lives."""
    told = tickets.Ticket(lecture=admission.lecture.id, venue=admission.venue.id, node=admission.node)
    return tickets.make(await node.code_secret(), told, node.now())


async def _own(node: Node, text: str) -> tickets.Ticket:
    venue, secret = node.require_venue().id, await node.code_secret()
    lecture, code = codes.split(text) or ("", "")
    if not codes.check(secret, lecture, venue, code, node.now(), node.settings.attendance.code_period_s):
        raise CodeInvalid
    return tickets.Ticket(lecture=lecture, venue=venue)


async def _signed(node: Node, text: str) -> tickets.Ticket:
    code = root_code.read(text)
    if code is None:
        raise CodeInvalid
    found = tickets.Ticket(lecture=code.lecture, venue=code.venue, node=code.node)
    public_key = await _check_signer(node, found)
    if not root_code.is_genuine(text, public_key):
        raise CodeInvalid
    if not root_code.is_current(code, node.now(), await _clock(node, code.venue)):
        raise CodeInvalid
    return found


async def _check_signer(node: Node, found: tickets.Ticket) -> str:
    """The public key of the node, which must be that venue's and not revoked. Raises CodeInvalid."""
    try:
        record = await node.enrolment.get(found.node)
    except NodeUnknown as error:
        raise CodeInvalid from error
    if record.revoked_at is not None or record.venue_id != found.venue:
        raise CodeInvalid
    return record.public_key


async def _clock(node: Node, venue: int) -> root_code.ClockDoubt:
    """How the clock of a venue's node stands to this one's: hop by hop, as each last said in a heartbeat."""
    own = node.require_venue().id
    above = [each.id for each in await node.venues.path(venue)]
    between = above[above.index(own) + 1 :] if own in above else []
    statuses = await node.health.statuses(between)
    reports = [report for each in between if (report := statuses[each].report) is not None]
    if not reports or statuses[venue].report is None:
        return root_code.ClockDoubt()
    hops = [
        root_code.ClockDoubt(offset_ms=report.clock_offset_ms, doubt_ms=report.clock_uncertainty_ms or 0.0)
        if report.clock_offset_ms is not None
        else root_code.ClockDoubt()
        for report in reports
    ]
    return sum(hops, root_code.ClockDoubt(offset_ms=0.0, doubt_ms=0.0))


async def pace(request: web.Request, text: str) -> None:
    """Raises TooManyAttempts. Behind one address of a mobile network may be a whole city."""
    node, address = node_of(request), auth.address_of(request)
    await (node.attempts.check_in(address) if _is_local(text) else node.attempts.mobile(address))


def _is_local(text: str) -> bool:
    return "." in text and not text.startswith("t.")


async def phone_check_in(request: web.Request) -> web.Response:
    """A phone checks its owner in, with the code that the venue's screen shows."""
    node, wanted = node_of(request), body_of(request, models.PhoneCheckIn)
    await pace(request, wanted.code)
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
    node, number, name = node_of(request), wanted.number, wanted.name
    if admission.node:
        await node.attempts.mobile_venue(admission.venue.id)
    if wanted.as_remembered:
        known = await phones.remembered(request)
        if known is None:
            raise phones.NotRemembered
        number, name = known.number, known.name
    captured = await node.log.capture(
        lecture=admission.lecture.id,
        venue=admission.venue.id,
        number=number,
        name=name,
        method=admission.method,
        device=device,
        data={"shown_by": admission.node} if admission.node else None,
    )
    await _note_seen(node, captured, admission, device)
    return await _told(node, admission, captured)


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
    """Who was checked in before and scans again while a presence check is held, was seen at it. Where the venue has
    handed in meanwhile nothing more is written, and who is checked in stays so."""
    event = captured.event
    if not captured.already:
        return
    found = await node.reports.roll_call(event.lecture, event.venue)
    if not check_open(found.room, node.now()):
        return
    with contextlib.suppress(AttendanceClosed):
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
