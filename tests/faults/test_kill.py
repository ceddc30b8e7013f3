"""kill -9 of the nodes at all three levels, at random moments while ticks go on."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.faults.conftest import Stages
from tests.faults.stage import LEVELS
from tests.faults.ticks import Operator, Record

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_ticks_at_all_levels_arrive_once(stages: Stages, chance: random.Random) -> None:
    async with stages.open() as stage:
        record = Record()
        operators = [Operator(stage, level, record, random.Random(chance.random())) for level in LEVELS]
        for _ in range(20):
            await asyncio.gather(*(each.act() for each in operators))
        await stage.restart("village")
        await operators[2].close()
        await stages.judge("kill -9 of the village, once", stage, record)


async def test_with_postgresql_at_the_root(stages_on_postgresql: Stages, chance: random.Random) -> None:
    async with stages_on_postgresql.open() as stage:
        record = Record()
        operators = [Operator(stage, level, record, random.Random(chance.random())) for level in LEVELS]
        for _ in range(10):
            await asyncio.gather(*(each.act() for each in operators))
        await stage.restart("root")
        await stages_on_postgresql.judge("kill -9 of the root, once", stage, record)
