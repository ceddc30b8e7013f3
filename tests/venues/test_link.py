from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import random
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.venues.parent import Parent, failure, until
from tests.venues.world import CITY, COUNTY, LEVELS, VILLAGE, Clock, Entropy, report, rows
from venues import (
    Changes,
    Database,
    Enrolment,
    Health,
    Identity,
    LinkState,
    NodeKey,
    Pace,
    ParentLink,
    ParentRefused,
    ParentUnreachable,
    Presence,
    TokenKind,
    VenueStore,
    enrol,
)
from venues.identity import enrol_message
from venues.link import ReplyInvalid

FAST = Pace(interval_s=0.1, first_s=0.05, most_s=0.1, refused_s=60, poll_s=5)
ECHO = "/api/echo"


@pytest.fixture
async def parent(tmp_path: Path, clock: Clock) -> AsyncIterator[Parent]:
    db = Database(f"sqlite:///{tmp_path / 'parent.db'}")
    await db.create_tables()
    parent = Parent(db, clock)
    await parent.prepare()
    await parent.start()
    yield parent
    await parent.stop()
    await db.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def identity(parent: Parent) -> Identity:
    return await parent.make_node(CITY)


@pytest.fixture
def link(parent: Parent, identity: Identity, session: aiohttp.ClientSession, clock: Clock) -> ParentLink:
    return ParentLink(identity, [parent.url], session, clock, random.random, pace=FAST)


@contextlib.asynccontextmanager
async def running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
        for task in tasks:
            assert not task.done(), task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def no_changes(revision: int) -> list[Any]:
    return []


async def test_enrolment(parent: Parent) -> None:
    key = NodeKey.make(bytes(32))
    token = await parent.enrolment.issue(COUNTY, dt.timedelta(hours=1))
    result = await enrol(parent.url + "/", token, key)
    assert (result.venue_id, result.venue_code, result.parent_url) == (COUNTY, "K1", parent.url)
    assert (await parent.enrolment.get(result.node_id)).public_key == key.public
    with pytest.raises(ParentRefused, match="already been used") as refused:
        await enrol(parent.url, token, NodeKey.make(bytes([7] * 32)))
    assert refused.value.fields["reason"] == "token_used"


async def test_the_parent_is_asked_in_english(parent: Parent, link: ParentLink) -> None:
    await link.request("GET", ECHO)
    with pytest.raises(ParentRefused):
        await enrol(parent.url, "token", NodeKey.make(bytes(32)))
    assert parent.languages == {"en"}


async def test_enrolment_where_nobody_is(parent: Parent) -> None:
    await parent.stop()
    with pytest.raises(ParentUnreachable, match="connect_failed"):
        await enrol(parent.url, "token", NodeKey.make(bytes(32)))


async def test_a_request_as_this_node(parent: Parent, link: ParentLink, identity: Identity) -> None:
    assert link.state is LinkState.CONNECTING
    response = await link.request("PUT", ECHO, data="hello", headers={"X-Test": "a"})
    assert (response.status, response.body, response.headers["x-subject"]) == (418, b"PUT a hello", identity.node_id)
    assert (link.state, link.reason) == (LinkState.CONNECTED, "")
    response = await link.request("POST", ECHO, json={"a": 1})
    assert response.body == b'POST  {"a": 1}'
    with pytest.raises(ReplyInvalid, match=ECHO):
        response.json()
    assert parent.asked("/api/node/token") == 1


async def test_the_bearer_is_renewed_before_it_expires(parent: Parent, link: ParentLink, clock: Clock) -> None:
    await link.request("GET", ECHO)
    clock.move(900 * 0.8)
    await link.request("GET", ECHO)
    assert (parent.asked("/api/node/token"), parent.asked(ECHO)) == (2, 2)


async def test_a_401_gets_a_new_bearer(parent: Parent, link: ParentLink, identity: Identity) -> None:
    await link.request("GET", ECHO)
    await parent.tokens.revoke_subject(TokenKind.NODE, identity.node_id)
    together = await asyncio.gather(*(link.request("GET", ECHO) for _ in range(5)))
    assert {response.status for response in together} == {418}
    assert parent.asked("/api/node/token") == 2


async def test_a_parent_that_never_accepts_the_bearer(parent: Parent, link: ParentLink) -> None:
    parent.failing[ECHO] = failure(401, "unauthorized", "Sign in first.")
    with pytest.raises(ParentRefused):
        await link.request("GET", ECHO)
    assert (link.state, link.reason) == (LinkState.REFUSED, "unauthorized")
    assert parent.asked(ECHO) == 2


