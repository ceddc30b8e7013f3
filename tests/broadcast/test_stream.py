"""One lecture's viewers come, go, and fall behind."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import pytest

from bench.load import AUDIO_SSRC, DELTA, KEYFRAME, VIDEO_SSRC, raw_publishing
from broadcast import OfferRefused
from tests.broadcast.peers import LECTURE, Screen, publishing, relaying, until, watching


async def test_a_screen_that_reloads_sees_and_hears_though_the_one_before_leaves_meanwhile() -> None:
    async with relaying() as relay, publishing(partial(relay.whip, LECTURE)):
        await until(lambda: relay.status(LECTURE).live)
        first, second = Screen(), Screen()
        await first.open(partial(relay.whep, LECTURE))
        await until(lambda: first.pictures > 3)

        async def whep_and_lose_the_first(offer: str) -> object:
            answer = await relay.whep(LECTURE, offer)
            await first.close()
            await until(lambda: relay.status(LECTURE).viewers == 0)
            return answer

        try:
            await second.open(whep_and_lose_the_first)  # type: ignore[arg-type]
            await until(lambda: second.pictures > 20 and second.sounds > 20)
        finally:
            await second.close()


async def test_a_viewer_that_cannot_decode_what_is_on_air_is_told_so() -> None:
    async with relaying() as relay, publishing(partial(relay.whip, LECTURE), codec="H264"):
        await until(lambda: relay.status(LECTURE).video_codec == "h264")
        screen = Screen(codec="VP8")
        with pytest.raises(OfferRefused, match="h264"):
            await screen.open(partial(relay.whep, LECTURE))
        await screen.close()


async def test_a_viewer_whose_numbers_went_by_for_too_long_gets_a_new_session_not_a_used_keystream() -> None:
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(relaying())
        publisher = await stack.enter_async_context(raw_publishing(relay, partial(relay.whip, LECTURE)))
        publisher.send(VIDEO_SSRC, 0, [KEYFRAME + b"first"])
        publisher.send(AUDIO_SSRC, 0, [b"sound"])
        await until(lambda: relay.status(LECTURE).live)
        screen = Screen()
        stack.push_async_callback(screen.close)
        await screen.open(partial(relay.whep, LECTURE))
        await until(lambda: relay.status(LECTURE).viewers == 1)
        # A codec that this viewer did not offer (AV1, number 122 of ours): nothing of it can be sent there.
        sent = 0
        while relay.status(LECTURE).viewers == 1 and sent < 30_000:
            publisher.send(VIDEO_SSRC, sent, [DELTA + b"av1"] * 50, payload_type=122)
            sent += 50
            await asyncio.sleep(0.01)  # of 10,000 packets in a second or more, some would be dropped
        assert 16_000 < sent < 30_000
        await until(lambda: relay.status(LECTURE).viewers == 0)


async def test_a_screen_without_a_picture_yet_hears_the_sound() -> None:
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(relaying())
        publisher = await stack.enter_async_context(raw_publishing(relay, partial(relay.whip, LECTURE)))
        publisher.send(VIDEO_SSRC, 0, [DELTA])
        screen = await stack.enter_async_context(watching(partial(relay.whep, LECTURE)))
        await until(lambda: relay.status(LECTURE).viewers == 1)
        (viewer,) = relay.stream(LECTURE).viewers
        audio, video = viewer.legs
        publisher.send(AUDIO_SSRC, 0, [b"sound"])
        await until(lambda: audio.sent[0] == 1)
        assert video.sent[0] == 0
        await until(lambda: publisher.keyframe_requests > 0)
        assert screen.peer.connectionState == "connected"
