"""Cards for the people of a unit: who has one, issue, print, revoke, and what does not count any more."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from attendance import badge_reports
from attendance.badge import card_text, grouped, parse_card
from attendance.badge_reports import BadgeUnknown
from venues.store import VenueUnknown
from web.api.badge_models import UnitQuery
from web.api.badges import AT_ONCE, target_of_card, unit_or_person, unit_target
from web.api.screen import say
from web.pages.forms import field, onward
from web.pages.rights import own_part
from web.policy import Target
from web.render import render
from web.routes import Access, Route, node_of, query_of, user_of

_REVOKED = 20
_LIMIT = 100
# What a card is revoked for, as the page offers it; kept in English, so that both languages can show it.
OTHER = "another reason"
REASONS = ("lost", "broken", OTHER)


class BadgesPage(UnitQuery):
    """`issued` and `revoked`: how many just now, after a change."""

    issued: Annotated[int, Field(ge=0)] | None = None
    revoked: Annotated[int, Field(ge=0)] | None = None


async def show(request: web.Request) -> web.Response:
    """The unit of ?venue=, else the caller's own."""
    node, query = node_of(request), query_of(request, BadgesPage)
    venue = await node.venues.get(query.venue or user_of(request).venue_id)
    limit = min(query.limit, _LIMIT)
    found = await badge_reports.unit(
        node.db, venue.id, limit=limit, offset=query.offset, which=query.which, q=query.q.strip()
    )
    return render(
        request,
        "badges.html",
        one=venue,
        above=own_part(request, await node.venues.path(venue.id)),
        found=found,
        which=query.which.value,
        q=query.q.strip(),
        limit=limit,
        offset=query.offset,
        units=await badge_reports.units_below(node.db, venue.id),
        revoked=await badge_reports.revocations(node.db, venue.id, limit=_REVOKED),
        sheets=range(0, found.with_card, AT_ONCE),
        at_once=AT_ONCE,
        card_text=card_text,
        grouped=grouped,
        reasons=[(each, say(request, each)) for each in REASONS],
        reason_words=lambda reason: say(request, reason),
        issued=query.issued,
        no_more=query.revoked,
    )


async def issue(request: web.Request) -> web.Response:
    """Cards for everybody of the unit who has none (`renew`: new ones for everybody), or a new one for `person`."""
    node, person = node_of(request), await field(request, "person")
    venue = await _venue(request)
    renew = await field(request, "renew") == "yes"
    done = await node.badges.issue(
        by=user_of(request).name, venue_id=None if person else venue, person=person or None, renew=renew
    )
    node.changes.notify()
    return onward(f"/badges?venue={venue}&issued={done.issued}&revoked={done.revoked}")


async def revoke(request: web.Request) -> web.Response:
    """`card` does not count any more; with `again` its bearer gets a new one."""
    node, by = node_of(request), user_of(request).name
    card, reason = await _card(request), await field(request, "reason")
    revoked = await node.badges.revoke(card, reason=reason if reason in REASONS else OTHER, by=by)
    issued = 0
    if await field(request, "again") == "yes":
        bearer = await badge_reports.person_of(node.db, card)
        issued = (await node.badges.issue(by=by, person=bearer.id)).issued
    node.changes.notify()
    return onward(f"/badges?venue={await _venue(request)}&issued={issued}&revoked={int(revoked)}")


async def _venue(request: web.Request) -> int:
    """The unit that the page shows. Raises VenueUnknown."""
    text = await field(request, "venue")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise VenueUnknown(venue=text)
    return int(text)


async def _card(request: web.Request) -> int:
    """Raises BadgeUnknown."""
    card = parse_card(await field(request, "card"))
    if card is None:
        raise BadgeUnknown
    return card


async def _issue_target(request: web.Request) -> Target:
    """The unit, or where the person is at home. Raises VenueUnknown, PersonUnknown."""
    person = await field(request, "person")
    return await unit_or_person(request, None if person else await _venue(request), person or None)


async def _card_target(request: web.Request) -> Target:
    """Where the card's bearer is at home. Raises BadgeUnknown."""
    return await target_of_card(request, await _card(request))


ROUTES = [
    Route("GET", "/badges", show, access=Access.ORGANIZER, target=unit_target, query=BadgesPage, page=True),
    Route("POST", "/badges", issue, access=Access.ORGANIZER, target=_issue_target, page=True, form=True),
    Route("POST", "/badges/revoke", revoke, access=Access.ORGANIZER, target=_card_target, page=True, form=True),
]