async def test_revoked_and_asking_slowly(parent: Parent, link: ParentLink, identity: Identity, clock: Clock) -> None:
    await link.request("GET", ECHO)
    await parent.enrolment.revoke(identity.node_id)
    for _ in range(3):
        with pytest.raises(ParentRefused, match="has been revoked"):
            await link.request("GET", ECHO)
    assert (link.state, link.reason) == (LinkState.REVOKED, "node_revoked")
    assert parent.asked("/api/node/challenge") == 2  # one at first, one refused
    clock.move(60)
    with pytest.raises(ParentRefused):
        await link.request("GET", ECHO)
    assert parent.asked("/api/node/challenge") == 3


async def test_an_unknown_node_is_refused(parent: Parent, session: aiohttp.ClientSession, clock: Clock) -> None:
    stranger = Identity(node_id="x", venue_id=CITY, venue_code="C1", key=NodeKey.make(bytes(32)))
    link = ParentLink(stranger, [parent.url], session, clock, random.random, pace=FAST)
    with pytest.raises(ParentRefused):
        await link.request("GET", ECHO)
    assert (link.state, link.reason) == (LinkState.REFUSED, "node_unknown")


async def test_a_busy_parent_is_not_a_refusal(parent: Parent, link: ParentLink) -> None:
    parent.failing["/api/node/challenge"] = failure(429, "too_many", "Slowly.")
    with pytest.raises(ParentUnreachable):
        await link.request("GET", ECHO)
    assert (link.state, link.reason) == (LinkState.UNREACHABLE, "http_429")


async def test_a_proxy_without_its_parent(parent: Parent, link: ParentLink) -> None:
    parent.failing[ECHO] = web.Response(status=502, body=b"<html>")
    with pytest.raises(ParentUnreachable, match="http_502"):
        await link.request("GET", ECHO)
    parent.failing[ECHO] = failure(503, "tokens_unavailable", "Try again.")
    assert (await link.request("GET", ECHO)).error == ("tokens_unavailable", "Try again.")
    assert link.state is LinkState.CONNECTED


async def test_the_next_parent_in_the_list(
    parent: Parent, identity: Identity, session: aiohttp.ClientSession, clock: Clock, unused_tcp_port: int
) -> None:
    urls = [f"http://127.0.0.1:{unused_tcp_port}", parent.url]
    link = ParentLink(identity, urls, session, clock, random.random, pace=FAST)
    with pytest.raises(ParentUnreachable):
        await link.request("GET", ECHO)
    assert link.url == parent.url
    assert (await link.request("GET", ECHO)).status == 418
    await parent.stop()
    with pytest.raises(ParentUnreachable):
        await link.request("GET", ECHO)
    assert link.url == urls[0]


async def test_a_parent_that_refuses_does_not_keep_a_node_from_the_other(
    parent: Parent, identity: Identity, session: aiohttp.ClientSession, clock: Clock, unused_tcp_port: int
) -> None:
    parent.failing["/api/node/challenge"] = failure(404, "node_unknown", "No.")
    link = ParentLink(
        identity, [parent.url, f"http://127.0.0.1:{unused_tcp_port}"], session, clock, random.random, pace=FAST
    )
    for error in (ParentRefused, ParentUnreachable, ParentRefused, ParentUnreachable):
        with pytest.raises(error):
            await link.request("GET", ECHO)
    assert parent.asked("/api/node/challenge") == 1  # the second refusal was ours
    parent.failing.clear()
    clock.move(60)
    assert (await link.request("GET", ECHO)).status == 418


async def test_records_of_nodes_go_up_with_the_heartbeat(
    parent: Parent, identity: Identity, session: aiohttp.ClientSession, tmp_path: Path, clock: Clock
) -> None:
    db = Database(f"sqlite:///{tmp_path / 'child.db'}")
    await db.create_tables()
    await VenueStore(db).replace(await parent.venues.export(CITY))
    enrolment = Enrolment(db, clock, Entropy(3))
    link = ParentLink(identity, [parent.url], session, clock, random.random, pace=FAST)
    key = NodeKey.make(bytes([9] * 32))
    token = await enrolment.issue(COUNTY, dt.timedelta(hours=1))
    record = await enrolment.enrol(token, key.public, key.sign(enrol_message(token, key.public)))

    async def is_known() -> bool:
        return [node.id for node in await parent.enrolment.nodes(COUNTY, below=True)] == [record.id]

    async def is_revoked() -> bool:
        return (await parent.enrolment.get(record.id)).revoked_at is not None

    async with running(link.heartbeat_loop(report, no_changes, nodes=enrolment.news_since)):
        await until(is_known)
        await enrolment.revoke(record.id)
        await until(is_revoked)
    await db.close()


