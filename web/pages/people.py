"""The list of people: finding somebody."""

from __future__ import annotations

from aiohttp import web

from web.api.people_models import PeopleQuery
from web.pages.rights import own_part
from web.render import render
from web.routes import Access, Route, node_of, query_of, user_of


async def show(request: web.Request) -> web.Response:
    node, own = node_of(request), user_of(request).venue_id
    query = query_of(request, PeopleQuery)
    return render(
        request,
        "people.html",
        found=await node.rosters.find(query.q, own, limit=query.limit, offset=query.offset),
        q=query.q,
        limit=query.limit,
        offset=query.offset,
        own=lambda path: own_part(request, list(path)),
        may_bring_in=node.venue is not None and await node.venues.is_within(node.venue.id, own),
    )


ROUTES = [
    Route("GET", "/people", show, access=Access.ORGANIZER, query=PeopleQuery, page=True),
]
