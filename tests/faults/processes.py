"""Server processes as a test drives them: started, killed by pid, awaited."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.faults.kill_points import KillPoint

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 30.0


class Process:
    """One server process. `status` is -9 after a kill -9."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def running(self) -> bool:
        return not self.ended.done()

    async def wait(self, patience_s: float = _PATIENCE_S) -> int:
        """Its status, once it has ended."""
        async with asyncio.timeout(patience_s):
            return await asyncio.shield(self.ended)

    async def kill(self) -> None:
        """SIGKILL, unless it is gone already; returns when it is."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM: an orderly end."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: int) -> int:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        return await self.wait()


class Nursery:
    """`nursery.py` as a process; see there."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._processes: dict[int, Process] = {}
        self._asked: list[asyncio.Future[Process]] = []
        self._reading = asyncio.create_task(self._read())

    async def start(
        self, config: Path, log: Path, *, kill: KillPoint | None = None, environment: Mapping[str, str] | None = None
    ) -> Process:
        """`tongtang serve --config CONFIG`; what it says goes to the end of `log`."""
        wanted = {
            "config": str(config),
            "log": str(log),
            "environment": dict(environment or {}),
            "kill": asdict(kill) if kill else None,
        }
        future: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._asked.append(future)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        async with asyncio.timeout(_PATIENCE_S):
            return await future

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            match json.loads(line):
                case {"pid": int(pid)}:
                    self._processes[pid] = Process(pid)
                    if not (asked := self._asked.pop(0)).done():  # whoever asked may be gone
                        asked.set_result(self._processes[pid])
                case {"ended": int(pid), "status": int(status)}:
                    self._processes.pop(pid).ended.set_result(status)

    async def close(self) -> None:
        for each in list(self._processes.values()):
            await each.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(_PATIENCE_S):
            await self._process.wait()
        await self._reading


@contextlib.asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", "")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.nursery",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment,
    )
    found = Nursery(process)
    try:
        yield found
    finally:
        await found.close()


@contextlib.asynccontextmanager
async def serving(
    config: Path, log: Path, *, environment: Mapping[str, str] | None = None, command: tuple[str, ...] = ()
) -> AsyncIterator[Process]:
    """A server that is started as anybody would, without the nursery: for what has to be there before the program is
    loaded (`environment`, or a `command` before it). Killed at the end."""
    with log.open("ab") as output:
        begun = await asyncio.create_subprocess_exec(
            *command, sys.executable, "-m", "web", "serve", "--config", str(config),
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        )  # fmt: skip
    process = Process(begun.pid)
    awaiting = asyncio.create_task(begun.wait())
    awaiting.add_done_callback(lambda task: process.ended.set_result(task.result()))
    try:
        yield process
    finally:
        await process.kill()
        await awaiting
