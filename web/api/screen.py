"""What the venue's screen shows, and what the state bar shows."""

from __future__ import annotations

from aiohttp import web

from attendance import code as codes
from attendance import root_code
from attendance.lectures import Lecture, LectureState
from attendance.qr import qr_svg
from broadcast import slides_of
from web import sentences, targets
from web.api import models, present
from web.keys import LOCALE, RENDERER
from web.node import Node
from web.routes import Access, Route, node_of
from web.version import VERSION


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
        mobile_url=None,
        mobile_svg=None,
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
    mobile = await _mobile_url(node, lecture, venue)
    return {
        "code_url": url,
        "code_svg": qr_svg(url),
        "code_expires_in_s": round(remaining, 3),
        "mobile_url": mobile,
        "mobile_svg": qr_svg(mobile) if mobile else None,
    }


async def _mobile_url(node: Node, lecture: str, venue: int) -> str | None:
    """The code for phones that do not reach this node, where one above takes it."""
    phone_url = await node.phone_url.above()
    if not phone_url or node.identity is None:
        return None
    code = root_code.make(
        node.identity.key,
        node=node.id,
        lecture=lecture,
        venue=venue,
        now=node.now(),
        period_s=node.settings.attendance.code_period_s,
    )
    return root_code.url(phone_url, code)


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
]
