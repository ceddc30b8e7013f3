"""S1–S10: what a session answers to PATCH and DELETE, and how it ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from broadcast import Relay, SessionUnknown
from tests.broadcast.peers import LECTURE, publishing, until, watching
from tests.conformance import offers
from tests.conformance.checks import Checker, remote_of
from tests.conformance.door import FRAGMENT, SDP, Door, Session
from tests.conformance.sites import Site
from tests.web.nodes import eventually

PUBLISH = offers.read("chromium-vp8")
CANDIDATE = "a=candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host\r\n"
UNUSABLE = (
    "a=candidate:2 1 udp 2130706431 c0ffee00-1234-4abc-8def-001122334455.local 50001 typ host\r\n"
    "a=candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active\r\n"
    "a=candidate:4 1 udp 2130706431 fe80::1 50002 typ host\r\n"
    "a=candidate:5 1 udp 2130706431 192.0.2.7 99999 typ host\r\n"
)
MALFORMED = ["hello", '{"candidate": ""}', "", "a=end-of-candidates", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"]


def fragment(candidates: str = CANDIDATE, *, ufrag: str = "", sdp: str = PUBLISH) -> str:
    """A trickle fragment (RFC 8840 §4.4); with another ufrag it asks for an ICE restart."""
    credentials = f"a=ice-ufrag:{ufrag or offers.attribute(sdp, 'ice-ufrag')}\r\n"
    credentials += f"a=ice-pwd:{ufrag * 6 or offers.attribute(sdp, 'ice-pwd')}\r\n"
    return credentials + f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n{candidates}"


RESTART = fragment(ufrag="abcd")


@pytest.fixture
async def session(site: Site, whip: Door) -> Session:
    opened = await whip.open(PUBLISH)
    if site.node is None:
        reply = await opened.patch(fragment(), If_Match=opened.etag)
        if reply.status in (405, 422, 501):
            pytest.skip(f"optional, and not here: PATCH ({reply.status})")
    return opened


@pytest.fixture
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.close()


async def alive(session: Session) -> bool:
    return (await session.patch(fragment(), If_Match=session.etag)).status == 204


@pytest.mark.parametrize("media_type", [SDP, "application/json", ""])
async def test_s1_another_type_than_a_fragment_is_415(session: Session, media_type: str) -> None:
    reply = await session.patch(fragment(), media_type=media_type, If_Match=session.etag)
    assert reply.status == 415
    assert await alive(session)


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
async def test_s1_a_malformed_fragment_is_400(session: Session, body: str) -> None:
    assert (await session.patch(body, If_Match=session.etag)).status == 400
    assert await alive(session)


async def test_s2_trickle_and_restart_are_both_supported_or_422(site: Site, whip: Door) -> None:
    session = await whip.open(PUBLISH)
    trickled = (await session.patch(fragment(), If_Match=session.etag)).status
    restarted = (await session.patch(RESTART, If_Match="*")).status
    assert trickled in (204, 405, 422, 501)
    assert restarted in (200, 405, 422, 501)
    site.may_lack((trickled, restarted) == (204, 200), "trickle ICE and ICE restart")


async def test_s3_no_if_match_is_428(session: Session) -> None:
    assert (await session.patch(fragment())).status == 428


@pytest.mark.parametrize("stale", ['"stale"', "unquoted", '"a", "b"', "{weak}"])
async def test_s3_a_stale_if_match_is_412(session: Session, stale: str) -> None:
    assert (await session.patch(fragment(), If_Match=stale.format(weak="W/" + session.etag))).status == 412
    assert await alive(session)


async def test_s3_if_match_may_list_several(session: Session) -> None:
    assert (await session.patch(fragment(), If_Match=f'"other", {session.etag}')).status == 204


@pytest.mark.parametrize("star", ["*", '"*"'])
async def test_s3_a_restart_matches_any_etag(session: Session, star: str) -> None:
    assert (await session.patch(RESTART, If_Match=star)).status == 200


@pytest.mark.parametrize(
    "candidates", [CANDIDATE, CANDIDATE + UNUSABLE, UNUSABLE, "", "a=end-of-candidates\r\n"], ids=range(5)
)
async def test_s4_trickle_is_204_without_body_and_etag(session: Session, candidates: str) -> None:
    reply = await session.patch(fragment(candidates), If_Match=session.etag)
    assert (reply.status, reply.body) == (204, "")
    assert "ETag" not in reply.headers
    assert await alive(session)


async def test_s5_a_restart_gives_new_credentials_candidates_and_an_etag(session: Session) -> None:
    reply = await session.patch(RESTART, If_Match="*")
    assert (reply.status, reply.media_type) == (200, FRAGMENT)
    before, after = remote_of(session.sdp), remote_of(reply.body)
    assert after.ufrag != before.ufrag
    assert after.password != before.password
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', reply.headers["ETag"])
    assert reply.headers["ETag"] != session.etag
    assert (await session.patch(fragment(), If_Match=session.etag)).status == 412
    assert (await session.patch(RESTART, If_Match=reply.headers["ETag"])).status in (200, 204)


async def test_s6_a_restart_that_fails_leaves_the_session_as_it_was(session: Session, checker: Checker) -> None:
    assert await checker.answered(remote_of(session.sdp))
    assert (await session.patch(RESTART, If_Match='"stale"')).status == 412
    assert (await session.patch("a=ice-ufrag:abcd\r\n", If_Match="*")).status == 400
    assert await checker.answered(remote_of(session.sdp))
    assert await alive(session)


async def test_s6_the_old_credentials_hold_until_the_new_ones_are_used(session: Session, checker: Checker) -> None:
    old = remote_of(session.sdp)
    assert await checker.answered(old)
    new = remote_of((await session.patch(RESTART, If_Match="*")).body, like=old)
    assert await checker.answered(old)  # the 200 may be lost on its way
    assert await checker.answered(new)
    assert not await checker.answered(old, patience_s=0.4)


@pytest.mark.parametrize("if_match", ["", "*", '"stale"'])
async def test_s7_delete_is_200_whatever_if_match_says_and_404_afterwards(whip: Door, if_match: str) -> None:
    session = await whip.open(PUBLISH)
    assert (await session.delete(If_Match=if_match)).status == 200
    assert (await session.delete()).status == 404
    assert (await session.patch(fragment(), If_Match=session.etag)).status in (404, 405)


async def test_s7_delete_frees_what_the_session_held(site: Site, whip: Door, checker: Checker) -> None:
    for _ in range(6):  # more than one owner may have at a time
        session = await whip.open(PUBLISH)
        assert (await session.delete()).status == 200
        site.may_lack(not await checker.answered(remote_of(session.sdp), patience_s=0.1), "silence after DELETE")


async def test_s8_a_dtls_close_ends_the_session(site: Site, whip: Door) -> None:
    async with publishing(whip.open) as peer:
        await until(lambda: peer.connectionState == "connected")
        session = whip.last
        if site.node is None and not await alive(session):
            pytest.skip("whether a session lives cannot be seen without PATCH")
    assert peer.connectionState == "closed"

    async def gone() -> bool:
        return (await session.patch(fragment(), If_Match=session.etag)).status == 404

    await eventually(gone)


@pytest.mark.usefixtures("folder")
async def test_s8_a_session_without_consent_ends() -> None:
    """RFC 7675 §5.1: 30 s. By the relay's own door, whose clock can be put forward."""
    clock = Clock()
    sessions: list[str] = []
    async with relaying(clock) as relay, publishing(opening(relay, sessions)) as peer:
        await until(lambda: relay.status(LECTURE).live)
        for transport in {sender.transport for sender in peer.getSenders()}:
            await transport.transport._connection.close()  # the network is gone, and no alert gets through
        await until(lambda: not relay.status(LECTURE).live)
        assert relay.has_session(sessions[0])
        clock.ahead_s += 31
        await until(lambda: not relay.has_session(sessions[0]))
        with pytest.raises(SessionUnknown):
            relay.delete(sessions[0])


