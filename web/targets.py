"""From a request to the venue that it touches: the resolvers that route records name."""

from __future__ import annotations

from aiohttp import web

from attendance.history_reports import history
from attendance.lectures import Lecture, LectureUnknown
from attendance.people import person_id
from web.api.flags_models import FlagsQuery
from web.api.frozen_models import VersionsQuery
from web.api.models import LectureIn
from web.api.people_models import PeopleQuery
from web.api.privacy_models import ErasureIn
from web.api.report_models import NamesFileQuery, NamesQuery, ReportQuery
from web.api.statistics_models import HoursQuery, StatisticsQuery
from web.keys import BODY, NODE, QUERY
from web.policy import Relation, Target
from web.routes import user_of


async def venue(request: web.Request) -> Target:
    """`{venue}` in the path. Raises VenueUnknown."""
    return Target(venue_id=await _existing(request, int(request.match_info["venue"])))


async def venue_in_query(request: web.Request) -> Target:
    """`?venue=`, else the caller's own venue."""
    query = request[QUERY]
    figures = ReportQuery | NamesQuery | NamesFileQuery | FlagsQuery | VersionsQuery | PeopleQuery
    assert isinstance(query, figures | StatisticsQuery | HoursQuery)
    return Target(venue_id=await _existing(request, query.venue) if query.venue else user_of(request).venue_id)


async def lecture_of(request: web.Request) -> Lecture:
    """The lecture of `{lecture}` in the path. Raises LectureUnknown."""
    wanted = request.match_info["lecture"]
    found = await request.app[NODE].lectures.get(wanted)
    if found is None:
        raise LectureUnknown(lecture=wanted)
    return found


async def lecture(request: web.Request) -> Target:
    """`{lecture}` in the path, to be changed: its venue must be in the caller's subtree."""
    found = await lecture_of(request)
    return Target(venue_id=found.venue_id, lecture_id=found.id)


async def lecture_along(request: web.Request) -> Target:
    """`{lecture}` in the path, to be seen: it may be for the caller's venue, one below, or one above."""
    found = await lecture_of(request)
    return Target(venue_id=found.venue_id, relation=Relation.ALONG, lecture_id=found.id)


async def lecture_in_body(request: web.Request) -> Target:
    """The venue for which a new lecture is; without one, the caller's own."""
    body = request[BODY]
    assert isinstance(body, LectureIn)
    return Target(venue_id=await _existing(request, body.venue) if body.venue else user_of(request).venue_id)


async def own_venue(request: web.Request) -> Target:
    """This node's venue: what the screen and the codes belong to. Raises NotReady."""
    return Target(venue_id=request.app[NODE].require_venue().id)


async def screen(request: web.Request) -> Target | None:
    """This node's venue; nothing for a node that is not ready: its screen says what it waits for."""
    return None if request.app[NODE].venue is None else await own_venue(request)


async def lecture_here(request: web.Request) -> Target:
    """A lecture of the path as it is held in this node's venue: roll-call and check-in. Raises LectureUnknown."""
    found = await lecture_of(request)
    return Target(venue_id=request.app[NODE].require_venue().id, lecture_id=found.id)


async def person_in_lecture(request: web.Request) -> Target:
    """`{lecture}` and `{person}` in the path: where the person was, or is at home, whichever the caller may see. Raises
    LectureUnknown, PersonNotInLecture."""
    node, own = request.app[NODE], user_of(request).venue_id
    found = await history(node.db, (await lecture_of(request)).id, request.match_info["person"])
    venues = [entry.venue.id for entry in found.entries if entry.venue] + ([found.home.id] if found.home else [])
    for venue_id in venues:
        if await node.venues.is_within(venue_id, own):
            return Target(venue_id=venue_id)
    return Target(venue_id=venues[0] if venues else node.require_venue().id)


async def record(request: web.Request) -> Target:
    """`{person}` in the path: where the person is at home; of somebody who is on no roster, the venue of the caller's
    where the person was. Raises RecordUnknown."""
    node, own = request.app[NODE], user_of(request).venue_id
    found = await node.records.record(request.match_info["person"])
    if found.home is not None:
        return Target(venue_id=found.home.id)
    for venue_id in sorted(found.venue_ids):
        if await node.venues.is_within(venue_id, own):
            return Target(venue_id=venue_id)
    return Target(venue_id=node.require_venue().id)


async def on_roster(request: web.Request) -> Target:
    """`{person}` in the path: where the person is at home. Raises NotOnRoster."""
    node = request.app[NODE]
    found, _ = await node.rosters.person(request.match_info["person"])
    return Target(venue_id=found.home.id if found.home else node.require_venue().id)


async def person_in_body(request: web.Request) -> Target:
    """Somebody to erase: where the person is at home; of a guest, where the check-in was; of anybody else, this node's
    own venue."""
    body = request[BODY]
    assert isinstance(body, ErasureIn)
    return await person(request, body.number, body.guest)


async def person(request: web.Request, number: str | None, guest: str | None) -> Target:
    node = request.app[NODE]
    known = await node.people.get(person_id(number)) if number else None
    if known is not None:
        return Target(venue_id=known.home)
    event = await node.log.event(guest) if guest else None
    return Target(venue_id=event.venue) if event else await own_venue(request)


async def enrolled_node(request: web.Request) -> Target:
    """`{node}` in the path: the venue at which it stands. Raises NodeUnknown."""
    record = await request.app[NODE].enrolment.get(request.match_info["node"])
    return Target(venue_id=record.venue_id)


async def _existing(request: web.Request, venue_id: int) -> int:
    """Raises VenueUnknown."""
    return (await request.app[NODE].venues.get(venue_id)).id
