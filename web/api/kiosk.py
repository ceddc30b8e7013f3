"""Cards at the door: what the kiosk page shows, a camera's frame read, and the check-in with what a card says."""

from __future__ import annotations

import asyncio

from aiohttp import web

from attendance.badge import bearer, card_text
from attendance.badge_store import Shown
from attendance.camera import HIGHEST, WIDEST, read_code
from attendance.event import CARD, Method
from attendance.log import Captured
from venues.errors import TongtangError
from web import sentences, targets
from web.api import present
from web.api.badge_models import BadgeAnswer, BadgeShown, FrameOut, FrameQuery, KioskOut
from web.api.screen import link_out, say
from web.current import door_state
from web.dispatch import json_response
from web.node import Node
from web.routes import Access, Route, body_of, node_of, query_of, user_of


class KioskShut(TongtangError):
    """Cards are not taken now: no lecture is on or about to begin."""

    code = "kiosk_shut"
    status = 409


async def state(request: web.Request) -> KioskOut:
    """What the kiosk shows while nobody holds up a card; asked every few seconds."""
    node = node_of(request)
    lecture = await node.current_lecture()
    if node.venue is None:
        name, sentence = "no_venue", sentences.READINESS[node.readiness.value]
    else:
        name = door_state(lecture, node.now())
        if lecture is not None and name == "open" and await node.log.closed(lecture.id):
            name = "closed"
        sentence = sentences.KIOSK[name]
    found = await node.reports.roll_call(lecture.id, node.venue.id) if lecture and node.venue else None
    entries = found.entries if found else ()
    pending, oldest = await node.pending()
    return KioskOut(
        state=name,
        sentence=say(request, sentence),
        venue=present.venue_out(node.settings, node.venue) if node.venue else None,
        lecture=present.lecture_out(lecture) if lecture else None,
        present=sum(entry.present for entry in entries),
        guests=sum(entry.present and entry.guest for entry in entries),
        expected=sum(not entry.guest for entry in entries),
        link=link_out(request),
        pending_events=pending,
        oldest_pending_s=oldest,
        time=node.now(),
    )


async def frame(request: web.Request) -> FrameOut:
    """Read a code from a frame of the kiosk's camera. It is looked at and forgotten."""
    size = query_of(request, FrameQuery)
    return FrameOut(payload=await asyncio.to_thread(read_code, await request.read(), size.width, size.height))


async def check_in(request: web.Request) -> web.Response:
    """Somebody held a card up to the kiosk of this node's venue. The answer comes when it is on disk."""
    node = node_of(request)
    node.require_venue()
    lecture = await node.current_lecture()
    meant = body_of(request, BadgeShown).lecture
    if lecture is None or door_state(lecture, node.now()) != "open" or meant not in (None, lecture.id):
        raise KioskShut
    return await _checked_in(request, node, lecture.id, Method.KIOSK, None)


async def check_in_by_operator(request: web.Request) -> web.Response:
    """The operator read somebody's card. The answer comes when it is on disk."""
    operator = user_of(request).name[:100]
    return await _checked_in(request, node_of(request), request.match_info["lecture"], Method.BADGE, operator)


async def _checked_in(
    request: web.Request, node: Node, lecture: str, method: Method, operator: str | None
) -> web.Response:
    wanted = body_of(request, BadgeShown)
    shown = await node.badges.check(wanted.payload)
    captured = await node.log.capture(
        lecture=lecture,
        person=shown.person.id if shown.person else None,
        name=None if shown.person else bearer(shown.card),
        method=method,
        operator=operator,
        data={CARD: card_text(shown.card)},
        event_id=wanted.event,
    )
    answer = await _answer(node, lecture, shown, captured, wanted.event)
    return json_response(answer, status=200 if captured.already else 201)


async def _answer(node: Node, lecture: str, shown: Shown, captured: Captured, asked: str | None) -> BadgeAnswer:
    event, person = captured.event, shown.person
    path = await node.venues.path(person.home) if person else []
    guest = person is None or person.home != node.require_venue().id
    # The repeat of a question whose answer was lost is answered as the first one was.
    already = captured.already and event.id != asked
    return BadgeAnswer(
        outcome="already" if already else "guest" if guest else "new",
        name=person.name if person else event.name,
        home=present.venue_out(node.settings, path[-1]) if path else None,
        home_above=path[-2].name if len(path) > 1 else "",
        event=event.id,
        captured_at=event.captured_at,
        lecture=lecture,
        card=card_text(shown.card),
    )


ROUTES = [
    Route("GET", "/api/kiosk", state, access=Access.SCREEN, target=targets.screen, answer=KioskOut),
    Route(
        "POST",
        "/api/kiosk/frames",
        frame,
        access=Access.SCREEN,
        target=targets.screen,
        query=FrameQuery,
        answer=FrameOut,
        takes="application/octet-stream",
        max_body=WIDEST * HIGHEST,
    ),
    Route(
        "POST",
        "/api/kiosk/check-ins",
        check_in,
        access=Access.SCREEN,
        target=targets.own_venue,
        body=BadgeShown,
        answer=BadgeAnswer,
        status=201,
    ),
    Route(
        "POST",
        "/api/lectures/{lecture}/badges",
        check_in_by_operator,
        access=Access.OPERATOR,
        target=targets.lecture_here,
        body=BadgeShown,
        answer=BadgeAnswer,
        status=201,
    ),
]
