"""What the venue's screen shows, what the state bar shows, and the check-in by phone that the screen's code opens."""

from __future__ import annotations

from aiohttp import web

from attendance import code as codes
from attendance.event import Kind, Method
from attendance.lectures import Lecture, LectureState
from attendance.log import Captured
from attendance.qr import qr_svg
from attendance.roll_call import check_open
from broadcast import slides_of
from venues.errors import TongtangError
from web import auth, sentences, targets, tickets
from web.api import models, present
from web.keys import LOCALE, RENDERER
from web.node import Node
from web.routes import Access, Route, body_of, node_of
from web.version import VERSION


class CodeInvalid(TongtangError):
    """This code is no longer valid. Please scan the code on the screen again."""

    code = "code_invalid"
    status = 403


async def screen(request: web.Request) -> models.ScreenOut:
    """What the venue's screen shows now; asked each second."""
    node = node_of(request)
    link = link_out(request)
    venue = node.venue
    if venue is None:
        sentence = say(request, sentences.READINESS[node.readiness.value])
        return _screen(link, state="no_venue", sentence=sentence)
    lecture = await node.current_lecture()
    state = _state(node, lecture)
    shown = _screen(link, state=state, sentence=say(request, sentences.SCREEN[state]))
    shown = shown.model_copy(update={"venue": present.venue_out(node.settings, venue)})
    if lecture is None:
        return shown
    count = await node.reports.count(lecture.id, venue.id)
    status, slides = node.relay.status(lecture.id), node.relay.status(slides_of(lecture.id))
    more: dict[str, object] = {
        "lecture": present.lecture_out(lecture),
        "present": count.present,
        "expected": count.expected,
        "picture": status.picture,
        "sound": status.sound,
        "slides": slides.live,
        "layout": node.relay.layout(lecture.id),
    }
    if lecture.state is LectureState.LIVE:
        more |= await _code(node, lecture.id, venue.id)
    return shown.model_copy(update=more)


def _screen(link: models.LinkOut, *, state: str, sentence: str) -> models.ScreenOut:
    return models.ScreenOut(
        state=state,
        picture=False,
        sound=False,
        slides=False,
        layout="auto",
        sentence=sentence,
        link=link,
        venue=None,
        lecture=None,
        present=0,
        expected=0,
        code_url=None,
        code_svg=None,
        code_expires_in_s=None,
    )


def _state(node: Node, lecture: Lecture | None) -> str:
    if lecture is None:
        return "no_lecture"
    if lecture.state is LectureState.PLANNED:
        return "planned"
    streams = (lecture.id, slides_of(lecture.id))
    return "live" if any(node.relay.status(each).live for each in streams) else "waiting"


async def _code(node: Node, lecture: str, venue: int) -> dict[str, object]:
    period, now = node.settings.attendance.code_period_s, node.now()
    url = codes.url(node.public_url, lecture, codes.make(await node.code_secret(), lecture, venue, now, period))
    remaining = period - now.timestamp() % period
    return {"code_url": url, "code_svg": qr_svg(url), "code_expires_in_s": round(remaining, 3)}


async def phone_check_in(request: web.Request) -> models.PhoneCheckInOut:
    """A phone checks its owner in at this venue, with the code that the screen shows."""
    node, wanted = node_of(request), body_of(request, models.PhoneCheckIn)
    await node.attempts.check_in(auth.address_of(request))
    lecture = await lecture_of_code(node, wanted.code)
    captured = await node.log.capture(
        lecture=lecture.id, number=wanted.number, name=wanted.name, method=Method.CODE, device=device_of(request)
    )
    await note_seen(node, captured, device_of(request))
    return await checked_in(node, lecture, captured)


async def note_seen(node: Node, captured: Captured, device: str | None) -> None:
    """Who was checked in before and scans again while a presence check is held, was seen at it."""
    event = captured.event
    if not captured.already:
        return
    found = await node.reports.roll_call(event.lecture, event.venue)
    if check_open(found.room, node.now()):
        await node.log.capture(
            lecture=event.lecture, about=event.id, kind=Kind.PRESENCE_CHECK, method=Method.CODE, device=device
        )


async def checked_in(node: Node, lecture: Lecture, captured: Captured) -> models.PhoneCheckInOut:
    """What the phone is told: a guest is whoever is not at home in this very venue, as in its roll-call."""
    event = captured.event
    person = await node.people.get(event.person) if event.person else None
    return models.PhoneCheckInOut(
        lecture=lecture.id,
        title=lecture.title,
        name=event.name,
        captured_at=event.captured_at,
        already=captured.already,
        guest=person is None or person.home != node.require_venue().id,
    )


async def ticket_for_code(node: Node, text: str) -> tuple[Lecture, str]:
    """The lecture that a code from this venue's screen opens, and a ticket that stands for the code for five minutes:
    typing a name takes longer than a code lives. Raises CodeInvalid, NotReady."""
    lecture = await lecture_of_code(node, text)
    return lecture, tickets.make(await node.code_secret(), lecture.id, node.require_venue().id, node.now())


async def lecture_of_code(node: Node, text: str) -> Lecture:
    """The lecture that a code from this venue's screen opens, or a ticket made from one. CodeInvalid, NotReady."""
    venue, secret, now = node.require_venue(), await node.code_secret(), node.now()
    lecture_id = tickets.check(secret, text, venue.id, now)
    if lecture_id is None:
        lecture_id, code = codes.split(text) or ("", "")
        if not codes.check(secret, lecture_id, venue.id, code, now, node.settings.attendance.code_period_s):
            raise CodeInvalid
    lecture = await node.lectures.get(lecture_id)
    if lecture is None:
        raise CodeInvalid
    return lecture


def device_of(request: web.Request) -> str | None:
    """What the browser calls itself, cut to what an event may hold."""
    agent = request.headers.get("User-Agent", "")
    return "".join(filter(str.isprintable, agent))[:100] or None


async def state(request: web.Request) -> models.NodeStateOut:
    """This node: what it waits for, its link to the parent, what it has not handed up yet."""
    node = node_of(request)
    count, oldest = await node.pending()
    return models.NodeStateOut(
        readiness=node.readiness.value,
        venue=present.venue_out(node.settings, node.venue) if node.venue else None,
        version=VERSION,
        time=node.now(),
        link=link_out(request),
        pending_events=count,
        oldest_pending_s=oldest,
        udp_port=node.relay.udp_port,
    )


def link_out(request: web.Request) -> models.LinkOut:
    uplink = node_of(request).uplink
    return models.LinkOut(
        state=uplink.state,
        reason=uplink.reason,
        since=uplink.since,
        clock_offset_ms=uplink.clock_offset_ms,
        clock_uncertainty_ms=uplink.clock_uncertainty_ms,
        sentence=say(request, sentences.LINK[uplink.state]),
    )


def say(request: web.Request, sentence: str) -> str:
    """The sentence in the caller's language."""
    return request.app[RENDERER].catalogues[request[LOCALE]].gettext(sentence)


ROUTES = [
    Route("GET", "/api/screen", screen, access=Access.SCREEN, target=targets.screen, answer=models.ScreenOut),
    Route("GET", "/api/node", state, access=Access.SESSION, answer=models.NodeStateOut),
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
