"""Whether a venue is final: only when it has closed and exactly what it closed is here, whatever the link does."""

from __future__ import annotations

import json
import random

import pytest

from tests.faults.conftest import Stages
from tests.faults.disks import back_up, set_back
from tests.faults.stage import Stage, until
from tests.faults.test_set_back import came_back, handed_up
from tests.faults.ticks import Operator, Readers, Record
from tests.faults.wire import Cut, Forward, Request, reply, whole

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Link:
    """The village's: it may be cut, and it may refuse any batch that has one event in it."""

    def __init__(self) -> None:
        self.cut = False
        self.refused: str | None = None

    async def __call__(self, request: Request, forward: Forward) -> bytes:
        if self.cut:
            raise Cut
        if request.hands_up and self.refused in [event["id"] for event in json.loads(request.body)["events"]]:
            return reply("422 Unprocessable Entity", b'{"error": {"code": "invalid", "message": "no"}}')
        return await whole(request, forward)


async def state(stage: Stage, readers: Readers, level: str) -> tuple[str, int]:
    """Of the village, as the report of this level has it: its state, and by how many it is behind."""
    status, report = await readers.at(level).ask("GET", f"/api/lectures/{stage.lecture}/report?level=4")
    assert status == 200, report
    (row,) = [row for row in report["rows"] if row["venue"]["id"] == stage["village"].venue]
    return row["state"], row["behind"]


async def is_so(stage: Stage, readers: Readers, wanted: tuple[str, int]) -> bool:
    return [await state(stage, readers, level) for level in ("middle", "root")] == [wanted, wanted]


async def reopen(village: Operator, stage: Stage) -> None:
    status, told = await village.ask("POST", f"/api/lectures/{stage.lecture}/closing/reopen", {"reason": "漏了人"})
    assert status == 201, told


async def test_a_venue_that_closes_without_uplink(stages: Stages, chance: random.Random, long: bool) -> None:
    link, record = Link(), Record()
    async with stages.open(start=False) as stage, stage.wire("village", link):
        for level in ("root", "middle", "village"):
            await stage.start(level)
        await stage.ready()
        village, readers = Operator(stage, "village", record, chance), Readers(stage)
        for turn in range(5 if long else 1):
            if turn:
                await reopen(village, stage)
            for _ in range(3):
                await village.act()
            await until("it to be open", lambda: is_so(stage, readers, ("connected", 0)))
            link.cut = True
            for _ in range(chance.randrange(2, 6)):
                await village.act()
            late = await village.take_in("other", 700 + turn)
            await village.close()
            assert {(await state(stage, readers, level))[0] for level in ("middle", "root")}.isdisjoint({"final"})
            link.refused, link.cut = late, False
            await until("the closing to come before an event", lambda: is_so(stage, readers, ("behind", 1)))
            link.refused = None
            await until("it to be final", lambda: is_so(stage, readers, ("final", 0)))
            link.cut = True
            await reopen(village, stage)
            await village.act()
            await village.close()
            link.cut = False
            await until("the second closing", lambda: handed_up(stage, "village", "middle"))
            await until("it to be final", lambda: is_so(stage, readers, ("final", 0)))
        await stages.judge("closed and opened again without uplink", stage, record, times=5 if long else 1)


async def test_a_closing_of_other_events(stages: Stages, chance: random.Random) -> None:
    """As many as are here, but others: the village's disk was set back, and it closed before it knew."""
    record = Record()
    async with stages.open() as stage:
        village, readers = Operator(stage, "village", record, chance), Readers(stage)
        await village.act()
        backup = await back_up("village", stage, "backup")
        for one in range(3):
            await village.take_in("other", 700 + one)
        await until("the root to have all", lambda: handed_up(stage, "village", "middle"))
        await stage.kill("middle")
        await set_back("village", stage, backup)
        for one in range(3):
            await village.take_in("other", 800 + one)
        await village.close()
        await stage.start("middle")
        await stage.ready("middle")
        await until("what was lost to come back", lambda: came_back(stage, "village", "middle"))
        await until("all to be handed up", lambda: handed_up(stage, "village", "middle"))
        await until("it to be behind", lambda: is_so(stage, readers, ("behind", 0)))
        await reopen(village, stage)
        await village.close()
        await until("it to be final", lambda: is_so(stage, readers, ("final", 0)))
        await stages.judge("closed on a disk that was set back", stage, record, forked=True)
