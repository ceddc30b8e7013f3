"""The tree of venues: who is connected, and the organizer's keys to it (enrolment tokens, revocation)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from aiohttp import web

from venues.hops import Hop, grade, hop
from venues.status import Presence, StreamReport, VenueStatus
from venues.tree import Venue
from web import i18n, targets
from web.api import present
from web.api.models import EnrolmentTokenOut, VenueRowOut
from web.errors import NotFound
from web.keys import LOCALE
from web.pages.forms import field, onward
from web.render import render
from web.routes import ID, Access, Route, node_of, user_of

_VENUE = "/venues/{venue:" + ID + "}"
_FOUND = 30
_DAYS = {"1": 1, "7": 7, "30": 30}


async def top(request: web.Request) -> web.Response:
    return await _show(request, await node_of(request).venues.get(user_of(request).venue_id))


async def show(request: web.Request) -> web.Response:
    return await _show(request, await _venue(request))


async def issue(request: web.Request) -> web.Response:
    """The token is part of the answer itself: it is nowhere else, and a reload asks before it makes another."""
    node, venue = node_of(request), await _venue(request)
    lifetime = dt.timedelta(days=_DAYS.get(await field(request, "days"), 7))
    replace = await field(request, "replace") == "yes"
    token = await node.enrolment.issue(venue.id, lifetime, replace=replace)
    issued = EnrolmentTokenOut(token=token, expires_at=node.now() + lifetime, parent_url=node.public_url)
    return await _show(request, venue, token=issued)


async def revoke(request: web.Request) -> web.Response:
    node, venue = node_of(request), await _venue(request)
    record = await node.enrolment.get(await field(request, "node"))
    if record.venue_id != venue.id:  # the policy looked at the venue in the path
        raise NotFound
    await node.enrolment.revoke(record.id)
    return onward(f"/venues/{venue.id}")


async def _venue(request: web.Request) -> Venue:
    return await node_of(request).venues.get(int(request.match_info["venue"]))


async def _show(request: web.Request, venue: Venue, *, token: EnrolmentTokenOut | None = None) -> web.Response:
    node, user, settings = node_of(request), user_of(request), node_of(request).settings
    path = await node.venues.path(venue.id)
    tops = [place for place, each in enumerate(path) if each.id == user.venue_id]
    children = await node.venues.children(venue.id)
    above = [venue.parent_id] if venue.parent_id is not None else []
    statuses = await node.health.statuses([*above, venue.id, *(each.id for each in children)])
    query = request.query.get("q", "").strip()[:100]
    return render(
        request,
        "venues.html",
        one=venue,
        above=path[tops[0] if tops else 0 :],  # nobody is led above the own subtree
        level_name=level_names(request),
        grade=grade,
        health=present.status_out(statuses[venue.id]),
        hops={each.id: _hop(each, statuses) for each in (venue, *children)},
        is_here=node.venue is not None and node.venue.id == venue.id,
        enrols_here=node.venue is not None and venue.parent_id == node.venue.id,
        below=present.level_counts(settings, await node.health.counts(venue.id)),
        children=[
            VenueRowOut(venue=present.venue_out(settings, each), status=present.status_out(statuses[each.id]))
            for each in children
        ],
        q=query,
        found=await node.venues.search(query, user.venue_id, _FOUND) if query else [],
        nodes=[each for each in await node.enrolment.nodes(venue.id) if each.venue_id == venue.id],
        token=token,
    )


def _hop(venue: Venue, statuses: dict[int, VenueStatus]) -> Hop | None:
    """How the lecture that is on air comes to a venue from the one above; None where it does not."""
    here = _stream(statuses[venue.id])
    above = None if venue.parent_id is None else _stream(statuses[venue.parent_id])
    return None if here is None else hop(venue.id, venue.parent_id, here, above)


def _stream(status: VenueStatus) -> StreamReport | None:
    return status.report.stream if status.report and status.presence is Presence.CONNECTED else None


def level_names(request: web.Request) -> Callable[[int], str]:
    """A level's number → its name in the request's language."""
    levels = node_of(request).settings.levels
    chinese = request[LOCALE] == i18n.CHINESE

    def name(level: int) -> str:
        if level >= len(levels):
            return str(level)
        return levels[level].zh if chinese else levels[level].en

    return name


ROUTES = [
    Route("GET", "/venues", top, access=Access.SESSION, page=True),
    Route("GET", _VENUE, show, access=Access.SESSION, target=targets.venue, page=True),
    Route(
        "POST",
        _VENUE + "/enrolment-token",
        issue,
        access=Access.ORGANIZER,
        target=targets.venue,
        page=True,
        form=True,
    ),
    Route("POST", _VENUE + "/revoke", revoke, access=Access.ORGANIZER, target=targets.venue, page=True, form=True),
]
