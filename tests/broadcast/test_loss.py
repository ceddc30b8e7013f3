"""Loss on every hop is repaired on that hop: NACK up, RTX down, four times in a row."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from functools import partial

import pytest

from bench.load import AUDIO_SSRC, DELTA, KEYFRAME, VIDEO_SSRC, raw_publishing
from broadcast import Relay, Uplinks
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
        await until(lambda: len(video - seen["video"]) + len(audio - seen["audio"]) <= allowed, 5)
        for link in links:
            assert link.lost > 0.03 * (link.carried + link.lost)
