"""A disk that is full, at a node and at the root: no green tick, a clear word, and everything goes on by itself."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from tests.faults.conftest import Stages
from tests.faults.disks import Disk, Quota, disk_of, small_disk
from tests.faults.stage import PEOPLE, Stage, now_ms, person_of, until
from tests.faults.ticks import Green, Operator, Record
from tests.faults.verdict import books
from venues.ids import uuid7

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAID = "没有保存：本主机的磁盘已满，或者无法写入。"


class Page(Operator):
    """The roll-call page of one venue, which sees each answer, and sends a tick until it is green."""

    def __init__(self, stage: Stage, level: str, record: Record, chance: random.Random) -> None:
        super().__init__(stage, level, record, chance)
        self.record = record
        self.waiting: dict[str, int] = {}  # event -> person, of ticks that are not green

    async def try_all(self, *ones: int) -> list[tuple[int, dict[str, object]]]:
        """Tick these people and all who wait, at the same moment, each once; what was answered."""
        self.waiting |= {uuid7(now_ms(), os.urandom(10)): one for one in ones}
        return list(await asyncio.gather(*(self._try(event) for event in list(self.waiting))))

    def body(self, event: str) -> dict[str, str]:
        """Of a tick that waits; once all of the roster are ticked, of a walk-in."""
        one = self.waiting[event]
        if one >= PEOPLE:
            return {"number": f"{self.level}{one}", "name": f"来宾{one}", "event": event}
        return {"person": person_of(self.level, one), "event": event}

    async def _try(self, event: str) -> tuple[int, dict[str, object]]:
        status, answer = await self._once("POST", f"{self._lecture}/check-ins", self.body(event))
        if status in (200, 201):
            del self.waiting[event]
            self.record.greens.append(Green(level=self.level, event=event, kind="check_in"))
        return status, answer


async def full(page: Page, disk: Disk, first: int, chance: random.Random) -> int:
    """Tick until all ticks are refused, somewhere in the database or in its WAL; returns who is to be ticked next."""
    disk.fill(leave=chance.choice([0, chance.randrange(300_000)]))
    async with asyncio.timeout(30):
        while True:
            answers = await page.try_all(*range(first, first + 5))
            first += 5
            refused = [answer for status, answer in answers if status not in (200, 201)]
            for answer in refused:
                assert answer["error"]["code"] == "disk_full", answer  # type: ignore[index]
            if len(refused) == len(answers):
                return first


async def test_at_the_village(stages: Stages, chance: random.Random, long: bool) -> None:
    for how in ("tmpfs", "quota") if long else (chance.choice(["tmpfs", "quota"]),):
        await at_the_village(stages, chance, how, 5 if long else 1)


async def at_the_village(stages: Stages, chance: random.Random, how: str, rounds: int) -> None:
    record, times = Record(), 0
    async with stages.open(how, start=False) as stage, small_disk(stage["village"]) as small:
        for level in ("root", "middle", "village"):
            await stage.start(level)
        await stage.ready()
        disk = small if how == "tmpfs" else Quota(stage["village"])
        page = Page(stage, "village", record, chance)
        await page.act()
        next_one = 20
        for _ in range(rounds):
            next_one = await full(page, disk, next_one, chance)
            before = len(record.greens)
            status, answer, headers = await asks_in_chinese(stage, page)
            assert (status, answer["error"]["code"]) == (503, "disk_full")
            assert answer["error"]["message"].startswith(SAID)
            assert int(headers["Retry-After"]) > 0
            status, roll = await page.ask("GET", f"/api/lectures/{stage.lecture}/roll-call")
            assert status == 200  # what is there is shown, and who is not saved is not present
            here = {row["event"] for row in roll["people"] if row["present"]}
            assert here.isdisjoint(page.waiting)
            assert len(record.greens) == before
            disk.clear()
            await until("all ticks to be green", lambda: all_green(page))
            times += 1
        assert stage["village"].process is not None
        assert stage["village"].process.running  # it was never started again
        assert disk.how == "quota" or disk_of("village", stage).is_mount()
        await stages.judge(f"full disk at the village ({disk.how})", stage, record, times=times)


async def asks_in_chinese(stage: Stage, page: Page) -> tuple[int, dict[str, dict[str, str]], dict[str, str]]:
    body = page.body(next(iter(page.waiting)))
    headers = page.headers | {"Accept-Language": "zh-CN"}
    url = f"{stage['village'].url}/api/lectures/{stage.lecture}/check-ins"
    async with stage.http.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json(), dict(answer.headers)


async def all_green(page: Page) -> bool:
    await page.try_all()
    return not page.waiting


async def test_at_the_root(stages: Stages, chance: random.Random, long: bool) -> None:
    """The middle's batches are refused with Retry-After, nothing of them is answered for, and nobody below notices."""
    record, times = Record(), 0
    async with stages.open(start=False) as stage, small_disk(stage["root"]) as disk:
        for level in ("root", "middle", "village"):
            await stage.start(level)
        await stage.ready()
        operators = [Operator(stage, level, record, random.Random(chance.random())) for level in ("middle", "village")]
        page = Page(stage, "root", record, chance)
        await page.act()
        next_one = 20
        for _ in range(5 if long else 1):
            next_one = await full(page, disk, next_one, chance)
            for _ in range(8):
                await asyncio.gather(*(each.act() for each in operators))
            await until("the root to refuse a batch", lambda: refused(stage))
            at_root = {row["id"] for row in (await books(stage))["root"].events}
            found = await books(stage)
            said_done = {row["id"] for row in found["middle"].events if row["uploaded_at"] is not None}
            assert said_done <= at_root
            disk.clear()
            await until("all ticks to be green", lambda: all_green(page))
            times += 1
        assert stage["root"].process is not None
        assert stage["root"].process.running
        assert disk.how == "quota" or disk_of("root", stage).is_mount()
        await stages.judge(f"full disk at the root ({disk.how})", stage, record, times=times)


async def refused(stage: Stage) -> bool:
    """Ask as the middle does: what stands in its log is that the parent does not take events."""
    return "(status 503)" in stage["middle"].log.read_text(errors="replace")
