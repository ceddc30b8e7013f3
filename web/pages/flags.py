"""What looks odd in a lecture, in plain words: the organizer looks at it, nothing is blocked by it."""

from __future__ import annotations

from aiohttp import web

from web import targets
from web.api.flags_models import FlagsQuery
from web.pages.rights import own_part
from web.render import render
from web.routes import Access, Route, node_of, query_of, user_of

_SHOWN = 200  # flags on the page; the API has all


async def flags(request: web.Request) -> web.Response:
    node, lecture = node_of(request), await targets.lecture_of(request)
    venue_id = query_of(request, FlagsQuery).venue or user_of(request).venue_id
    found = await node.flags.find(lecture.id, venue_id)
    return render(
        request,
        "flags.html",
        lecture=lecture,
        above=own_part(request, await node.venues.path(venue_id)),
        found=found,
        flags=found.flags[:_SHOWN],
        more=max(0, len(found.flags) - _SHOWN),
        made_at=node.now(),
    )


ROUTES = [
    Route(
        "GET",
        "/lectures/{lecture}/flags",
        flags,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=FlagsQuery,
        page=True,
    ),
]
