"""E1: what WHEP alone says. (E2, a counter-offer, and E3, server-sent events, are left out by our server.)"""

from __future__ import annotations

import pytest

from tests.broadcast.peers import publishing, until
from tests.conformance import offers
from tests.conformance.door import SDP, Door, Reply
from tests.conformance.sites import Site
from tests.web.nodes import eventually

VIEW = offers.read("chromium-view")


async def test_e1_nothing_live_is_409_with_retry_after(whep: Door) -> None:
    reply = await whep.offer(VIEW)
    assert reply.status == 409
    assert int(reply.headers["Retry-After"]) > 0


async def test_e1_live_again_after_the_wait_and_409_when_the_publisher_has_left(whip: Door, whep: Door) -> None:
    async with publishing(whip.open) as peer:
        await until(lambda: peer.connectionState == "connected")
        await eventually(lambda: answered(whep, 201))
        await whip.last.delete()
        await eventually(lambda: answered(whep, 409))


async def answered(whep: Door, status: int) -> bool:
    return (await whep.offer(VIEW)).status == status


async def test_e2_a_counter_offer_is_sdp_with_a_session(site: Site, whip: Door, whep: Door) -> None:
    """Where a server makes one: for an offer without any codec in common."""
    alien = offers.changed(VIEW, r"^a=rtpmap:(\d+) .*\r$", r"a=rtpmap:\1 H263/90000\r")
    async with publishing(whip.open):

        async def plays() -> Reply | None:
            reply = await whep.offer(alien)
            return None if reply.status == 409 else reply

        await eventually(plays)
        reply = await plays()
    assert reply is not None
    assert reply.status in (406, 422)
    if reply.status == 406:
        assert reply.media_type == SDP
        assert reply.headers["Location"]


@pytest.mark.usefixtures("on_air")
async def test_e1_an_offer_without_what_is_on_air_is_refused(whep: Door) -> None:
    """VP8 is on air: a player that has only H.264 is told so, not left in the dark."""
    head, audio, video = offers.sections(VIEW)
    reply = await whep.offer(head + audio + offers.changed(video, r"^(a=rtpmap:\d+) VP8/90000", r"\1 H263/90000"))
    assert reply.status in (406, 422)
