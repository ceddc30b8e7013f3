"""The media door: WHIP (RFC 9725) for publishers, WHEP (draft-ietf-wish-whep) for screens and child nodes.

Thin: the relay answers offers; this file says it in HTTP, and bounds how often and how much anybody may ask for.
tests/conformance has a test for each line of both documents.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import ClassVar

from aiohttp import hdrs, web
from multidict import CIMultiDict

from attendance.lectures import LectureState
from broadcast import Answer, NothingLive, SessionUnknown, slides_of
from broadcast.errors import AlreadyPublished, EtagStale
from venues.errors import TongtangError
from venues.settings import IceServer
from web import auth, targets
from web.api.rungs import RungOut
from web.policy import CallerKind, Target
from web.routes import Access, Handler, Route, caller_of, node_of, user_of

_SDP = "application/sdp"
_FRAGMENT = "application/trickle-ice-sdpfrag"
_MOST_SESSIONS = {CallerKind.PUBLISH: 4, CallerKind.VIEW: 200, CallerKind.NODE: 20}  # of one owner at a time
_HOLD_S, _HOLD_PUBLISHER_S = 1.0, 2.0
_SOON_S = 0.02  # from a publisher's connection to its first packet
_LOOK_S = 0.25  # whether the node stops
_PATHS = ("/whip/", "/whep/", "/session/")
_CORS = {
    hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
    hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: "ETag, Location, Link, Retry-After, Accept-Post",
}
_PREFLIGHT = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, If-Match",
    hdrs.ACCESS_CONTROL_MAX_AGE: "86400",
}


_ETAGS = re.compile(r'(?:W/)?"[^"]*"|\*')


class WrongContentType(TongtangError):
    """The body must be {expected}."""

    code: ClassVar[str] = "wrong_content_type"
    status: ClassVar[int] = 415


class LectureEnded(TongtangError):
    """This lecture has ended; nothing more can be published to it."""

    code: ClassVar[str] = "lecture_ended"
    status: ClassVar[int] = 410


class TooManySessions(TongtangError):
    """You already have as many media sessions as one may have; end one, or wait until a lost one is noticed."""

    code: ClassVar[str] = "too_many_sessions"
    status: ClassVar[int] = 503
    retry_after_s: ClassVar[int] = 5


async def _pace(request: web.Request) -> None:
    """Each method has its own count by bearer and by address. Raises TooManyAttempts."""
    caller, token = caller_of(request), request.headers.get(hdrs.AUTHORIZATION, "")
    kind = caller.kind if caller else None
    await node_of(request).attempts.media(request.method, auth.address_of(request), kind, token)


async def _lecture(request: web.Request) -> Target:
    """`{lecture}` in the path as the token must name it; nothing is looked up, so that the store may be down."""
    return Target(lecture_id=request.match_info["lecture"])


def _stream(request: web.Request) -> str:
    """The lecture's main stream, or that of its slides."""
    lecture = request.match_info["lecture"]
    return slides_of(lecture) if request.path.endswith(f"/{lecture}/slides") else lecture


async def whip(request: web.Request) -> web.Response:
    """Publish: POST an SDP offer, get the answer."""
    offer = await _body(request, _SDP)
    lecture = await targets.lecture_of(request)
    _bound(request)
    if lecture.state is LectureState.ENDED:
        raise LectureEnded
    return _created(request, await _once_free(request, _stream(request), offer))


async def _once_free(request: web.Request, stream: str, offer: str) -> Answer:
    """A publisher who comes back after a crash waits here until the former session has been silent for long enough,
    and not a Retry-After longer. Raises AlreadyPublished."""
    node = node_of(request)
    loop = asyncio.get_running_loop()
    until = loop.time() + _HOLD_PUBLISHER_S
    while True:
        try:
            return await node.relay.whip(stream, offer)
        except AlreadyPublished:
            if loop.time() > until or node.stopping.is_set() or request.transport is None:
                raise
        await asyncio.sleep(_SOON_S)


async def whep(request: web.Request) -> web.Response:
    """Watch: POST an SDP offer, get the answer; 409 when nothing has come on air within a moment."""
    offer = await _body(request, _SDP)
    _bound(request)
    return _created(request, await _once_live(request, offer))


async def _once_live(request: web.Request, offer: str) -> Answer:
    """Hold the request back for a moment: who asks just before a lecture comes on air, as all nodes of a province do
    then, has its picture as soon as there is one, and not a Retry-After later. Raises NothingLive."""
    node, stream = node_of(request), _stream(request)
    is_node = user_of(request).kind is CallerKind.NODE
    loop = asyncio.get_running_loop()
    until = loop.time() + _HOLD_S
    while True:
        seen = node.changes.count
        try:
            return await node.relay.whep(stream, offer, node=is_node)
        except NothingLive:
            left_s = until - loop.time()
            if left_s <= 0 or node.stopping.is_set() or request.transport is None:  # a client that left hangs up
                raise
        await node.changes.wait(min(left_s, _SOON_S if node.relay.status(stream).fed else _LOOK_S), seen)


async def _body(request: web.Request, expected: str) -> str:
    if request.content_type != expected:
        raise WrongContentType(expected=expected)
    return (await request.read()).decode("utf-8", errors="replace")


