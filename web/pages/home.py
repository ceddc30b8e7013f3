"""Home: what is on now, and the two or three things that this role does."""

from __future__ import annotations

from aiohttp import web

from attendance.lectures import LectureState
from attendance.report import VenueCounts
from venues.status import Presence
from web import pins, sentences
from web.pages.forms import say
from web.pages.rights import lecture_rows
from web.policy import Role
from web.render import render
from web.routes import Access, Route, node_of, user_of

_FINE = ("root", "connected")


async def home(request: web.Request) -> web.Response:
    node, user = node_of(request), user_of(request)
    lectures = await node.lectures.list(user.venue_id)
    live = [each for each in lectures if each.state is LectureState.LIVE]
    planned = [each for each in lectures if each.state is LectureState.PLANNED]
    pending, _oldest_s = await node.pending()
    return render(
        request,
        "home.html",
        live=await lecture_rows(request, live),
        planned=min(planned, key=lambda each: (each.starts_at is None, each.starts_at or node.now()), default=None),
        counts=await _counts(request),
        pending=None if node.is_root else pending,
        aside=await node.quarantine.count(user.venue_id) if user.role is Role.ORGANIZER else 0,
        twins=len(await node.twins.list(user.venue_id)) if user.role is Role.ORGANIZER else 0,
        pin=await pins.pinned(node.db) if await _owns_screens(request) else None,
        trouble=None if node.uplink.state in _FINE else say(request, sentences.LINK[node.uplink.state]),
    )


async def _owns_screens(request: web.Request) -> bool:
    """Whether the picture on this venue's screens is the caller's to choose."""
    node, user = node_of(request), user_of(request)
    if node.venue is None or user.role is Role.LECTURER:
        return False
    return user.venue_id in [venue.id for venue in await node.venues.path(node.venue.id)]


async def _counts(request: web.Request) -> VenueCounts | None:
    """The caller's venue and all below it, as its row of the report counts them; None where there are none below."""
    health, own = node_of(request).health, user_of(request).venue_id
    below = await health.counts(own)
    if not below:
        return None
    itself = (await health.statuses([own]))[own].presence
    summed = {kind: sum(level.get(kind, 0) for level in below.values()) + (kind is itself) for kind in Presence}
    return VenueCounts(
        total=sum(summed.values()),
        connected=summed[Presence.CONNECTED],
        silent=summed[Presence.SILENT],
        never_seen=summed[Presence.NEVER_SEEN],
    )


ROUTES = [Route("GET", "/", home, access=Access.SESSION, page=True)]
