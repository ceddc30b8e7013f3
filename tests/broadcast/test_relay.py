"""The relay with real DTLS, SRTP and decoders on both ends."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

import pytest

from bench.load import AUDIO_SSRC, KEYFRAME, VIDEO_SSRC, raw_publishing
from broadcast import Answer, NothingLive, OfferRefused, Relay, SdpInvalid, SessionUnknown
from broadcast import test_pattern as pattern
from broadcast.errors import AlreadyPublished, EtagMissing, EtagStale, FragmentInvalid
from tests.broadcast.peers import LECTURE, Screen, publishing, pulling, relaying, until, watching


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_the_published_picture_and_sound_arrive_at_the_fifth_node(codec: str) -> None:
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(relaying()) for _ in range(5)]
        for child, parent in zip(nodes[1:], nodes, strict=False):
            await stack.enter_async_context(pulling(child, lambda parent=parent: parent))
        await stack.enter_async_context(publishing(partial(nodes[0].whip, LECTURE), codec=codec))
        await until(lambda: nodes[4].status(LECTURE).live)
        screen = await stack.enter_async_context(watching(partial(nodes[4].whep, LECTURE)))
        await until(lambda: screen.pictures > 20 and screen.sounds > 20)
        assert screen.last is not None
        line = screen.last.planes[0].line_size
        shown = pattern.read_cells(bytes(screen.last.planes[0])[175 * line : 175 * line + 320])
        assert shown is not None
        for node in nodes:
            assert node.status(LECTURE).video_codec == codec.lower()
        assert [n.status(LECTURE).nodes for n in nodes] == [1, 1, 1, 1, 0]
        assert nodes[4].status(LECTURE).viewers == 1


async def test_viewers_keep_their_session_while_the_publisher_leaves_and_returns_with_another_codec() -> None:
    async with relaying() as relay:
        whip = partial(relay.whip, LECTURE)
        screen = Screen()
        try:
            async with publishing(whip, codec="VP8"):
                await until(lambda: relay.status(LECTURE).live)
                await screen.open(partial(relay.whep, LECTURE))
                await until(lambda: screen.pictures > 5)
            await until(lambda: not relay.status(LECTURE).fed)
            before = screen.pictures
            async with publishing(whip, codec="H264"):
                await until(lambda: screen.pictures > before + 5)
            assert screen.peer.connectionState == "connected"
            assert relay.status(LECTURE).video_codec == "h264"
        finally:
            await screen.close()


async def test_a_child_recovers_when_its_parent_is_replaced() -> None:
    async with AsyncExitStack() as stack:
        root = await stack.enter_async_context(relaying())
        village = await stack.enter_async_context(relaying())
        middle = [await stack.enter_async_context(relaying())]
        first = await stack.enter_async_context(pulling(middle[0], lambda: root))
        await stack.enter_async_context(pulling(village, lambda: middle[-1]))
        await stack.enter_async_context(publishing(partial(root.whip, LECTURE)))
        await until(lambda: village.status(LECTURE).live)
        screen = await stack.enter_async_context(watching(partial(village.whep, LECTURE)))
        await until(lambda: screen.pictures > 5)
        await first.stop()
        await middle[0].stop()
        before = screen.pictures
        middle.append(await stack.enter_async_context(relaying()))
        await stack.enter_async_context(pulling(middle[1], lambda: root))
        await until(lambda: screen.pictures > before + 10)
        assert screen.peer.connectionState == "connected"


async def test_nobody_watches_what_nobody_publishes() -> None:
    async with relaying() as relay:
        with pytest.raises(NothingLive):
            await relay.whep(LECTURE, "v=0")


@pytest.mark.parametrize("offer", ["", "v=0\r\n", "junk", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"])
async def test_an_offer_that_cannot_be_read_is_refused(offer: str) -> None:
    async with relaying() as relay:
        with pytest.raises(SdpInvalid):
            await relay.whip(LECTURE, offer)


async def test_an_offer_in_the_wrong_direction_is_refused() -> None:
    async with relaying() as relay:

        async def whip(offer: str) -> object:
            with pytest.raises(OfferRefused):
                await relay.whip(LECTURE, offer.replace("a=sendonly", "a=recvonly"))
            return await relay.whip(LECTURE, offer)

        async with publishing(whip):  # type: ignore[arg-type]
            await until(lambda: relay.status(LECTURE).live)


FRAGMENT = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"


async def test_trickle_needs_the_present_etag_and_a_restart_gives_a_new_one() -> None:
    async with relaying() as relay:
        answers = []

        async def whip(offer: str) -> object:
            answers.append(await relay.whip(LECTURE, offer))
            return answers[0]

        async with publishing(whip):  # type: ignore[arg-type]
            session, etag = answers[0].session, answers[0].etag
            assert relay.trickle(session, FRAGMENT, f'"{etag}"') is None
            with pytest.raises(EtagMissing):
                relay.trickle(session, FRAGMENT, None)
            with pytest.raises(EtagStale):
                relay.trickle(session, FRAGMENT, '"other"')
            with pytest.raises(FragmentInvalid):
                relay.trickle(session, "hello", f'"{etag}"')
            restarted = relay.trickle(session, FRAGMENT, "*")
            assert restarted is not None
            assert f"a=ice-ufrag:{restarted[1]}" in restarted[0]
            with pytest.raises(EtagStale):
                relay.trickle(session, FRAGMENT, f'"{etag}"')
            relay.delete(session)
            with pytest.raises(SessionUnknown):
                relay.delete(session)


async def test_a_second_publisher_waits_until_the_first_has_stopped_or_fallen_silent() -> None:
    async with relaying() as relay:
        whip = partial(relay.whip, LECTURE)
        async with raw_publishing(relay, whip) as first:
            first.send(AUDIO_SSRC, 0, [b"sound"])
            await until(lambda: relay.status(LECTURE).live)
            with pytest.raises(AlreadyPublished):
                await relay.whip(LECTURE, "v=0")
            await until(lambda: not relay.status(LECTURE).live)
            async with publishing(whip), watching(partial(whep_when_live, relay)) as screen:
                assert first.peer is not None
                await until(lambda: not first.peer.alive)  # type: ignore[union-attr]
                await until(lambda: screen.pictures > 5)


async def whep_when_live(relay: Relay, offer: str) -> Answer:
    await until(lambda: relay.status(LECTURE).picture)
    return await relay.whep(LECTURE, offer)


async def test_the_last_picture_of_who_has_left_is_not_shown_as_a_lecture() -> None:
    async with relaying() as relay, raw_publishing(relay, partial(relay.whip, LECTURE)) as publisher:
        publisher.send(VIDEO_SSRC, 0, [KEYFRAME])
        await until(lambda: relay.status(LECTURE).picture)
        assert not relay.status(LECTURE).sound
        await until(lambda: not relay.status(LECTURE).live)
        assert relay.status(LECTURE).fed
        with pytest.raises(NothingLive):
            await relay.whep(LECTURE, "v=0")
        with pytest.raises(SdpInvalid):  # a child node is let in
            await relay.whep(LECTURE, "junk", node=True)


def test_an_unknown_lecture_is_not_on_air() -> None:
    status = Relay(host="127.0.0.1", udp_port=0, addresses=[], max_sessions=1).status("none")
    assert not status.live
    assert not status.fed


async def test_a_stream_is_not_forgotten_before_its_publisher_has_connected() -> None:
    clock = [1_000_000.0]
    relay = Relay(host="127.0.0.1", udp_port=0, addresses=[], max_sessions=1, clock=lambda: clock[0])
    await relay.start()
    try:
        stream = relay.stream(LECTURE)
        clock[0] += 2
        relay.measure()
        assert relay.stream(LECTURE) is stream
        clock[0] += 3600
        relay.measure()
        assert relay.stream(LECTURE) is not stream
    finally:
        await relay.stop()
