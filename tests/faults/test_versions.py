"""Nodes of different versions in one tree: both hand up and take down, whichever is the older.

The other version is played on the wire, where it shows: what an older parent does not answer, what a newer one adds,
what an older child leaves out and a newer one says that nobody here has heard of.
"""

from __future__ import annotations

import json
import random

import aiohttp
import pytest

from tests.faults import recount
from tests.faults.conftest import Stages
from tests.faults.stage import LEVELS, Stage, person_of, until
from tests.faults.test_link import Child
from tests.faults.test_poison import write
from tests.faults.ticks import Operator, Record
from tests.faults.wire import EVENTS, STREAMS, Forward, Request, reply, whole

_REPORT = {"version": "0.0.1", "stream_state": "idle", "pending_events": 3, "udp_port": 0}

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def older(request: Request, forward: Forward) -> bytes:
    """A parent from before there were marks: it knows no streams, and gives nothing back."""
    if request.path == STREAMS or (request.method, request.path) == ("GET", EVENTS):
        return reply("404 Not Found", b'{"error": {"code": "not_found", "message": "There is nothing here."}}')
    return await forward(request.raw)


async def newer(request: Request, forward: Forward) -> bytes:
    """A parent that says more than this version understands."""
    answer = await forward(request.raw)
    head, _, body = answer.partition(b"\r\n\r\n")
    if request.path not in (EVENTS, STREAMS) or b" 200 " not in head:
        return answer
    told = json.loads(body)
    for each in told.values():
        for one in each if isinstance(each, list) else []:
            if request.method == "POST" or request.path == STREAMS:
                one["newer"] = {"x": [1]}
    return reply("200 OK", json.dumps(told | {"newer": 1}).encode())


async def test_older_and_newer_parents_and_children(stages: Stages, chance: random.Random) -> None:
    async with (
        stages.open(start=False) as stage,
        stage.wire("village", older) as low,
        stage.wire("middle", newer),
        aiohttp.ClientSession() as session,
    ):
        for level in LEVELS:
            await stage.start(level)
        await stage.ready()
        record = Record()
        operator = Operator(stage, "village", record, chance)
        for _ in range(12):
            await operator.act()

        async def all_up() -> bool:
            return not recount.waiting(stage["village"].database)

        await until("an older parent to take all", all_up)
        assert recount.uncovered(stage["village"].database)  # and of the marks nothing is known
        low.hook = whole  # the parent is brought up to date
        await _be_another_child(stage, session)
        await stage.start("village")
        await stage.ready()
        await operator.close()
        await stages.judge("older and newer parents and children", stage, record, times=4)
        at_root = {row["kind"] for row in recount.read("root", stage["root"].database).events}
        assert {"hologram", "blessing"} <= at_root


async def _be_another_child(stage: Stage, session: aiohttp.ClientSession) -> None:
    """The village's node of a version that says what nobody here has heard of, then of one that knows neither marks nor
    the newer fields of a heartbeat, nor figures with an event."""
    await stage.kill("village")
    await write(stage, {"kind": "hologram", "method": "telepathy", "data": {"brightness": 7, "on": True}})
    await write(stage, {"kind": "blessing", "name": "某人", "person": person_of("village", 50)})
    child = Child(stage["village"].folder, stage["middle"].url, session)
    beat = {"sent_at": "2026-11-24T03:15:00.000Z", "revision_base": 0, "report": _REPORT, "below": []}
    assert (await child.link.request("POST", "/api/node/heartbeat", json=beat)).status == 200
    events = [recount.wire(row) for row in recount.read("village", stage["village"].database).events]
    first = [event for event in events if "data" not in event]
    answer = await child.post({"events": first})
    outcomes = [result.outcome.value for result in answer.results]
    assert outcomes.count("accepted") == 1  # of the newer two, the one without figures
    assert outcomes.count("duplicate") == len(first) - 1
