"""The tree of venues, who is connected, and the nodes that stand there."""

from __future__ import annotations

import datetime as dt

from aiohttp import web

from web import targets
from web.api import models, present
from web.routes import ID, Access, Route, body_of, node_of, query_of, user_of

_VENUE = "/api/venues/{venue:" + ID + "}"


async def search(request: web.Request) -> models.VenueList:
    """Venues of the caller's subtree whose name contains, or whose code begins with, the text."""
    node, query = node_of(request), query_of(request, models.VenueSearch)
    found = await node.venues.search(query.q, user_of(request).venue_id, query.limit)
    return models.VenueList(venues=[present.venue_out(node.settings, venue) for venue in found])


async def show(request: web.Request) -> models.VenueDetail:
    """One venue with its path, its state and the number of venues below it by level and presence."""
    node, venue_id = node_of(request), int(request.match_info["venue"])
    *above, venue = await node.venues.path(venue_id)
    statuses = await node.health.statuses([venue_id])
    counts = await node.health.counts(venue_id)
    return models.VenueDetail(
        venue=present.venue_out(node.settings, venue),
        path=[present.venue_out(node.settings, each) for each in above],
        status=present.status_out(statuses[venue_id]),
        below=present.level_counts(node.settings, counts),
    )


async def children(request: web.Request) -> models.VenueChildren:
    """The venues right below one, with their states."""
    node = node_of(request)
    found = await node.venues.children(int(request.match_info["venue"]))
    statuses = await node.health.statuses([venue.id for venue in found])
    rows = [
        models.VenueRowOut(venue=present.venue_out(node.settings, venue), status=present.status_out(statuses[venue.id]))
        for venue in found
    ]
    return models.VenueChildren(venues=rows)


async def issue_token(request: web.Request) -> models.EnrolmentTokenOut:
    """A one-time token with which the venue's node enrols here."""
    node, wanted = node_of(request), body_of(request, models.EnrolmentTokenIn)
    lifetime = dt.timedelta(seconds=wanted.expires_in_s)
    token = await node.enrolment.issue(int(request.match_info["venue"]), lifetime, replace=wanted.replace)
    return models.EnrolmentTokenOut(token=token, expires_at=node.now() + lifetime, parent_url=node.public_url)


async def nodes(request: web.Request) -> models.NodeList:
    """The nodes enrolled here for venues of the caller's subtree, revoked ones too."""
    node = node_of(request)
    listed = []
    for record in await node.enrolment.nodes(user_of(request).venue_id):
        venue = await node.venues.get(record.venue_id)
        listed.append(
            models.NodeOut(
                node=record.id,
                venue=venue.id,
                venue_code=venue.code,
                venue_name=venue.name,
                enrolled_at=record.enrolled_at,
                revoked_at=record.revoked_at,
            )
        )
    return models.NodeList(nodes=listed)


async def revoke(request: web.Request) -> None:
    """The node's key and all its tokens stop counting at once."""
    await node_of(request).enrolment.revoke(request.match_info["node"])


ROUTES = [
    Route("GET", "/api/venues", search, access=Access.SESSION, query=models.VenueSearch, answer=models.VenueList),
    Route("GET", _VENUE, show, access=Access.SESSION, target=targets.venue, answer=models.VenueDetail),
    Route(
        "GET", _VENUE + "/children", children, access=Access.SESSION, target=targets.venue, answer=models.VenueChildren
    ),
    Route(
        "POST",
        _VENUE + "/enrolment-tokens",
        issue_token,
        access=Access.ORGANIZER,
        target=targets.venue,
        body=models.EnrolmentTokenIn,
        answer=models.EnrolmentTokenOut,
        status=201,
    ),
    Route("GET", "/api/nodes", nodes, access=Access.ORGANIZER, answer=models.NodeList),
    Route(
        "POST", "/api/nodes/{node}/revoke", revoke, access=Access.ORGANIZER, target=targets.enrolled_node, status=204
    ),
]
