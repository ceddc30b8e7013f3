"""How fast a root takes attendance, durably: `python -m bench.ingest --db URL --json`.

`--db` is the URL of an empty database; `sqlite` and `postgresql` make one of their own in a temporary folder and remove
it. A real root (its own process, real tree of 19,572 venues) is asked over HTTP by nodes that sign for their tokens:

- `events_per_second`: counties with full batches of 500, one after the other on a few connections; an event counts when
  the answer has come, which is after COMMIT (SQLite `synchronous=FULL`, PostgreSQL `fsync=on`).
- `storm`: 60,000 events of 18,000 nodes that all come back within one minute (`--within`), each with a connection, a
  challenge, a signature and a batch of its own; beside them somebody opens the sign-in page ten times a second.
- `tick`: the time of a roll-call tick over HTTP at a village's node (its own SQLite) while 2,000 events wait.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa
import uvloop

from attendance.tables import event as event_table
from attendance.tables import presence as presence_table
from bench.province import Child, Province, events, free_port, own_postgresql, prepare, serving, write_config
from bench.tick import tick
from venues.database import Database
from venues.identity import token_message
from venues.settings import load

STREAMS = 4  # requests under way at once, as of a few large children
BATCH = 500


async def bearer(session: aiohttp.ClientSession, url: str, child: Child) -> dict[str, str]:
    challenge = await _post(session, f"{url}/api/node/challenge", {"node": child.node})
    signature = child.key.sign(token_message(child.node, challenge["nonce"]))
    asked = {"node": child.node, "nonce": challenge["nonce"], "signature": signature}
    token = await _post(session, f"{url}/api/node/token", asked)
    return {"Authorization": f"Bearer {token['token']}", "Content-Type": "application/json"}


async def _post(session: aiohttp.ClientSession, url: str, body: object) -> Any:
    async with session.post(url, json=body) as answer:
        if answer.status not in (200, 201):
            raise _Refused(answer.status, answer.headers.get("Retry-After"))
        return await answer.json()


class _Refused(Exception):
    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(status)
        self.retry_after_s = float(retry_after) if retry_after else 0.0


async def _send(session: aiohttp.ClientSession, url: str, headers: dict[str, str], batch: Sequence[bytes]) -> int:
    body = b'{"events":[' + b",".join(batch) + b"]}"
    async with session.post(f"{url}/api/node/events", data=body, headers=headers) as answer:
        if answer.status != 200:
            raise _Refused(answer.status, answer.headers.get("Retry-After"))
        results = json.loads(await answer.read())["results"]
    taken = sum(result["outcome"] in ("accepted", "duplicate") for result in results)
    assert taken == len(batch), results[:3]
    return taken


async def throughput(url: str, province: Province, count: int, chance: random.Random) -> dict[str, Any]:
    """Full batches, one county after the other on each connection."""
    share = math.ceil(count / len(province.counties) / BATCH) * BATCH
    work = [
        (child, events(province.lecture, child.node, villages, share, chance)) for child, villages in province.counties
    ]
    work = work[: math.ceil(count / share)]
    latencies: list[float] = []
    async with aiohttp.ClientSession() as session:
        signed = [(await bearer(session, url, child), made) for child, made in work]

        async def stream() -> int:
            taken = 0
            while signed:
                headers, made = signed.pop()
                for start in range(0, len(made), BATCH):
                    begun = time.perf_counter()
                    taken += await _send(session, url, headers, made[start : start + BATCH])
                    latencies.append(time.perf_counter() - begun)
            return taken

        begun = time.perf_counter()
        taken = sum(await asyncio.gather(*(stream() for _ in range(STREAMS))))
        seconds = time.perf_counter() - begun
    return {
        "events": taken,
        "events_per_second": round(taken / seconds),
        "batch_ms_median": round(statistics.median(latencies) * 1000, 1),
        "batch_ms_p95": round(statistics.quantiles(latencies, n=20)[-1] * 1000, 1),
    }


async def storm(
    url: str, province: Province, count: int, nodes: int, within_s: float, chance: random.Random
) -> dict[str, Any]:
    """All nodes come back within that time, each with some events."""
    children = chance.sample(list(province.children), min(nodes, len(province.children)))
    share, more = divmod(count, len(children))
    made = [
        events(province.lecture, child.node, [child.venue], share + (place < more), chance)
        for place, child in enumerate(children)
    ]
    done_at: list[float] = []
    retries, lost = 0, 0
    pages: list[float] = []
    begun = time.perf_counter()

    async def come_back(session: aiohttp.ClientSession, child: Child, batch: Sequence[bytes], after_s: float) -> None:
        nonlocal retries, lost
        await asyncio.sleep(after_s)
        for attempt in range(20):
            try:
                headers = await bearer(session, url, child)
                await _send(session, url, headers | {"Connection": "close"}, batch)
            except (_Refused, aiohttp.ClientError, TimeoutError) as error:
                retries += 1
                wait_s = getattr(error, "retry_after_s", 0.0) + random.random() * min(30.0, 2.0**attempt)
                await asyncio.sleep(wait_s)
            else:
                done_at.append(time.perf_counter() - begun)
                return
        lost += 1

    async def look(session: aiohttp.ClientSession) -> None:
        while True:
            asked = time.perf_counter()
            async with session.get(f"{url}/sign-in") as page:
                assert page.status == 200
                await page.read()
            pages.append(time.perf_counter() - asked)
            await asyncio.sleep(max(0.0, 0.1 - pages[-1]))

    connector = aiohttp.TCPConnector(limit=0)
    patience = aiohttp.ClientTimeout(total=60)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=patience) as session,
        aiohttp.ClientSession() as visitor,
    ):
        looking = asyncio.create_task(look(visitor))
        await asyncio.gather(
            *(
                come_back(session, child, batch, chance.random() * within_s)
                for child, batch in zip(children, made, strict=True)
            )
        )
        looking.cancel()
        await asyncio.wait([looking])
    pages.sort()
    return {
        "nodes": len(children),
        "events": sum(len(batch) for batch in made),
        "all_in_s": round(max(done_at), 1),
        "refused_for_good": lost,
        "retries": retries,
        "page_ms_median": round(statistics.median(pages) * 1000, 1),
        "page_ms_p99": round(pages[int(len(pages) * 0.99)] * 1000, 1),
        "page_ms_max": round(pages[-1] * 1000, 1),
    }


async def counted(url: str) -> dict[str, int]:
    """What the database itself holds."""
    db = Database(url)
    try:
        query = [sa.select(sa.func.count()).select_from(table) for table in (event_table, presence_table)]
        found = await db.read(lambda connection: [connection.scalar(each) or 0 for each in query])
    finally:
        await db.close()
    return {"events_in_database": found[0], "presences_in_database": found[1]}


async def measure(url: str, folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    chance = random.Random(1)
    port = free_port()
    config = write_config(folder, url, port)
    province = await prepare(load(config), chance)
    found: dict[str, Any] = {"database": url.partition(":")[0].partition("+")[0]}
    async with serving(config, port) as address:
        if chosen.events:
            found |= await throughput(address, province, chosen.events, chance)
        if chosen.nodes:
            found["storm"] = await storm(address, province, chosen.storm_events, chosen.nodes, chosen.within, chance)
    found |= await counted(url)
    if chosen.ticks:
        found["tick"] = await tick(folder, chosen.ticks)
    return found


@contextlib.contextmanager
def database(wanted: str, folder: Path) -> Iterator[str]:
    if wanted == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
    elif wanted == "postgresql":
        with own_postgresql(folder) as url:
            yield url
    else:
        yield wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", default="sqlite", help="URL of an empty database, or sqlite, or postgresql")
    parser.add_argument("--events", type=int, default=100_000, help="for the throughput; 0 leaves it out")
    parser.add_argument("--nodes", type=int, default=18_000, help="of the storm; 0 leaves it out")
    parser.add_argument("--storm-events", type=int, default=60_000)
    parser.add_argument("--within", type=float, default=60, help="seconds in which the nodes come back")
    parser.add_argument("--ticks", type=int, default=400, help="0 leaves them out")
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o700)
        with database(chosen.db, Path(name)) as url:
            found = uvloop.run(measure(url, Path(name), chosen))
    print(json.dumps(found, indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
