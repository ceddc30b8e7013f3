"""Loss on every hop is repaired on that hop: NACK up, RTX down, four times in a row."""

from __future__ import annotations

import asyncio
import contextlib
import random
from contextlib import AsyncExitStack
from functools import partial

import pytest

from bench.load import AUDIO_SSRC, DELTA, KEYFRAME, VIDEO_SSRC, raw_publishing
from broadcast import Relay, Uplinks, slides_of
from broadcast.track import Track
from tests.broadcast.lossy import LossyLink, lossy
from tests.broadcast.peers import LECTURE, relaying, until


def noting(track: Track) -> set[bytes]:
    """The payloads that this track takes from now on."""
    seen: set[bytes] = set()
    push = track.push

    def push_and_note(*arguments: object) -> object:
        sample = push(*arguments)  # type: ignore[arg-type]
        if sample is not None:
            seen.add(sample.payload)
        return sample

    track.push = push_and_note  # type: ignore[assignment, method-assign]
    return seen


@pytest.mark.parametrize(("loss", "burst"), [(0.05, 1), (0.05, 4)])
async def test_four_lossy_hops_deliver_999_of_1000_packets(loss: float, burst: int) -> None:
    async with AsyncExitStack() as stack:
        nodes: list[Relay] = [await stack.enter_async_context(relaying()) for _ in range(5)]
        links: list[LossyLink] = []
        for hop, (child, parent) in enumerate(zip(nodes[1:], nodes, strict=False)):
            link, ask = await stack.enter_async_context(lossy(parent, seed=hop + 1, loss=loss, burst=burst))
            links.append(link)
            uplinks = Uplinks(child, ask, chance=random.Random(hop).random)
            uplinks.follow({LECTURE})
            stack.push_async_callback(uplinks.stop)
        publisher = await stack.enter_async_context(raw_publishing(nodes[0], partial(nodes[0].whip, LECTURE)))
        publisher.send(VIDEO_SSRC, 0, [KEYFRAME + b"first"])
        seen = {kind: noting(nodes[4].stream(LECTURE).track(kind)) for kind in ("video", "audio")}
        number = answered = 0

        def frame() -> None:
            nonlocal number, answered
            number += 1
            if publisher.keyframe_requests > answered:
                answered = publisher.keyframe_requests
                publisher.send(VIDEO_SSRC, number * 3000 - 1500, [KEYFRAME + b"%d" % number])
            publisher.send(VIDEO_SSRC, number * 3000, [DELTA + b"%d/%d" % (number, part) for part in range(5)])
            publisher.send(AUDIO_SSRC, number * 960, [b"sound %d" % number])

        while not (seen["video"] and seen["audio"]):
            frame()
            await asyncio.sleep(0.02)
        first = number + 1
        for _ in range(500):
            frame()
            await asyncio.sleep(0.01)
        last = number
        for _ in range(30):  # what follows shows the receivers that the last ones are missing
            frame()
            await asyncio.sleep(0.01)
        video = {DELTA + b"%d/%d" % (n, part) for n in range(first, last + 1) for part in range(5)}
        audio = {b"sound %d" % n for n in range(first, last + 1)}
        allowed = (len(video) + len(audio)) // 1000
        with contextlib.suppress(TimeoutError):
            await until(lambda: len(video - seen["video"]) + len(audio - seen["audio"]) <= allowed, 5)
        missing = sorted((video - seen["video"]) | (audio - seen["audio"]))
        assert len(missing) <= allowed, (missing, [(link.lost, link.carried) for link in links])
        for link in links:
            assert link.lost > 0.03 * (link.carried + link.lost)


async def test_the_end_of_a_slide_that_was_lost_is_made_good_before_the_next_one() -> None:
    async with AsyncExitStack() as stack:
        parent, child = [await stack.enter_async_context(relaying()) for _ in range(2)]
        link, ask = await stack.enter_async_context(lossy(parent, seed=1, loss=0.0))
        lecture = slides_of(LECTURE)
        uplinks = Uplinks(child, ask, chance=random.Random(1).random)
        uplinks.follow({lecture})
        stack.push_async_callback(uplinks.stop)
        publisher = await stack.enter_async_context(raw_publishing(parent, partial(parent.whip, lecture)))
        seen = noting(child.stream(lecture).track("video"))
        number = 0
        while not seen:
            number += 1
            publisher.send(VIDEO_SSRC, number * 90000, [KEYFRAME + b"%d" % number])
            await asyncio.sleep(0.02)

        async def comes_although_cut() -> bool:
            """A slide of three packets, none of which passes at first; nothing follows."""
            nonlocal number
            number += 1
            link.open, link.cut = False, 0
            slide = [DELTA + b"%d/%d" % (number, part) for part in range(3)]
            publisher.send(VIDEO_SSRC, number * 90000, slide)
            await until(lambda: link.cut >= 3)
            link.open = True
            try:
                await until(lambda: seen.issuperset(slide), 3)
            except TimeoutError:
                return False  # this machine was so slow that the link was still cut when the end was said again
            return True

        tries = 0
        while not await comes_although_cut():
            tries += 1
            assert tries < 4
