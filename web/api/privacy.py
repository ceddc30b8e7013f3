"""Erasing people, and what this node keeps aside."""

from __future__ import annotations

from aiohttp import web

from attendance.erasure import ErasedAtRoot, Erasure, Reason
from web import sentences, targets
from web.api import privacy_models as models
from web.pages.forms import say
from web.routes import Access, Route, body_of, node_of, query_of, user_of


async def erase(request: web.Request) -> models.ErasureDone:
    """Erase a person, at the root: the attendances stay in the figures under a pseudonym, here at once and at every
    node below as soon as it is heard of. Of somebody on the roster the home venue must be the caller's or below it."""
    node, wanted = node_of(request), body_of(request, models.ErasureIn)
    if not node.is_root:
        raise ErasedAtRoot
    reason = Reason(wanted.reason)
    done = await node.privacy.request(wanted.number, wanted.guest, by=user_of(request).name, reason=reason)
    node.changes.notify()
    return models.ErasureDone(erasure=_shown(done.erasure), events=done.events, on_roster=done.on_roster)


async def erasures(request: web.Request) -> models.ErasureList:
    """The last 200 erasures that this node knows of; who asked and why is known at the root alone."""
    privacy = node_of(request).privacy
    listed = await privacy.list()
    done = all(one.applied_at for one in listed) and not await privacy.must_purge()
    return models.ErasureList(erasures=[_shown(one) for one in listed], files_done=done)


async def quarantine(request: web.Request) -> models.QuarantineOut:
    """What nodes of the caller's subtree sent and this node could not take, by reason and venue."""
    node, top = node_of(request), user_of(request).venue_id
    groups = [
        models.QuarantineGroup(
            code=one.code,
            why=say(request, sentences.quarantined(one.code)),
            venue=one.venue_id,
            venue_name=one.venue,
            count=one.count,
            first_at=one.first_at,
            last_at=one.last_at,
        )
        for one in await node.quarantine.groups(top)
    ]
    twins = [
        models.TwinOut(
            kind=one.kind,
            why=say(request, sentences.TWIN[one.kind]),
            venue=one.venue_id,
            venue_name=one.venue,
            nodes=list(one.nodes),
            times=one.times,
        )
        for one in await node.twins.list(top)
    ]
    return models.QuarantineOut(total=sum(group.count for group in groups), groups=groups, twins=twins)


async def entries(request: web.Request) -> models.QuarantineEntries:
    """Each of them as it came, the newest first."""
    node, query = node_of(request), query_of(request, models.QuarantineQuery)
    found = await node.quarantine.entries(
        user_of(request).venue_id, code=query.code, venue_id=query.venue, limit=query.limit, offset=query.offset
    )
    return models.QuarantineEntries(
        entries=[
            models.QuarantineEntry(
                code=one.code,
                venue=one.venue_id,
                venue_name=one.venue,
                event=one.event,
                received_at=one.received_at,
                raw=one.raw,
            )
            for one in found
        ]
    )


def _shown(one: Erasure) -> models.ErasureOut:
    return models.ErasureOut(
        id=one.id,
        pseudonym=one.pseudonym,
        requested_at=one.requested_at,
        requested_by=one.requested_by,
        reason=one.reason,
        applied_at=one.applied_at,
    )


ROUTES = [
    Route(
        "POST",
        "/api/people/erasures",
        erase,
        access=Access.ORGANIZER,
        target=targets.person_in_body,
        body=models.ErasureIn,
        answer=models.ErasureDone,
        status=201,
    ),
    # Everybody's erasures say nothing of a venue, so the caller's subtree must hold this node's own.
    Route(
        "GET",
        "/api/people/erasures",
        erasures,
        access=Access.ORGANIZER,
        target=targets.own_venue,
        answer=models.ErasureList,
    ),
    Route("GET", "/api/quarantine", quarantine, access=Access.ORGANIZER, answer=models.QuarantineOut),
    Route(
        "GET",
        "/api/quarantine/entries",
        entries,
        access=Access.ORGANIZER,
        query=models.QuarantineQuery,
        answer=models.QuarantineEntries,
    ),
]
