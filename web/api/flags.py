"""What looks odd in how people checked in by phone: told to the organizer, and to nobody else."""

from __future__ import annotations

from aiohttp import web

from attendance.flags import Flag
from attendance.flags_reports import Found
from venues.tree import Venue
from web import targets
from web.api import flags_models as models
from web.api import present
from web.api.models import VenueOut
from web.node import Node
from web.routes import Access, Route, node_of, query_of, user_of


async def flags(request: web.Request) -> models.FlagsOut:
    """Of a venue and all below it; without `venue`, of the caller's own."""
    node, lecture = node_of(request), await targets.lecture_of(request)
    venue = await node.venues.get(query_of(request, models.FlagsQuery).venue or user_of(request).venue_id)
    found = await node.flags.find(lecture.id, venue.id)
    return models.FlagsOut(
        lecture=present.lecture_out(lecture),
        venue=present.venue_out(node.settings, venue),
        flags=[_flag(node, flag, found) for flag in found.flags],
        kept_aside=found.kept_aside,
        forked=[present.venue_out(node.settings, each) for each in found.forked],
        by_mobile_code=found.by_mobile_code,
    )


def _flag(node: Node, flag: Flag, found: Found) -> models.FlagOut:
    def where(venue: Venue | None) -> VenueOut | None:
        return present.venue_out(node.settings, venue) if venue else None

    return models.FlagOut(
        sign=flag.sign.value,
        since=flag.since,
        until=flag.until,
        people=[
            models.SeenOut(
                person=who.subject,
                number=who.number,
                name=who.name,
                venue=where(found.venues.get(who.venue)),
                at=who.at,
                lecture=who.lecture,
            )
            for who in flag.people
        ],
    )


ROUTES = [
    Route(
        "GET",
        "/api/lectures/{lecture}/flags",
        flags,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=models.FlagsQuery,
        answer=models.FlagsOut,
    ),
]
