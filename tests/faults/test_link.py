"""What a link does to batches and to their answers: lost, cut anywhere, again and again, in another order."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from attendance.log import EventLog
from attendance.sync import Reply, Uploader, reply_of
from tests.faults import recount
from tests.faults.conftest import Stages
from tests.faults.stage import LEVELS, Stage, until
from tests.faults.test_kill import ticking
from tests.faults.ticks import Operator, Record
from tests.faults.wire import EVENTS, STREAMS, Cut, Forward, Request, reply, whole
from venues.exchange import LinkError
from venues.link import ParentLink
from venues.settings import load
from web import identity_file
from web.node import Node

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Hostile:
    """A hook that does something to about half of what is said of events, `times` altogether."""

    def __init__(self, chance: random.Random, times: int, faults: Sequence[str]) -> None:
        self._chance, self.left, self._faults = chance, times, faults
        self._old: list[bytes] = []

    async def __call__(self, request: Request, forward: Forward) -> bytes:
        chance, raw = self._chance, request.raw
        if request.path not in (EVENTS, STREAMS) or not self.left or chance.random() < 0.5:
            return await forward(raw)
        self.left -= 1
        match chance.choice(self._faults):
            case "lost":
                raise Cut
            case "cut":
                return await forward(raw[: chance.randrange(len(raw))])
            case "answer lost":
                await forward(raw)
                raise Cut
            case "answer cut":
                answer = await forward(raw)
                raise Cut(answer[: chance.randrange(len(answer))])
            case "five times":
                return chance.choice(await asyncio.gather(*(forward(raw) for _ in range(5))))
            case "out of turn":  # an older one comes once more before it and after it
                self._old.append(raw)
                before, after = chance.choice(self._old), chance.choice(self._old)
                await forward(before)
                answer = await forward(raw)
                await forward(after)
                return answer
            case "garbled":  # no JSON arrives
                return await forward(raw[:-1] + b"!")
            case "busy":
                return reply("503 Service Unavailable")
            case "broken":
                return reply("500 Internal Server Error")
            case _:
                return reply("200 OK", chance.choice([b"<html>", b"[]", b'{"results": [{}]}', b'{"results": 1}']))


MIX = ["lost", "cut", "answer lost", "answer cut", "five times", "out of turn", "garbled", "busy", "broken", "nonsense"]


@pytest.mark.timeout(900)
async def test_a_hostile_link(stages: Stages, chance: random.Random, long: bool) -> None:
    if long:
        await _suffer(stages, chance, "the answer lost after COMMIT", ["answer lost"], 60)
    await _suffer(stages, chance, "a hostile link: ten faults mixed", MIX, 60 if long else 6)


async def _suffer(stages: Stages, chance: random.Random, fault: str, kinds: Sequence[str], times: int) -> None:
    """So many faults on each of the two links."""
    record = Record()
    lower, upper = (Hostile(random.Random(chance.random()), times, kinds) for _ in range(2))
    async with (
        stages.open(f"link-{len(kinds)}", start=False) as stage,
        stage.wire("village", lower),
        stage.wire("middle", upper),
    ):
        for level in LEVELS:
            await stage.start(level)
        await stage.ready()

        async def worn_out() -> bool:
            return lower.left + upper.left == 0

        async with ticking(stage, record, chance):
            await until("the links to have done their worst", worn_out, 300)
        await stages.judge(fault, stage, record, times=2 * times)


async def refusing(request: Request, forward: Forward) -> bytes:
    """No batch comes through."""
    if request.hands_up:
        raise Cut
    return await forward(request.raw)


@contextlib.asynccontextmanager
async def filled(stages: Stages, chance: random.Random, ticks: int) -> AsyncIterator[tuple[Stage, Record, Any]]:
    """A stage whose village has ticked people and could not hand up any; the wire that stopped it."""
    async with stages.open(start=False) as stage, stage.wire("village", refusing) as wire:
        for level in LEVELS:
            await stage.start(level)
        await stage.ready()
        record = Record()
        operator = Operator(stage, "village", record, chance)
        for _ in range(ticks):
            await operator.act()
        yield stage, record, wire


class Child:
    """The village's link to its parent, held by the test: its own identity and bearer."""

    def __init__(self, folder: Path, url: str, session: aiohttp.ClientSession) -> None:
        identity = identity_file.load(folder / "village")
        assert identity is not None
        self.link = ParentLink(identity, [url], session, lambda: dt.datetime.now(dt.UTC), lambda: 0.0)

    async def post(self, body: dict[str, object]) -> Reply:
        try:
            answer = await self.link.request("POST", EVENTS, json=body, timeout=20)
            parsed = answer.json() if answer.status == 200 else None
        except LinkError:
            return Reply(status=0)
        return reply_of(answer.status, parsed, answer.headers.get("Retry-After"))


