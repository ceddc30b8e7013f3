"""kill -9 of the nodes of all three levels, at exact steps and at random moments, while ticks go on."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.conftest import Postgresql
from tests.faults.conftest import Stages
from tests.faults.kill_points import KillPoint
from tests.faults.stage import LEVELS, Stage, until
from tests.faults.ticks import Operator, Readers, Record
from tests.faults.wire import Cut, Forward, Request

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


@pytest.mark.timeout(900)
async def test_kill_at_every_step_of_capture_ingest_and_acknowledgement(
    stages: Stages, stages_on_postgresql: Stages, chance: random.Random, long: bool
) -> None:
    if not long:
        return await _die_at_once_each(stages, chance)
    for each, level in [*((stages, level) for level in LEVELS), (stages_on_postgresql, "root")]:
        async with each.open(f"{level}-{each.root}") as stage:
            record, points = Record(), POINTS[level] * 2
            # At a level that only hands on nobody writes: each of its points is one of ingest.
            async with ticking(stage, record, chance, LEVELS if level == "village" else ["village"]):
                await die_at(stage, level, points)
            await stage.ready()
            await each.judge(f"kill -9 at an exact step: {level}", stage, record, times=len(points))


async def _die_at_once_each(stages: Stages, chance: random.Random) -> None:
    """A sample: all three levels go through some points at the same time."""
    async with stages.open() as stage:
        record, points = Record(), {level: chance.sample(POINTS[level], 2) for level in LEVELS}
        async with ticking(stage, record, chance), asyncio.TaskGroup() as tasks:
            for level in LEVELS:
                tasks.create_task(die_at(stage, level, points[level]))
        await stage.ready()
        await stages.judge("kill -9 at an exact step: all levels at once", stage, record, times=6)


@pytest.mark.timeout(900)
async def test_kill_at_random_moments(
    stages: Stages, stages_on_postgresql: Stages, chance: random.Random, long: bool
) -> None:
    for each in (stages, stages_on_postgresql) if long else (stages_on_postgresql,):
        await _kill_at_random(each, chance, 40 if long else 2)


async def _kill_at_random(stages: Stages, chance: random.Random, times: int) -> None:
    """So many times at each level, all of them at once."""

    async def kill(stage: Stage, level: str) -> None:
        for _ in range(times):
            await stage.ready(level)
            if chance.random() < 0.8:  # else it dies soon after its start
                await _ticked(record, level, chance.randrange(1, 6))
            await asyncio.sleep(chance.random() * 0.5)  # the moment is what is tried
            await stage.kill(level)
            await stage.start(level)

    record = Record()
    async with stages.open(f"random-{stages.root}") as stage:
        async with ticking(stage, record, chance), asyncio.TaskGroup() as tasks:
            for level in LEVELS:
                tasks.create_task(kill(stage, level))
        await stage.ready()
        await stages.judge("kill -9 at a random moment", stage, record, times=3 * times)


async def _ticked(record: Record, level: str, times: int) -> None:
    enough = record.at(level) + times

    async def more() -> bool:
        return record.at(level) >= enough

    await until(f"{times} ticks at the {level}", more)


@pytest.mark.timeout(600)
async def test_kill_of_the_database(
    stages_to_kill: Stages, postgresql_to_kill: Postgresql, chance: random.Random, long: bool
) -> None:
    """The root's PostgreSQL dies, all its processes at once, while the root itself runs on."""
    times, record = 20 if long else 2, Record()
    async with stages_to_kill.open() as stage:
        reader = Readers(stage).at("root", "organizer")
        await reader.ask("GET", "/api/venues")  # signs in
        async with ticking(stage, record, chance):
            for _ in range(times):
                await _ticked(record, "root", chance.randrange(1, 6))
                await asyncio.sleep(chance.random() * 0.3)  # the moment is what is tried
                await asyncio.to_thread(postgresql_to_kill.kill)
                await _says_that_its_database_is_away(stage, reader)
                await _ticked(record, "village", 1)  # who is not at the root need not know
                await asyncio.to_thread(postgresql_to_kill.start)
            await _ticked(record, "root", 1)
        await stages_to_kill.judge("kill -9 of the root's database", stage, record, times=times)


async def _says_that_its_database_is_away(stage: Stage, reader: Operator) -> None:
    """To programs and to people: the page of an error needs no database."""
    for path, accepted, language, sentence in [
        (
            f"/api/lectures/{stage.lecture}/report",
            "application/json",
            "en",
            "The database of this node does not answer",
        ),
        (f"/lectures/{stage.lecture}/report", "text/html", "zh-CN", "本主机的数据库没有响应"),
    ]:
        headers = {"Accept": accepted, "Accept-Language": language}
        async with stage.http.get(stage["root"].url + path, headers=headers | reader.headers) as answer:
            text = await answer.text()
            assert (answer.status, answer.content_type) == (503, accepted), text
            assert sentence in text
            assert "database_away" in text
            assert int(answer.headers["Retry-After"]) > 0


class Killer:
    """A hook that kills the nodes at both ends of the wire while a batch or its answer is on it."""

    def __init__(self, chance: random.Random, times: int) -> None:
        self._chance, self._left, self.done = chance, times, 0
        self.stage: Stage | None = None
        self._one = asyncio.Lock()

    async def __call__(self, request: Request, forward: Forward) -> bytes:
        if not request.hands_up or not self._left or self._one.locked():
            return await forward(request.raw)
        async with self._one:
            self._left -= 1
            try:
                return await self._kill(request, forward)
            finally:
                self.done += 1

    async def _kill(self, request: Request, forward: Forward) -> bytes:
        match self._chance.choice(["sent", "arrived", "answered", "half answered"]):
            case "sent":  # the child dies, its batch is under way
                await self._replace("village")
                await forward(request.raw)
            case "arrived":  # the parent dies over it
                under_way = asyncio.create_task(forward(request.raw))
                await self._replace("middle")
                await asyncio.wait([under_way])
                under_way.exception()
            case "answered":  # the child dies before it reads the answer
                await forward(request.raw)
                await self._replace("village")
            case _:  # the parent dies in the middle of its answer
                answer = await forward(request.raw)
                await self._replace("middle")
                raise Cut(answer[: self._chance.randrange(len(answer))])
        raise Cut

    async def _replace(self, level: str) -> None:
        assert self.stage is not None
        await self.stage.kill(level)
        await self.stage.start(level)
        await self.stage.ready(level)


@pytest.mark.timeout(600)
async def test_kill_while_a_batch_or_its_answer_is_on_the_wire(
    stages: Stages, chance: random.Random, long: bool
) -> None:
    times = 40 if long else 2
    killer, record = Killer(chance, times), Record()
    async with stages.open(start=False) as stage, stage.wire("village", killer):
        killer.stage = stage
        for level in LEVELS:
            await stage.start(level)
        await stage.ready()
        async with ticking(stage, record, chance, ["village"]):
            await until("all kills on the wire", lambda: _has_done(killer, times), 300)
        await stage.ready()
        await stages.judge("kill -9 while a batch or its answer is on the wire", stage, record, times=times)


async def _has_done(killer: Killer, times: int) -> bool:
    return killer.done == times
