"""A node in a process of its own: captures check-ins one after the other and prints each id once it is committed."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sys
import time

from attendance import EventLog, Method
from venues.database import Database


async def main(url: str, lecture: str, venue: int, name: str) -> None:
    log = EventLog(
        Database(url),
        "node-1",
        venue,
        now=lambda: dt.datetime.now(dt.UTC),
        monotonic=time.monotonic,
        boot_id="boot",
        entropy=os.urandom,
    )

    async def capture() -> None:
        while True:
            done = await log.capture(lecture=lecture, name=name, method=Method.WALK_IN)
            print(done.event.id, flush=True)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(capture())


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
