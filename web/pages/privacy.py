"""Personal data: erasing somebody, and what this node keeps aside."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aiohttp import web

from attendance.erasure import ErasedAtRoot, NobodyToErase, Reason
from attendance.people import person_id
from attendance.privacy_store import Requested
from web import sentences, targets
from web.pages.forms import complaint, field, say
from web.policy import Target
from web.render import render
from web.routes import Access, Route, node_of, user_of

_SHOWN = 50
NO_NUMBER = "Please enter the number."


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Whom the page names before anything is erased; without `name` the roster does not have the number."""

    number: str
    reason: Reason
    name: str | None
    home: str | None
    events: int


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def erase(request: web.Request) -> web.Response:
    node = node_of(request)
    if not node.is_root:
        raise ErasedAtRoot
    number, chosen = await field(request, "number"), await field(request, "reason")
    if not number:
        return await _page(request, status=422, problem=say(request, NO_NUMBER))
    reason = Reason(chosen) if chosen in set(Reason) else Reason.OTHER
    try:
        if await field(request, "sure") != number:
            return await _page(request, asked=await _asked(request, number, reason))
        done = await node.privacy.request(number, None, by=user_of(request).name, reason=reason)
    except NobodyToErase as error:
        return await _page(request, status=error.status, problem=complaint(request, error))
    node.changes.notify()
    return await _page(request, done=done)


async def _asked(request: web.Request, number: str, reason: Reason) -> Asked:
    """Raises NobodyToErase."""
    node = node_of(request)
    events, person = await node.privacy.known(number), await node.people.get(person_id(number))
    home = (await node.venues.get(person.home)).name if person else None
    return Asked(number=number, reason=reason, name=person.name if person else None, home=home, events=events)


async def _page(
    request: web.Request,
    *,
    status: int = 200,
    asked: Asked | None = None,
    done: Requested | None = None,
    problem: str | None = None,
) -> web.Response:
    node = node_of(request)
    return render(
        request,
        "privacy.html",
        status=status,
        asked=asked,
        done=done,
        problem=problem,
        erasures=await node.privacy.list(_SHOWN) if node.is_root else [],
        keep=await node.privacy.keep(),
        rewriting=bool(await node.privacy.must_purge()),
        reasons=list(Reason),
    )


async def _person_in_form(request: web.Request) -> Target:
    return await targets.person(request, await field(request, "number"), None)


async def quarantine(request: web.Request) -> web.Response:
    """All groups; with ?code=&venue= one of them opened."""
    node, top = node_of(request), user_of(request).venue_id
    code, venue = request.query.get("code"), request.query.get("venue", "")
    groups = await node.quarantine.groups(top)
    opened = next((one for one in groups if (one.code, str(one.venue_id)) == (code, venue)), None)
    entries = []
    if opened:
        entries = await node.quarantine.entries(top, code=opened.code, venue_id=opened.venue_id, limit=_SHOWN)
    return render(
        request,
        "quarantine.html",
        groups=[(one, say(request, sentences.quarantined(one.code))) for one in groups],
        twins=[(one, say(request, sentences.TWIN[one.kind])) for one in await node.twins.list(top)],
        opened=opened,
        entries=[(one, _pretty(one.raw)) for one in entries],
        more=max(0, opened.count - len(entries)) if opened else 0,
    )


def _pretty(raw: str) -> str:
    return json.dumps(json.loads(raw), ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace").decode()


ROUTES = [
    Route("GET", "/privacy", show, access=Access.ORGANIZER, target=targets.own_venue, page=True),
    Route("POST", "/privacy", erase, access=Access.ORGANIZER, target=_person_in_form, page=True, form=True),
    Route("GET", "/quarantine", quarantine, access=Access.ORGANIZER, page=True),
]
