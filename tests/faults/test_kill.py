"""kill -9 of the nodes of all three levels, at exact steps and at random moments, while ticks go on."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.faults.conftest import Stages
from tests.faults.kill_points import KillPoint
from tests.faults.stage import LEVELS, Stage
from tests.faults.ticks import Operator, Record

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENT, PRESENCE, STREAM = r"INSERT INTO event \(", r"INSERT INTO presence \(", r"INSERT INTO stream \("
MARK = r"UPDATE event SET uploaded_at"
# An event is written: by the operator of the village, and at the levels above because it was handed up.
WRITING = [
    KillPoint(statement=EVENT, phase="before"),
    KillPoint(statement=EVENT, phase="after"),
    KillPoint(statement=PRESENCE, phase="after"),
    KillPoint(statement=STREAM, phase="after"),
    KillPoint(statement=EVENT, phase="commit"),
    KillPoint(statement=EVENT, phase="committed"),
]
# The parent's answer is here and is being noted; then the root's marks are.
ANSWERED = [
    KillPoint(statement=MARK, phase="before"),
    KillPoint(statement=MARK, phase="after"),
    KillPoint(statement=MARK, phase="commit"),
    KillPoint(statement=MARK, phase="committed"),
    KillPoint(statement=STREAM, without=EVENT, phase="commit"),
    KillPoint(statement=STREAM, without=EVENT, phase="committed"),
]
POINTS = {"village": WRITING + ANSWERED, "middle": WRITING + ANSWERED, "root": WRITING}
_PATIENCE_S = 90.0


@contextlib.asynccontextmanager
async def ticking(
    stage: Stage, record: Record, chance: random.Random, levels: Sequence[str] = LEVELS, pause_s: float = 0.05
) -> AsyncIterator[None]:
    """Operators of these levels go on with their work for as long as the block lasts."""
    over = asyncio.Event()

    async def work(operator: Operator) -> None:
        while not over.is_set():
            await operator.act()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await over.wait()

    async with asyncio.TaskGroup() as tasks:
        for level in levels:
            tasks.create_task(work(Operator(stage, level, record, random.Random(chance.random()))))
        try:
            yield
        finally:
            over.set()


async def die_at(stage: Stage, level: str, points: Sequence[KillPoint]) -> None:
    """The node dies at each of these points, one after the other, and then runs on."""
    await stage.kill(level)
    for point in points:
        process = await stage.start(level, kill=point)
        assert await process.wait(_PATIENCE_S) == -9, f"{level} at {point}"
    await stage.start(level)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("level", LEVELS)
async def test_kill_at_every_step_of_capture_ingest_and_acknowledgement(
    stages: Stages, chance: random.Random, long: bool, level: str
) -> None:
    await _at_every_step(stages, chance, long, level)


@pytest.mark.timeout(400)
async def test_kill_at_every_step_of_ingest_into_postgresql(
    stages_on_postgresql: Stages, chance: random.Random, long: bool
) -> None:
    await _at_every_step(stages_on_postgresql, chance, long, "root")


async def _at_every_step(stages: Stages, chance: random.Random, long: bool, level: str) -> None:
    points = POINTS[level] * 2 if long else chance.sample(POINTS[level], 4)
    record = Record()
    async with stages.open() as stage:
        # Of a level that only hands on, nobody writes there: each of its points is one of ingest.
        async with ticking(stage, record, chance, LEVELS if level == "village" else ["village"]):
            await die_at(stage, level, points)
        await stage.ready()
        await stages.judge(f"kill -9 at an exact step: {level}", stage, record, times=len(points))