class Clock:
    ahead_s = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead_s


@asynccontextmanager
async def relaying(clock: Clock) -> AsyncIterator[Relay]:
    relay = Relay(host="127.0.0.1", udp_port=0, addresses=["127.0.0.1"], max_sessions=10, clock=clock)
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


def opening(relay: Relay, sessions: list[str]):  # type: ignore[no-untyped-def]
    async def whip(offer: str) -> object:
        answer = await relay.whip(LECTURE, offer)
        sessions.append(answer.session)
        return answer

    return whip


async def test_s9_a_session_is_not_renegotiated(whip: Door, whep: Door) -> None:
    async with publishing(whip.open) as peer:
        await until(lambda: peer.connectionState == "connected")
        session = whip.last
        reply = await session.patch(PUBLISH, media_type=SDP, If_Match=session.etag)
        assert 400 <= reply.status < 500
        assert (await whip.request("POST", session.url, body=PUBLISH, media_type=SDP)).status == 405

        async def plays() -> bool:
            return (await whep.offer(offers.read("chromium-view"))).status == 201

        await eventually(plays)
        async with watching(whep.open) as screen:
            await until(lambda: screen.pictures > 5)
        assert peer.connectionState == "connected"


async def test_s10_simulcast_is_taken_rung_by_rung(site: Site, whip: Door) -> None:
    session = await whip.open(offers.read("chromium-simulcast"))
    _, _, video = offers.sections(session.sdp)
    site.may_lack("a=simulcast:recv " in video, "simulcast")
    rungs = offers.attribute(video, "simulcast").split()[1].split(";")
    assert set(rungs) == {"l", "m", "h"}
    assert all(f"a=rid:{rung} recv" in video for rung in rungs)


async def test_s10_an_offer_with_simulcast_is_answered(whip: Door) -> None:
    assert len((await whip.open(offers.read("chromium-simulcast"))).answer.media) == 2