@pytest.mark.timeout(600)
async def test_each_batch_five_times_and_in_any_order(stages: Stages, chance: random.Random, long: bool) -> None:
    async with filled(stages, chance, 200 if long else 40) as (stage, record, wire), aiohttp.ClientSession() as session:
        rows = recount.read("village", stage["village"].database).events
        events = [recount.wire(row) for row in rows]
        size = 7
        batches = [events[start : start + size] for start in range(0, len(events), size)] * 5
        chance.shuffle(batches)
        child, outcomes = Child(stage["village"].folder, stage["middle"].url, session), Counter[str]()
        for start in range(0, len(batches), 4):  # four of them at once
            for answer in await asyncio.gather(*(child.post({"events": each}) for each in batches[start : start + 4])):
                outcomes.update(str(result.outcome.value) for result in answer.results)
        assert outcomes == {"accepted": len(events), "duplicate": 4 * len(events)}
        wire.hook = whole
        await stages.judge("each batch five times and reordered", stage, record, times=len(batches))


@pytest.mark.timeout(600)
async def test_an_upload_cut_at_every_byte(stages: Stages, chance: random.Random, long: bool) -> None:
    """Of the request, then of the answer: the parent takes it whole or not at all, and the child believes no half."""
    async with filled(stages, chance, 6) as (stage, record, wire), aiohttp.ClientSession() as session:
        await stage.kill("village")
        async with Node(load(stage["village"].write_config())).opened() as node:
            child = Child(stage["village"].folder, wire.url, session)
            cut = CutAt()
            wire.hook = cut
            pending = (await node.log.pending())[0]

            async def step() -> None:
                """A whole uploader each time: one that has failed before sends less."""
                await _uploader(node.log, child).step()

            requests = await _cut_everywhere(cut, "request", step, chance, long)
            assert (await node.log.pending())[0] == pending
            ids = {row["id"] for row in recount.read("village", stage["village"].database).events}
            assert not ids & {row["id"] for row in recount.read("middle", stage["middle"].database).events}
            answers = await _cut_everywhere(cut, "answer", step, chance, long)
            assert (await node.log.pending())[0] == pending
        wire.hook = whole
        await stage.start("village")
        await stage.ready()
        await stages.judge("an upload cut at every byte of the request", stage, record, times=requests)
        await stages.judge("an upload cut at every byte of the answer", stage, record, times=answers)


class CutAt:
    """A hook that lets through the first `at` bytes of a batch, or of its answer."""

    def __init__(self) -> None:
        self.what, self.at, self.length = "request", 0, 1

    async def __call__(self, request: Request, forward: Forward) -> bytes:
        if not request.hands_up:
            return await forward(request.raw)
        if self.what == "request":
            self.length = len(request.raw)
            return await forward(request.raw[: self.at])
        answer = await forward(request.raw)
        self.length = len(answer)
        raise Cut(answer[: self.at])


async def _cut_everywhere(cut: CutAt, what: str, step: Any, chance: random.Random, long: bool) -> int:
    """At each byte but the last one, or at a sample of them; how often."""
    cut.what, cut.at = what, 0
    await step()
    places = range(1, cut.length)
    wanted = list(places) if long else sorted({1, cut.length - 1, *chance.sample(places, 12)})
    for place in wanted:
        cut.at = place
        await step()
    return len(wanted) + 1


def _uploader(log: EventLog, child: Child) -> Uploader:
    return Uploader(
        log, child.post, asyncio.Event(), batch=3, interval_s=1, monotonic=time.monotonic, random=lambda: 0.0
    )
