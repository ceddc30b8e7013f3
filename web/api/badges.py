"""Cards for the people of a unit: who has one, issue, revoke, print."""

from __future__ import annotations

import asyncio

from aiohttp import web

from attendance import badge_reports
from attendance.badge import card_text
from attendance.badge_reports import BadgesElsewhere, BadgeUnknown, Holder
from attendance.badge_sheet import sheets
from attendance.rules import PersonUnknown
from web.api import present
from web.api.badge_models import (
    HolderOut,
    IssuedOut,
    IssueIn,
    RevokedOut,
    RevokeIn,
    SheetQuery,
    UnitOut,
    UnitQuery,
)
from web.api.screen import say
from web.policy import Target
from web.routes import Access, Route, body_of, node_of, query_of, user_of

AT_ONCE = 500  # cards in one file: 50 sheets
CARD_TITLE = "Check-in card"
CARD_NUMBER = "No. {number}"


async def unit(request: web.Request) -> UnitOut:
    """The people of a venue and all below it, and their cards."""
    node, query = node_of(request), query_of(request, UnitQuery)
    venue = await node.venues.get(query.venue or user_of(request).venue_id)
    found = await badge_reports.unit(
        node.db, venue.id, limit=query.limit, offset=query.offset, which=query.which, q=query.q.strip()
    )
    return UnitOut(
        venue=present.venue_out(node.settings, venue),
        people=found.people,
        with_card=found.with_card,
        found=found.found,
        holders=[_holder(holder) for holder in found.holders],
    )


def _holder(holder: Holder) -> HolderOut:
    return HolderOut(
        person=holder.person.id,
        number=holder.person.number,
        name=holder.person.name,
        home=holder.person.home,
        card=None if holder.card is None else card_text(holder.card),
        issued_at=holder.issued_at,
    )


async def issue(request: web.Request) -> IssuedOut:
    """Cards for a whole unit or for one person."""
    node, wanted = node_of(request), body_of(request, IssueIn)
    done = await node.badges.issue(
        by=user_of(request).name, venue_id=wanted.venue, person=wanted.person, renew=wanted.renew
    )
    node.changes.notify()
    return IssuedOut(issued=done.issued, revoked=done.revoked)


async def revoke(request: web.Request) -> RevokedOut:
    """A card does not count any more, everywhere, as soon as the venues hear of it."""
    node, wanted = node_of(request), body_of(request, RevokeIn)
    revoked = await node.badges.revoke(int(wanted.card), reason=wanted.reason, by=user_of(request).name)
    node.changes.notify()
    return RevokedOut(revoked=revoked)


async def sheet(request: web.Request) -> web.Response:
    """The cards as sheets of A4 to print and cut."""
    node, query = node_of(request), query_of(request, SheetQuery)
    if not node.is_root:
        raise BadgesElsewhere
    cards = await badge_reports.to_print(
        node.db, venue_id=query.venue, person=query.person, limit=AT_ONCE, offset=query.offset
    )
    if not cards:
        raise BadgeUnknown
    words = {"title": say(request, CARD_TITLE), "numbered": say(request, CARD_NUMBER)}
    content = await asyncio.to_thread(sheets, cards, **words)
    headers = {"Content-Disposition": 'inline; filename="cards.pdf"', "Cache-Control": "no-store"}
    return web.Response(body=content, content_type="application/pdf", headers=headers)


async def unit_target(request: web.Request) -> Target:
    """The venue whose people are looked at. Raises VenueUnknown."""
    query = query_of(request, UnitQuery)
    return Target(venue_id=(await node_of(request).venues.get(query.venue)).id if query.venue else _own(request))


async def issue_target(request: web.Request) -> Target:
    """The venue, or where the person is at home. Raises VenueUnknown, PersonUnknown."""
    wanted = body_of(request, IssueIn)
    return await unit_or_person(request, wanted.venue, wanted.person)


async def sheet_target(request: web.Request) -> Target:
    """The venue, or where the person is at home. Raises VenueUnknown, PersonUnknown."""
    wanted = query_of(request, SheetQuery)
    return await unit_or_person(request, wanted.venue, wanted.person)


async def card_target(request: web.Request) -> Target:
    """Where the card's bearer is at home. Raises BadgeUnknown."""
    return await target_of_card(request, int(body_of(request, RevokeIn).card))


async def target_of_card(request: web.Request, card: int) -> Target:
    """Raises BadgeUnknown."""
    return Target(venue_id=(await badge_reports.person_of(node_of(request).db, card)).home)


async def unit_or_person(request: web.Request, venue: int | None, person: str | None) -> Target:
    """Raises VenueUnknown, PersonUnknown."""
    node = node_of(request)
    if person is None:
        return Target(venue_id=(await node.venues.get(venue or 0)).id)
    found = await node.people.get(person)
    if found is None:
        raise PersonUnknown
    return Target(venue_id=found.home)


def _own(request: web.Request) -> int:
    return user_of(request).venue_id


ROUTES = [
    Route("GET", "/api/badges", unit, access=Access.ORGANIZER, target=unit_target, query=UnitQuery, answer=UnitOut),
    Route(
        "POST",
        "/api/badges",
        issue,
        access=Access.ORGANIZER,
        target=issue_target,
        body=IssueIn,
        answer=IssuedOut,
        status=201,
    ),
    Route(
        "POST",
        "/api/badges/revoke",
        revoke,
        access=Access.ORGANIZER,
        target=card_target,
        body=RevokeIn,
        answer=RevokedOut,
    ),
    Route(
        "GET",
        "/api/badges/sheet.pdf",
        sheet,
        access=Access.ORGANIZER,
        target=sheet_target,
        query=SheetQuery,
        media="application/pdf",
    ),
]