def _bound(request: web.Request) -> None:
    """Raises TooManySessions. One owner is one name, whatever number of tokens it has been given."""
    caller = user_of(request)
    owners = node_of(request).relay.owners.values()
    if sum(owner == (caller.kind, caller.name) for owner in owners) >= _MOST_SESSIONS[caller.kind]:
        raise TooManySessions


def _created(request: web.Request, answer: Answer) -> web.Response:
    node, caller = node_of(request), user_of(request)
    node.relay.owners[answer.session] = (caller.kind, caller.name)
    headers = CIMultiDict({hdrs.LOCATION: f"/session/{answer.session}", hdrs.ETAG: f'"{answer.etag}"'})
    headers.extend((hdrs.LINK, link) for link in ice_links(node.settings.media.ice_servers))
    return web.Response(status=201, text=answer.sdp, content_type=_SDP, headers=headers)


def ice_links(servers: Iterable[IceServer]) -> list[str]:
    """Values of Link headers (RFC 9725 §4.6, RFC 8288)."""
    links = []
    for server in servers:
        link = f'<{server.url}>; rel="ice-server"'
        if server.username:
            link += f"; username={_quoted(server.username)}; credential={_quoted(server.credential)}"
            link += '; credential-type="password"'
        links.append(link)
    return links


def _quoted(text: str) -> str:
    """RFC 9110 §5.6.4."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _own_session(request: web.Request) -> str:
    """The session of the path, if it is the caller's. Raises SessionUnknown: whose it is, is nobody else's business."""
    session, caller = request.match_info["session"], caller_of(request)
    owner = node_of(request).relay.owners.get(session)
    if caller is None or owner != (caller.kind, caller.name):
        raise SessionUnknown
    return session


async def patch(request: web.Request) -> web.Response:
    """Trickle ICE (204, this side needs no candidates) or an ICE restart (200 with new credentials)."""
    session = _own_session(request)
    body = await _body(request, _FRAGMENT)
    restarted = _trickle(request, session, body)
    if restarted is None:
        return web.Response(status=204)
    fragment, etag = restarted
    return web.Response(text=fragment, content_type=_FRAGMENT, headers={hdrs.ETAG: f'"{etag}"'})


def _trickle(request: web.Request, session: str, body: str) -> tuple[str, str] | None:
    """With each ETag of If-Match, which may list several (RFC 9110 §13.1.1), until one is the session's present one."""
    relay, given = node_of(request).relay, request.headers.getall(hdrs.IF_MATCH, [])
    *others, last = _ETAGS.findall(",".join(given)) or given[:1] or [None]
    for etag in others:
        try:
            return relay.trickle(session, body, etag)
        except EtagStale:
            continue
    return relay.trickle(session, body, last)


async def shown(request: web.Request) -> RungOut:
    """What a viewer's session is sent of the picture: which rung, or sound alone."""
    found = node_of(request).relay.shown(_own_session(request))
    return RungOut(
        picture=found.rung is not None,
        rung=found.rung,
        rungs=found.rungs,
        width=found.width,
        height=found.height,
        kbit_s=found.kbit_s,
    )


async def delete(request: web.Request) -> web.Response:
    """End a session."""
    relay = node_of(request).relay
    session = _own_session(request)
    relay.owners.pop(session, None)
    relay.delete(session)
    return web.Response(status=200)


async def nothing(_request: web.Request) -> web.Response:
    """GET and HEAD: success without content; HEAD tells a player what it would get here."""
    return web.Response(status=200, content_type=_SDP)


async def preflight(_request: web.Request) -> web.Response:
    """OPTIONS, without authentication: what may be posted, and from where."""
    return web.Response(status=200, headers={"Accept-Post": _SDP} | _PREFLIGHT)


async def allow_origins(request: web.Request, response: web.StreamResponse) -> None:
    """Players on other sites may speak to the media door: it takes bearer tokens only, never a cookie."""
    if request.path.startswith(_PATHS):
        response.headers.update(_CORS)


_NAME = r"{lecture:[0-9A-Za-z-]{1,64}}"
_SESSION = r"/session/{session:[0-9A-Za-z_-]{1,64}}"


def _door(path: str, handler: Handler, access: Access) -> list[Route]:
    return [
        Route("POST", path, handler, access, _lecture, _pace, takes=_SDP, media=_SDP, status=201),
        Route("GET", path, nothing, access=Access.PUBLIC, anonymous=True, media=_SDP),
        Route("HEAD", path, nothing, access=Access.PUBLIC, anonymous=True, media=_SDP),
        Route("OPTIONS", path, preflight, access=Access.PUBLIC, anonymous=True),
    ]


ROUTES = [
    *_door(f"/whip/{_NAME}", whip, Access.PUBLISH),
    *_door(f"/whep/{_NAME}", whep, Access.VIEW),
    *_door(f"/whip/{_NAME}/slides", whip, Access.PUBLISH),
    *_door(f"/whep/{_NAME}/slides", whep, Access.VIEW),
    Route("PATCH", _SESSION, patch, access=Access.STREAM, pace=_pace, takes=_FRAGMENT, media=_FRAGMENT),
    Route("GET", f"{_SESSION}/rung", shown, access=Access.STREAM, answer=RungOut),
    Route("DELETE", _SESSION, delete, access=Access.STREAM, pace=_pace),
    Route("OPTIONS", _SESSION, preflight, access=Access.PUBLIC, anonymous=True),
]
