"""Lectures, and the short-lived tokens with which pages and programs publish and watch them."""

from __future__ import annotations

import datetime as dt

from aiohttp import web

from attendance.lectures import Lecture, LectureState
from broadcast import slides_of
from venues.status import Presence
from venues.tokens import TokenKind
from web import auth, targets
from web.api import models, present
from web.routes import Access, Route, body_of, node_of, user_of

PUBLISH_LIFETIME = dt.timedelta(hours=12)
VIEW_LIFETIME = dt.timedelta(hours=1)
_LECTURE = "/api/lectures/{lecture}"
_ORDER = {LectureState.LIVE: 0, LectureState.PLANNED: 1, LectureState.ENDED: 2}


async def listing(request: web.Request) -> models.LectureList:
    """The lectures that concern the caller's venue: for it, for one above or for one below."""
    found = await node_of(request).lectures.list(user_of(request).venue_id)
    return models.LectureList(lectures=[present.lecture_out(each) for each in ordered(found)])


def ordered(lectures: list[Lecture]) -> list[Lecture]:
    """Those that run first, then the planned, then the ended; each the newest first."""
    return sorted(lectures, key=lambda each: _ORDER[each.state])


async def create(request: web.Request) -> models.LectureOut:
    """Plan a lecture for a venue and everything below it."""
    wanted = body_of(request, models.LectureIn)
    node, venue_id = node_of(request), wanted.venue or user_of(request).venue_id
    lecture = await node.lectures.create(wanted.title, venue_id, wanted.starts_at)
    node.changes.notify()
    return present.lecture_out(lecture)


async def show(request: web.Request) -> models.LectureOut:
    """One lecture."""
    return present.lecture_out(await targets.lecture_of(request))


async def start(request: web.Request) -> models.LectureOut:
    """The lecture begins: venues connect and check people in. A repeat is a success."""
    node = node_of(request)
    lecture = await node.lectures.start(request.match_info["lecture"])
    node.changes.notify()
    return present.lecture_out(lecture)


async def stop(request: web.Request) -> models.LectureOut:
    """The lecture ends. A repeat is a success."""
    node = node_of(request)
    lecture = await node.lectures.stop(request.match_info["lecture"])
    node.changes.notify()
    return present.lecture_out(lecture)


async def publish_token(request: web.Request) -> models.MediaTokenOut:
    """A bearer token for the lecture's WHIP address, good for twelve hours."""
    return await _media_token(request, TokenKind.PUBLISH, "whip", PUBLISH_LIFETIME)


async def view_token(request: web.Request) -> models.MediaTokenOut:
    """A bearer token for the lecture's WHEP address at this node, good for an hour."""
    return await _media_token(request, TokenKind.VIEW, "whep", VIEW_LIFETIME)


async def _media_token(
    request: web.Request, kind: TokenKind, path: str, lifetime: dt.timedelta
) -> models.MediaTokenOut:
    node, user, lecture_id = node_of(request), user_of(request), request.match_info["lecture"]
    token = await node.tokens.issue(kind, user.name, user.venue_id, lecture_id, ttl=lifetime)
    scheme = "https" if auth.is_secure(request) else "http"
    url = f"{scheme}://{request.host}/{path}/{lecture_id}"
    return models.MediaTokenOut(token=token, expires_at=node.now() + lifetime, url=url)


async def stream(request: web.Request) -> models.StreamOut:
    """What this node's relay has of the lecture, and how many venues below this node are connected."""
    node = node_of(request)
    lecture = request.match_info["lecture"]
    status, slides = node.relay.status(lecture), node.relay.status(slides_of(lecture))
    counts = await node.health.counts(node.venue.id) if node.venue else {}
    connected = sum(counted.get(Presence.CONNECTED, 0) for counted in counts.values())
    return models.StreamOut(
        live=status.live,
        picture=status.picture,
        sound=status.sound,
        slides=slides.live,
        layout=node.relay.layout(lecture),
        kbit_s=status.kbit_s,
        loss=status.loss,
        viewers=status.viewers + status.nodes,
        venues_connected=connected,
        venues_total=sum(sum(counted.values()) for counted in counts.values()),
    )


async def lay_out(request: web.Request) -> models.StreamOut:
    """How camera and slides are shown on the screens of all venues, unless a venue chooses otherwise."""
    node_of(request).relay.lay_out(request.match_info["lecture"], body_of(request, models.LayoutIn).layout)
    return await stream(request)


ROUTES = [
    Route("GET", "/api/lectures", listing, access=Access.SESSION, answer=models.LectureList),
    Route(
        "POST",
        "/api/lectures",
        create,
        access=Access.LECTURER,
        target=targets.lecture_in_body,
        body=models.LectureIn,
        answer=models.LectureOut,
        status=201,
    ),
    Route("GET", _LECTURE, show, access=Access.SESSION, target=targets.lecture_along, answer=models.LectureOut),
    Route("POST", _LECTURE + "/start", start, access=Access.LECTURER, target=targets.lecture, answer=models.LectureOut),
    Route("POST", _LECTURE + "/stop", stop, access=Access.LECTURER, target=targets.lecture, answer=models.LectureOut),
    Route(
        "POST",
        _LECTURE + "/publish-token",
        publish_token,
        access=Access.LECTURER,
        target=targets.lecture,
        answer=models.MediaTokenOut,
        status=201,
    ),
    Route(
        "POST",
        _LECTURE + "/view-token",
        view_token,
        access=Access.WATCH,
        target=targets.lecture_along,
        answer=models.MediaTokenOut,
        status=201,
    ),
    Route(
        "PUT",
        _LECTURE + "/layout",
        lay_out,
        access=Access.LECTURER,
        target=targets.lecture,
        body=models.LayoutIn,
        answer=models.StreamOut,
    ),
    Route(
        "GET",
        _LECTURE + "/stream",
        stream,
        access=Access.SESSION,
        target=targets.lecture_along,
        answer=models.StreamOut,
    ),
]
