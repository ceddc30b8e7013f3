"""A node that is re-imaged from an old backup, at each level, while everybody goes on ticking."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.faults.conftest import Stages
from tests.faults.disks import back_up, set_back
from tests.faults.stage import LEVELS, Stage, until
from tests.faults.ticks import Operator, Record
from tests.faults.verdict import books

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def act(operators: list[Operator], times: int) -> None:
    for _ in range(times):
        await asyncio.gather(*(each.act() for each in operators))


def crew(stage: Stage, record: Record, chance: random.Random) -> list[Operator]:
    return [Operator(stage, level, record, random.Random(chance.random())) for level in LEVELS]


async def test_a_village(stages: Stages, chance: random.Random, long: bool) -> None:
    for counting_on in (True, False) if long else (True,):
        await a_village(stages, chance, 5 if long else 1, counting_on=counting_on)


async def a_village(stages: Stages, chance: random.Random, rounds: int, *, counting_on: bool) -> None:
    """`counting_on`: its uplink is down when it comes back, so that it gives numbers a second time."""
    times = 0
    async with stages.open(f"counting-on-{counting_on}") as stage:
        record = Record()
        operators = crew(stage, record, chance)
        for turn in range(rounds):
            await act(operators, chance.randrange(3, 9))
            backup = await back_up("village", stage, f"backup-{turn}")
            await act(operators, chance.randrange(3, 9))
            await until("the middle to answer for all", lambda: handed_up(stage, "village"))
            if counting_on:
                await stage.kill("middle")
            await set_back("village", stage, backup)
            if not counting_on:
                await until("the village to see what it lacks", lambda: came_back(stage, "village", "middle"))
            await act([operators[2]], chance.randrange(2, 15))
            if counting_on:
                await stage.start("middle")
                await stage.ready("middle")
            await until("what was lost to come back", lambda: came_back(stage, "village", "middle"))
            await act(operators, 3)
            await operators[2].take_in("other", 500 + turn)
            assert await epochs(stage) == turn + 2
            times += 1
        await stages.judge(
            "village re-imaged from a backup" + (", counting on" if counting_on else ""),
            stage, record, times=times, forked=counting_on,
        )  # fmt: skip


async def epochs(stage: Stage) -> int:
    node = stage["village"].node
    return sum(name == node for name, _ in (await books(stage))["village"].streams)


async def came_back(stage: Stage, lower: str, upper: str) -> bool:
    """Whether the lower node has all that the upper one has of its venue and of those below."""
    found = await books(stage)
    here = {row["id"] for row in found[lower].events}
    return all(
        row["id"] in here
        for row in found[upper].events
        if row["received_from"] is not None and found[upper].within(row["venue"], stage[lower].venue)
    )


async def test_the_middle(stages: Stages, chance: random.Random, long: bool) -> None:
    """What it had not handed up yet when it died is with the village still, or with nobody: of its own venue, only what
    the root had is green."""
    async with stages.open() as stage:
        record, times = Record(), 0
        operators = crew(stage, record, chance)
        for turn in range(5 if long else 1):
            await act(operators, chance.randrange(3, 9))
            backup = await back_up("middle", stage, f"backup-{turn}")
            await act([operators[1]], chance.randrange(1, 6))
            await until("the root to answer for all", lambda: handed_up(stage, "middle"))
            await stage.kill("root")
            await act([operators[2]], chance.randrange(3, 9))  # the middle answers for these, and forgets them
            await until("the middle to answer for them", lambda: handed_up(stage, "village"))
            await set_back("middle", stage, backup)
            await stage.start("root")
            await stage.ready("root")
            await act(operators, 3)
            await until("what was lost to come back", lambda: came_back(stage, "middle", "root"))
            times += 1
        # It ticked before it could look back, and gave numbers twice.
        await stages.judge("middle re-imaged from a backup", stage, record, times=times, forked=True)


async def handed_up(stage: Stage, *levels: str) -> bool:
    found = await books(stage)
    return all(row["uploaded_at"] is not None for level in levels for row in found[level].events)


async def test_the_root(stages: Stages, chance: random.Random, long: bool) -> None:
    """Of its own venue, it has what its backup has; of all others, everything comes to it again."""
    async with stages.open() as stage:
        record, times = Record(), 0
        operators = crew(stage, record, chance)
        for turn in range(5 if long else 1):
            await act(operators, chance.randrange(3, 9))
            backup = await back_up("root", stage, f"backup-{turn}")
            await act(operators[1:], chance.randrange(3, 15))
            await until("the root to answer for all", lambda: handed_up(stage, "village", "middle"))
            await set_back("root", stage, backup)
            await act(operators[1:], 2)
            times += 1
        await stages.judge("root restored from a backup", stage, record, times=times)
