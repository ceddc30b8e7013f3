"""The list of people: finding somebody, and taking people off it and back."""

from __future__ import annotations

from aiohttp import web

from attendance.merges_store import Candidate
from attendance.roster_reports import Listed, RosterElsewhere
from web import targets
from web.api import present
from web.api.people_models import (
    CandidateOut,
    HomeBefore,
    ListedOut,
    MergedOut,
    MergeIn,
    NumberIn,
    PeopleOut,
    PeopleQuery,
    PersonDetail,
)
from web.errors import OutsideSubtree
from web.node import Node
from web.routes import Access, Route, body_of, node_of, query_of, user_of

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
    merged = [
        MergedOut(number=each.number, merged_at=each.merged_at, merged_by=each.merged_by)
        for each in await node.merges.of(one.id)
    ]
    return PersonDetail(person=_out(node, one), before=homes, merged=merged)


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


async def merge(request: web.Request) -> CandidateOut:
    """The number is of this person, too: from now on, and for all that was, what stands under it counts for this
    person. At the root only; whoever had the number must be at home in the caller's subtree, too."""
    node, wanted = node_of(request), body_of(request, MergeIn)
    found = await merge_or_ask(request, wanted.number, ask=wanted.dry_run)
    home = present.venue_out(node.settings, await node.venues.get(found.home)) if found.home else None
    return CandidateOut(number=found.number, name=found.name, home=home, lectures=found.lectures, both=found.both)


async def merge_or_ask(request: web.Request, number: str, *, ask: bool) -> Candidate:
    """Raises OutsideSubtree, RosterElsewhere and the errors of `Merges.merge`."""
    node, kept, user = node_of(request), request.match_info["person"], user_of(request)
    found = await node.merges.candidate(kept, number)
    await _check_home(request, found.home)
    if not ask:
        await node.merges.merge(kept, number, by=user.name)
        node.changes.notify()
    return found


async def _check_home(request: web.Request, home: int | None) -> None:
    """Whoever is on no roster is the topmost venue's. Raises OutsideSubtree."""
    node = node_of(request)
    if not await node.venues.is_within(home or node.require_venue().id, user_of(request).venue_id):
        raise OutsideSubtree


async def separate(request: web.Request) -> None:
    """A number that was merged into this person's is another person's again. At the root only."""
    await separate_number(request, body_of(request, NumberIn).number)


async def separate_number(request: web.Request, number: str) -> None:
    """Raises OutsideSubtree, RosterElsewhere, NumberNotMerged."""
    node, kept = node_of(request), request.match_info["person"]
    if not node.is_root:
        raise RosterElsewhere
    await _check_home(request, await node.merges.home(kept, number))
    await node.merges.separate(kept, number)
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
    Route(
        "POST",
        _PERSON + "/merge",
        merge,
        access=Access.ORGANIZER,
        target=targets.on_roster,
        body=MergeIn,
        answer=CandidateOut,
    ),
    Route(
        "POST",
        _PERSON + "/separate",
        separate,
        access=Access.ORGANIZER,
        target=targets.on_roster,
        body=NumberIn,
        status=204,
    ),
    Route("POST", _PERSON + "/return", bring_back, access=Access.ORGANIZER, target=targets.on_roster, status=204),
]
