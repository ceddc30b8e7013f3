"""What a child node asks of its parent: enrolment, bearer tokens, heartbeats, collections, and to take its events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from aiohttp import web

from attendance import follow
from attendance.event import to_wire
from attendance.streams import Stream
from venues.status import parse_heartbeat
from web import auth
from web.api import link_models as models
from web.routes import Access, Route, body_of, node_of, query_of, user_of

LONG_POLL_S = 25.0


async def enrol(request: web.Request) -> models.EnrolOut:
    """Make the holder of a key the node of the venue that a one-time token is for."""
    node, wanted = node_of(request), body_of(request, models.EnrolIn)
    await node.attempts.enrol(auth.address_of(request))
    record = await node.enrolment.enrol(wanted.token, wanted.public_key, wanted.proof, wanted.venue)
    node.health.changed.notify()  # the venues above learn of it at once
    venue = await node.venues.get(record.venue_id)
    return models.EnrolOut(node=record.id, venue=venue.id, venue_code=venue.code, venue_name=venue.name)


async def challenge(request: web.Request) -> models.ChallengeOut:
    """A nonce for the node to sign."""
    return models.ChallengeOut(
        nonce=await node_of(request).enrolment.challenge(body_of(request, models.ChallengeIn).node)
    )


async def token(request: web.Request) -> models.NodeTokenOut:
    """A bearer token for a signed nonce."""
    wanted = body_of(request, models.NodeTokenIn)
    secret, expires_in = await node_of(request).enrolment.bearer(wanted.node, wanted.nonce, wanted.signature)
    return models.NodeTokenOut(token=secret, expires_in=expires_in)


async def heartbeat(request: web.Request) -> models.HeartbeatOut:
    """What a node says of itself, what has changed below it, and which nodes were enrolled there."""
    node, child = node_of(request), user_of(request)
    received_at = node.now()
    beat = parse_heartbeat(body_of(request, models.HeartbeatIn).model_dump())
    ack = await node.health.heard(child.venue_id, beat.report, beat.below, base=beat.revision_base)
    nodes_ack, news = await node.enrolment.take(child.name, beat.nodes_base, beat.nodes)
    if news:
        node.health.changed.notify()
    return models.HeartbeatOut(received_at=received_at, sent_at=node.now(), ack=ack, nodes_ack=nodes_ack)


async def changes(request: web.Request) -> models.VersionsOut:
    """Answers as soon as a collection has another version than the query says (?tree=…&people=…), else after 25 s."""
    node, venue_id = node_of(request), user_of(request).venue_id
    known = {name: version for name, version in request.query.items() if len(version) <= 200}
    waiting = asyncio.ensure_future(node.collections.await_change(venue_id, known, LONG_POLL_S))
    stopping = asyncio.ensure_future(node.stopping.wait())
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return models.VersionsOut(versions=await waiting if waiting.done() else known)
    finally:
        waiting.cancel()
        stopping.cancel()


async def collection(request: web.Request) -> web.Response:
    """A collection's whole content for the calling node's venue."""
    wanted, venue_id = node_of(request).collections.get(request.match_info["name"]), user_of(request).venue_id
    version = await wanted.version(venue_id)  # before the content: newer content under an older name is asked for again
    content = await wanted.export(venue_id)
    body = await asyncio.to_thread(_dump, version, content)
    response = web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})
    response.enable_compression()
    return response


def _dump(version: str, content: object) -> bytes:
    return json.dumps({"version": version, "content": content}, ensure_ascii=False, separators=(",", ":")).encode()


async def events(request: web.Request) -> models.EventsOut:
    """Attendance events of the node's subtree; each is answered for by itself."""
    node = node_of(request)
    results = await node.log.ingest(body_of(request, models.EventsIn).events, user_of(request).venue_id)
    return models.EventsOut(
        results=[models.EventResultOut(id=result.id, outcome=result.outcome, code=result.code) for result in results]
    )


async def streams(request: web.Request) -> models.StreamsOut:
    """How far these streams have come, here and at the root; those that are not known here are left out."""
    found = await node_of(request).log.journey.streams(body_of(request, models.StreamsIn).streams)
    return _streams_out(found)


async def streams_below(request: web.Request) -> models.StreamsOut:
    """All streams of the calling node's subtree, up to 500 in their order: a node whose disk was set back sees it."""
    query = query_of(request, models.StreamsQuery)
    after = (query.after_node, query.after_epoch)
    return _streams_out(await node_of(request).log.journey.below(user_of(request).venue_id, follow.PAGE, after))


def _streams_out(found: Sequence[Stream]) -> models.StreamsOut:
    return models.StreamsOut(streams=[models.StreamOut.model_validate(follow.to_wire(one)) for one in found])


async def sent(request: web.Request) -> models.SentOut:
    """What the calling node's subtree had handed up, for a node whose disk was set back."""
    query = query_of(request, models.SentQuery)
    page = await node_of(request).log.journey.received(user_of(request).venue_id, query.after, follow.PAGE)
    more = page[-1][0] if len(page) == follow.PAGE else None
    return models.SentOut(events=[to_wire(event) for _, event in page], next=more)


ROUTES = [
    Route(
        "POST", "/api/node/enrol", enrol, access=Access.PUBLIC, body=models.EnrolIn, answer=models.EnrolOut, status=201
    ),
    Route(
        "POST",
        "/api/node/challenge",
        challenge,
        access=Access.PUBLIC,
        body=models.ChallengeIn,
        answer=models.ChallengeOut,
    ),
    Route("POST", "/api/node/token", token, access=Access.PUBLIC, body=models.NodeTokenIn, answer=models.NodeTokenOut),
    Route(
        "POST",
        "/api/node/heartbeat",
        heartbeat,
        access=Access.NODE,
        body=models.HeartbeatIn,
        answer=models.HeartbeatOut,
        max_body=4 * 1024 * 1024,
    ),
    Route("GET", "/api/node/changes", changes, access=Access.NODE, answer=models.VersionsOut),
    Route("GET", "/api/node/collections/{name}", collection, access=Access.NODE, answer=models.CollectionOut),
    Route(
        "POST",
        "/api/node/events",
        events,
        access=Access.NODE,
        body=models.EventsIn,
        answer=models.EventsOut,
        max_body=4 * 1024 * 1024,
    ),
    Route("GET", "/api/node/events", sent, access=Access.NODE, query=models.SentQuery, answer=models.SentOut),
    Route(
        "POST",
        "/api/node/streams",
        streams,
        access=Access.NODE,
        body=models.StreamsIn,
        answer=models.StreamsOut,
        max_body=1024 * 1024,
    ),
    Route(
        "GET",
        "/api/node/streams",
        streams_below,
        access=Access.NODE,
        query=models.StreamsQuery,
        answer=models.StreamsOut,
    ),
]
