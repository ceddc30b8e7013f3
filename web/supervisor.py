"""Keeps services running: each is one `run()`; one that fails is started again after a growing pause."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from venues.errors import TongtangError

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class Supervisor:
    """Starts services in the order given and stops them in the reverse one.

    `jitter` returns a number in [0, 1): the pause before the n-th restart is drawn from the upper half of
    0.5 s · 2^n, at most 30 s. A service whose `run()` returns is finished and stays so.
    """

    def __init__(self, jitter: Callable[[], float], *, first_pause_s: float = _FIRST_PAUSE_S) -> None:
        self._jitter = jitter
        self._first_pause_s = first_pause_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    @property
    def running(self) -> tuple[str, ...]:
        return tuple(name for name, task in self._tasks.items() if not task.done())

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Nothing starts any more once `stop` has begun: a service that starts others may be in the middle of it."""
        assert name not in self._tasks, name
        if self._stopping:
            return
        self._tasks[name] = asyncio.create_task(self._keep(name, run), name=name)

    async def stop(self) -> None:
        self._stopping = True
        while self._tasks:
            await self.end(next(reversed(self._tasks)))

    async def end(self, name: str) -> None:
        """Stop one service; its name is free again. One that is not there has ended already."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])  # unlike `await task`, this tells its cancellation from ours

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await run()
            except Exception as error:
                # A service that had been well for longer than the longest pause starts afresh.
                failures = 0 if loop.time() - began > _LONGEST_PAUSE_S else failures + 1
                pause_s = pause(failures, self._jitter(), self._first_pause_s)
                said = isinstance(error, TongtangError)  # a full disk is named in one line, and does not become fuller
                trace = None if said else error
                log.error("%s stopped (%s); starting it again in %.1f s", name, error, pause_s, exc_info=trace)
                await asyncio.sleep(pause_s)
            else:
                log.info("%s finished", name)
                return


def pause(failures: int, jitter: float, first_s: float = _FIRST_PAUSE_S) -> float:
    """Seconds to wait before the next start."""
    ceiling: float = min(_LONGEST_PAUSE_S, first_s * 2 ** min(failures, 10))
    return ceiling * (0.5 + jitter / 2)