async def test_heartbeats_through_an_outage(
    parent: Parent, identity: Identity, session: aiohttp.ClientSession, clock: Clock
) -> None:
    states: list[LinkState] = []
    link = ParentLink(identity, [parent.url], session, clock, random.random, pace=FAST, on_state=states.append)
    parent.ahead = dt.timedelta(milliseconds=1500)

    async def presence() -> Presence:
        return (await parent.health.statuses([CITY]))[CITY].presence

    async def connected() -> bool:
        return await presence() is Presence.CONNECTED

    async with running(link.heartbeat_loop(lambda: report(pending_events=3), no_changes)):
        await until(connected)
        known = (await parent.health.statuses([CITY]))[CITY].report
        assert known is not None
        assert known.pending_events == 3
        await until(lambda: link.clock is not None)
        assert link.clock is not None
        assert link.clock.offset_ms == 1500

        await parent.stop()
        await until(lambda: link.state is LinkState.UNREACHABLE)
        clock.move(60)
        assert await presence() is Presence.SILENT
        await parent.start()
        await until(lambda: len(states) == 3)  # the parent knows of a beat before its sender does
        assert await connected()
    assert states == [LinkState.CONNECTED, LinkState.UNREACHABLE, LinkState.CONNECTED]


async def test_one_request_that_gets_through_ends_the_waiting_of_the_others(
    parent: Parent, identity: Identity, session: aiohttp.ClientSession, clock: Clock
) -> None:
    patient = Pace(interval_s=0.1, first_s=3600, most_s=3600, poll_s=5)
    link = ParentLink(identity, [parent.url], session, clock, lambda: 0.99, pace=patient)
    await parent.stop()
    async with running(link.heartbeat_loop(report, no_changes), link.follow_loop([])):
        await until(lambda: link.state is LinkState.UNREACHABLE)
        await parent.start()
        assert (await link.request("GET", ECHO)).status == 418
        await until(lambda: parent.asked("/api/node/heartbeat") > 0)
        await until(lambda: parent.asked("/api/node/changes") > 0)


async def test_news_from_below_climbs_at_once(
    parent: Parent, identity: Identity, session: aiohttp.ClientSession, tmp_path: Path, clock: Clock
) -> None:
    db = Database(f"sqlite:///{tmp_path / 'child.db'}")
    await db.create_tables()
    await VenueStore(db).replace(await parent.venues.export(CITY))
    health = Health(db, clock, 35)
    slow = Pace(interval_s=3600)  # only news wakes it
    link = ParentLink(identity, [parent.url], session, clock, random.random, pace=slow)

    async def of_itself() -> Any:
        return report()

    async def seen(venue_id: int, presence: Presence) -> bool:
        return (await parent.health.statuses([venue_id]))[venue_id].presence is presence

    async with running(link.heartbeat_loop(of_itself, health.changes_since, wake=health.changed)):
        await health.heard(COUNTY, report())
        await until(lambda: seen(COUNTY, Presence.CONNECTED))
        await health.heard(VILLAGE, report())
        await until(lambda: seen(VILLAGE, Presence.CONNECTED))
        clock.move(36)
        await health.heard(COUNTY, report())
        await until(lambda: seen(COUNTY, Presence.CONNECTED))
        assert await seen(VILLAGE, Presence.SILENT)
    await db.close()


async def test_a_parent_that_cannot_read_heartbeats(parent: Parent, link: ParentLink) -> None:
    parent.failing["/api/node/heartbeat"] = failure(400, "report_invalid", "No.")
    async with running(link.heartbeat_loop(report, no_changes)):
        await until(lambda: parent.asked("/api/node/heartbeat") >= 3)
        parent.failing["/api/node/heartbeat"] = web.Response(body=b"{}")
        await until(lambda: parent.asked("/api/node/heartbeat") >= 5)
        parent.failing.clear()
        await until(lambda: link.clock is not None)


async def test_following_the_tree(parent: Parent, link: ParentLink, tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'child.db'}")
    await db.create_tables()
    child, changes = VenueStore(db), Changes()

    async def has(code: str) -> bool:
        return any(venue.code == code for venue in await child.subtree(1))

    async with running(link.follow_loop([child], changes)):
        await until(lambda: has("V1"))
        assert not await has("C2")  # not this city's business
        count = changes.count
        assert count == 1
        addition = "code,name,level,parent\nV3,新村,village,T1\n"
        await parent.venues.import_rows(rows(addition), LEVELS)
        parent.changes.notify()
        await until(lambda: has("V3"))
        await until(lambda: changes.count == count + 1)

        await parent.stop()
        await until(lambda: link.state is LinkState.UNREACHABLE)
        await parent.venues.import_rows(rows(addition.replace("V3", "V4")), LEVELS)
        await parent.start()
        await until(lambda: has("V4"))
    assert parent.asked("/api/node/collections/tree") == 3
    await db.close()


async def test_one_bad_collection_does_not_end_the_following(parent: Parent, link: ParentLink, tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'child.db'}")
    await db.create_tables()
    child = VenueStore(db)
    path = "/api/node/collections/tree"
    parent.failing[path] = web.json_response({"version": "1", "content": "nonsense"})

    async def has_tree() -> bool:
        return await child.root() is not None

    async with running(link.follow_loop([child])):
        await until(lambda: parent.asked(path) >= 2)
        parent.failing.clear()
        await until(has_tree)
    await db.close()
