"""An event that cannot be, in the middle of others: it is kept aside, shown and alarmed of, and holds up nothing."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from typing import Any

import aiohttp
import pytest

from attendance import intake
from attendance.paths_store import Paths
from attendance.store import EPOCH, Rows
from tests.faults import recount
from tests.faults.conftest import Stages
from tests.faults.stage import LEVELS, Stage, now_ms
from tests.faults.test_link import Child, filled
from tests.faults.ticks import Operator
from tests.faults.wire import EVENTS, whole
from tests.web.nodes import PASSWORD, Client
from venues.ids import uuid7
from venues.settings import load
from web.node import Node

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_poison_in_the_middle_of_a_batch(stages_on_postgresql: Stages, chance: random.Random) -> None:
    async with (
        filled(stages_on_postgresql, chance, 12) as (stage, record, wire),
        aiohttp.ClientSession() as session,
    ):
        operator = Operator(stage, "village", record, chance)
        rows = recount.read("village", stage["village"].database).events
        ticked = [row["id"] for row in rows if row["kind"] == "check_in"]
        damaged, forged = ticked[1], ticked[3]
        await stage.kill("village")
        _damage(stage, damaged)
        # What SQLite takes and PostgreSQL does not, so it goes up to the root's door: a number of 2^40 in a closing.
        refused = await write(stage, {"kind": "close", "data": {"count": 2**40, "hash": "0" * 64}})
        await _forge(stage, next(row for row in rows if row["id"] == forged), session)
        wire.hook = whole
        await stage.start("village")
        for one in range(40, 45):
            await operator.tick(one)
        await stages_on_postgresql.judge(
            "a damaged, a forged and a refused event", stage, record, times=3, aside=(damaged, forged, refused)
        )
        kept = {level: await _kept(stage, level) for level in LEVELS}
        assert kept["village"] == {("row_damaged", damaged)}
        assert kept["middle"] == {("content_differs", forged)} | {(code, None) for code in _SPOILT_CODES}
        assert kept["root"] == {("store_refused", refused)}
        for level, code in (("village", "damaged"), ("middle", "content_differs"), ("root", "store_refused")):
            assert any("ERROR" in line and code in line for line in _log(stage, level)), f"no alarm at {level}"
        await _is_shown(stage)


_SPOILT: list[Any] = [None, "text", {}, {"id": 7}, [1, 2]]
_SPOILT_CODES = {"event_not_object", "event_field_missing"}


def _damage(stage: Stage, event: str) -> None:
    """As a bad sector does: what stands in the row is not what was written, and in part no JSON."""
    path = stage["village"].database.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE event SET name = '阿??', data = '{\"x\": 1' WHERE id = ?", (event,))
    connection.close()


async def write(stage: Stage, changed: dict[str, Any]) -> str:
    """An event that this version would never capture, of a lecture that nobody knows, stands in the village's log,
    numbered like any other."""
    async with Node(load(stage["village"].write_config())).opened() as node:
        id_ = uuid7(now_ms(), node.entropy(10))

        def work(connection: Any) -> None:
            rows = Rows(connection, Paths())
            epoch = int(rows.remember(EPOCH, lambda: "1"))
            like = recount.wire(recount.read("village", stage["village"].database).events[0])
            wire = like | {
                "id": id_, "epoch": epoch, "seq": rows.next_seq(node.id, epoch),
                "lecture": uuid7(now_ms(), node.entropy(10)),
                "person": None, "number": None, "name": "", "supersedes": None,
            } | changed  # fmt: skip
            (item,) = intake.read([wire])
            assert item.event is not None, item.code
            rows.insert([intake.entry(item.event)], node.now())

        await node.db.write(work)
        return id_


async def _forge(stage: Stage, row: recount.Row, session: aiohttp.ClientSession) -> None:
    """Before the village does, somebody with its key hands up something else under the same id, between things that
    are no events; and something that is not even JSON."""
    child = Child(stage["village"].folder, stage["middle"].url, session)
    forged = recount.wire(row) | {"name": "另一个"}
    answer = await child.post({"events": [*_SPOILT[:3], forged, *_SPOILT[3:]]})
    assert [result.outcome.value == "accepted" for result in answer.results] == [
        False,
        False,
        False,
        True,
        False,
        False,
    ]
    for body in (b'{"events": [', b"\xff\xfe", b"[" * 100_000, json.dumps({"events": 7}).encode()):
        response = await child.link.request("POST", EVENTS, data=body, headers={"Content-Type": "application/json"})
        assert response.status in (400, 422)


async def _kept(stage: Stage, level: str) -> set[tuple[str, str | None]]:
    found = await asyncio.to_thread(recount.read, level, stage[level].database)
    return {(row["code"], row["event_id"]) for row in found.quarantine}


def _log(stage: Stage, level: str) -> list[str]:
    return stage[level].log.read_text(encoding="utf-8", errors="replace").splitlines()


async def _is_shown(stage: Stage) -> None:
    """On the organizer's page at the root and in its API."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        organizer = Client(session=session, url=stage["root"].url)
        assert (await organizer.sign_in("organizer", PASSWORD)).status == 201
        groups = (await organizer("GET", "/api/quarantine")).body["groups"]
        assert [(group["code"], group["count"]) for group in groups] == [("store_refused", 1)]
        page = await organizer("GET", "/quarantine")
        assert page.status == 200
        assert "The database would not take the event." in page.body
