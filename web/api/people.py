"""The list of people: finding somebody, and taking people off it and back."""

from __future__ import annotations

from aiohttp import web

from attendance.roster_reports import Listed, RosterElsewhere
from web import targets
from web.api import present
from web.api.people_models import HomeBefore, ListedOut, PeopleOut, PeopleQuery, PersonDetail
from web.node import Node
from web.routes import Access, Route, node_of, query_of, user_of

PERSON = "/people/{person:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}}"
_PERSON = "/api" + PERSON


async def listing(request: web.Request) -> PeopleOut:
    """People of the venue's subtree, by number, those who are off the list among them."""
    node, query = node_of(request), query_of(request, PeopleQuery)
    within = query.venue or user_of(request).venue_id
    found = await node.rosters.find(query.q, within, limit=query.limit, offset=query.offset)
    return PeopleOut(total=found.total, people=[_out(node, each) for each in found.people])


async def show(request: web.Request) -> PersonDetail:
    """One person: where at home now, and where before."""
    node = node_of(request)
    one, before = await node.rosters.person(request.match_info["person"])
    homes = [
        HomeBefore(
            path=[present.venue_out(node.settings, venue) for venue in each.path], until=each.until, away=each.away
        )
        for each in before
    ]
    return PersonDetail(person=_out(node, one), before=homes)


async def take_off(request: web.Request) -> None:
    """From now on no lecture expects the person; what was attended stays. A repeat is a success. At the root only."""
    node, one = await _at_root(request)
    if one.gone_at is None:
        await node.people.leave([one.number], node.now())
        node.changes.notify()


async def bring_back(request: web.Request) -> None:
    """Somebody who was taken off the list is on it again, with the same home. A repeat is a success."""
    node, one = await _at_root(request)
    if one.gone_at is not None:
        await node.people.come_back([one.number], node.now())
        node.changes.notify()


async def _at_root(request: web.Request) -> tuple[Node, Listed]:
    """Raises RosterElsewhere, NotOnRoster."""
    node = node_of(request)
    if not node.is_root:
        raise RosterElsewhere
    one, _ = await node.rosters.person(request.match_info["person"])
    return node, one


def _out(node: Node, one: Listed) -> ListedOut:
    return ListedOut(
        person=one.id,
        number=one.number,
        name=one.name,
        path=[present.venue_out(node.settings, venue) for venue in one.path],
        since=one.since,
        gone_at=one.gone_at,
    )


ROUTES = [
    Route(
        "GET",
        "/api/people",
        listing,
        access=Access.ORGANIZER,
        target=targets.venue_in_query,
        query=PeopleQuery,
        answer=PeopleOut,
    ),
    Route("GET", _PERSON, show, access=Access.ORGANIZER, target=targets.on_roster, answer=PersonDetail),
    Route("POST", _PERSON + "/leave", take_off, access=Access.ORGANIZER, target=targets.on_roster, status=204),
    Route("POST", _PERSON + "/return", bring_back, access=Access.ORGANIZER, target=targets.on_roster, status=204),
]
