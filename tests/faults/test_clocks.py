"""Clocks: three days without uplink, and a village whose clock is set while people come in."""

from __future__ import annotations

import asyncio
import datetime as dt
import random

import pytest
import sqlalchemy as sa

from tests.faults import recount
from tests.faults.conftest import Stages
from tests.faults.moved_clock import MovedClock
from tests.faults.stage import LEVELS, Stage, until
from tests.faults.ticks import Green, Operator, Record
from tests.faults.wire import Cut, Forward, Request, whole

pytestmark = pytest.mark.asyncio(loop_scope="session")

LATE_AFTER_S = 15 * 60


class Venue(Operator):
    """An operator's roll-call, and the phones that scan what the venue's screen shows."""

    def __init__(self, stage: Stage, level: str, record: Record, chance: random.Random) -> None:
        super().__init__(stage, level, record, chance)
        self.record = record

    async def scan(self, number: int) -> str:
        """A stranger checks in with the code that is on the screen now; the check-in's event."""
        status, shown = await self.ask("GET", "/api/screen")
        assert (status, shown["state"]) == (200, "waiting"), shown
        code = shown["code_url"].rpartition("/c/")[2]
        who = {"code": code, "name": f"来宾{number}", "number": f"S{number}"}
        url = f"{self._stage[self.level].url}/api/check-in"
        async with self._stage.http.post(url, json=who) as answer:
            assert answer.status == 201, await answer.text()
        status, roll = await self.ask("GET", f"{self._lecture}/roll-call")
        event = next(str(row["event"]) for row in roll["people"] if row["number"] == f"S{number}")
        self.record.greens.append(Green(level=self.level, event=event, kind="check_in"))
        return event


def late(stage: Stage, level: str) -> tuple[set[str], set[str]]:
    """Those who came by code: who is late by the presences of this level, and who is by a recount of the events."""
    engine = sa.create_engine(stage[level].database)
    try:
        with engine.connect() as connection:
            started = connection.execute(sa.text("SELECT started_at FROM lecture")).scalar_one()
            methods = dict(connection.execute(sa.text("SELECT event_id, late FROM presence")).all())  # type: ignore[arg-type]
            rows = connection.execute(sa.text("SELECT * FROM event WHERE method = 'code'")).mappings().all()
    finally:
        engine.dispose()
    judged = {row["id"] for row in rows if methods.get(row["id"])}
    counted = {row["id"] for row in rows if recount.moment_us(row) > started + LATE_AFTER_S * 1_000_000}
    return judged, counted


async def test_three_days_without_uplink(stages: Stages, chance: random.Random, long: bool, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    clock = MovedClock(tmp_path_factory.mktemp("clock") / "clock")
    record, cut = Record(), False

    async def hook(request: Request, forward: Forward) -> bytes:
        if cut:
            raise Cut
        return await whole(request, forward)

    async with stages.open(start=False) as stage, stage.wire("village", hook):
        for level in LEVELS:
            stage[level].environment = clock.environment
            await stage.start(level)
        await stage.ready()
        venues = [Venue(stage, level, record, random.Random(chance.random())) for level in LEVELS]
        await asyncio.gather(*(each.act() for each in venues))
        await venues[2].scan(0)
        cut = True
        for hour in range(1, 73):
            clock.pass_(hours=1)
            await venues[2].act()
            if long or hour % 24 == 0:
                await asyncio.gather(*(each.act() for each in venues[:2]))
                await venues[2].scan(hour)
            if hour == 2:
                organizer = Operator(stage, "root", Record(), chance, name="organizer")
                status, told = await organizer.ask("POST", f"/api/lectures/{stage.lecture}/stop")
                assert status == 200, told
        assert len([green for green in record.greens if green.level == "village"]) >= 72
        cut = False
        await stages.judge("72 h without uplink", stage, record)
        for level in LEVELS:
            await until("the judgement", lambda level=level: judged(stage, level))  # type: ignore[misc]
            found, counted = late(stage, level)
            assert found == counted
        assert len(late(stage, "root")[0]) >= 3


async def judged(stage: Stage, level: str) -> bool:
    found, counted = await asyncio.to_thread(late, stage, level)
    return found == counted


async def test_a_clock_that_is_set(stages: Stages, chance: random.Random, long: bool, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    clock = MovedClock(tmp_path_factory.mktemp("clock") / "clock")
    record = Record()
    when: dict[str, tuple[dt.datetime, dt.datetime]] = {}
    async with stages.open(start=False) as stage:
        stage["village"].environment = clock.environment
        for level in LEVELS:
            await stage.start(level)
        await stage.ready()
        village = Venue(stage, "village", record, chance)
        await village.act()
        await until("the clock to be compared", lambda: compared(village))
        faults = [{"hours": -3}, {"days": 1}, {"hours": -3}, {"seconds": 0}]
        if long:
            faults += [{"seconds": chance.randrange(-90_000, 90_000)} for _ in range(20)]
        for number, fault in enumerate(faults):
            clock.set(**fault)
            for turn in range(2):
                before = dt.datetime.now(dt.UTC)
                event = await village.scan(10 * number + turn)
                when[event] = before, dt.datetime.now(dt.UTC)
                await village.act()
            if number % 2:
                await until("the clock to be compared", lambda: compared(village))
        await stages.judge("village's clock set: -3 h, +1 day, backwards", stage, record, times=len(faults))
        rows = {row["id"]: row for row in recount.read("root", stage["root"].database).events}
        for event, (before, after) in when.items():
            row = rows[event]
            assert row["clock_offset_ms"] is not None
            assert row["clock_uncertainty_ms"] is not None
            moment = dt.datetime.fromtimestamp(recount.moment_us(row) / 1e6, dt.UTC)
            assert before - dt.timedelta(seconds=2.5) <= moment <= after + dt.timedelta(seconds=2.5), row
        own = [row for row in rows.values() if row["node"] == stage["village"].node]
        by_seq = sorted(own, key=lambda row: row["seq"])
        assert [row["position"] for row in by_seq] == sorted(row["position"] for row in own)
        for level in LEVELS:
            await until("the judgement", lambda level=level: judged(stage, level))  # type: ignore[misc]


async def compared(village: Operator) -> bool:
    _, node = await village.ask("GET", "/api/node")
    return node["link"]["state"] == "connected" and node["link"]["clock_offset_ms"] is not None
