"""Which hops of a lecture's way down the tree are slow or lossy."""

from __future__ import annotations

from aiohttp import web

from attendance.lectures import Lecture
from venues.hops import Hop
from web import targets
from web.api import models, present
from web.node import Node
from web.policy import Caller
from web.routes import Access, Route, node_of, user_of

_MOST = 10


async def hops(request: web.Request) -> models.HopList:
    """Of the hops in the caller's subtree on which the lecture flows now, the worst ten, worst first."""
    found = await worst(node_of(request), user_of(request), await targets.lecture_of(request), _MOST)
    return models.HopList(hops=found)


async def worst(node: Node, caller: Caller, lecture: Lecture, most: int) -> list[models.HopOut]:
    """Of the lecture's venue and all below it, as far as they are in the caller's subtree."""
    own = await node.venues.is_within(caller.venue_id, lecture.venue_id)
    found = await node.health.worst_hops(caller.venue_id if own else lecture.venue_id, lecture.id, most)
    return [await _hop_out(node, hop) for hop in found]


async def _hop_out(node: Node, hop: Hop) -> models.HopOut:
    above = None if hop.above_id is None else await node.venues.get(hop.above_id)
    return models.HopOut(
        venue=present.venue_out(node.settings, await node.venues.get(hop.venue_id)),
        above=None if above is None else present.venue_out(node.settings, above),
        grade=hop.grade.value,
        loss=round(hop.loss, 4),
        round_trip_ms=hop.round_trip_ms,
        jitter_ms=hop.jitter_ms,
        delay_ms=hop.delay_ms,
    )


ROUTES = [
    Route(
        "GET",
        "/api/lectures/{lecture}/hops",
        hops,
        access=Access.SESSION,
        target=targets.lecture_along,
        answer=models.HopList,
    ),
]
