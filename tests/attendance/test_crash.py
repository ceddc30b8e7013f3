"""kill -9 in the middle of a run of check-ins: what was said to be written is written, once and without a gap."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import sqlalchemy as sa

from attendance.tables import event as event_table
from attendance.tables import presence as presence_table
from tests.attendance.world import VILLAGE, Site

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("capture_until_killed.py")


async def run_and_kill(site: Site, name: str, after: int) -> list[str]:
    """Start the node, SIGKILL it once it has printed `after` ids, and return all whole ids that it printed."""
    url = site.db.url.render_as_string(hide_password=False)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        SCRIPT,
        url,
        site.lecture,
        str(VILLAGE),
        name,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    async with asyncio.timeout(60):
        lines = [await child.stdout.readline() for _ in range(after)]
        child.kill()
        lines += (await child.stdout.read()).splitlines(keepends=True)
        assert await child.wait() == -9
    return [line.decode().strip() for line in lines if line.endswith(b"\n")]


async def test_kill_9_loses_nothing_and_doubles_nothing(site: Site) -> None:
    printed: list[str] = []
    for number in range(3):
        printed += await run_and_kill(site, f"客{number}", after=40)
    log = await site.db.read(
        lambda connection: connection.execute(
            sa.select(event_table.c.id, event_table.c.seq, event_table.c.epoch).order_by(event_table.c.position)
        ).all()
    )
    assert len(printed) >= 120
    assert len(set(printed)) == len(printed)
    ids = [row.id for row in log]
    assert len(set(ids)) == len(ids)
    assert set(printed) <= set(ids)
    assert [row.seq for row in log] == list(range(1, len(log) + 1))
    assert len({row.epoch for row in log}) == 1
    present = await site.db.read(lambda connection: set(connection.scalars(sa.select(presence_table.c.person_id))))
    assert present == set(ids)
