"""Work that is cheaper done for many at once: what comes while one lot is under way goes together in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")
R = TypeVar("R")


class Gather(Generic[A, R]):
    """`work` gets what has come together, `weight` of one counted, about `most` at a time, and answers in order."""

    def __init__(
        self, work: Callable[[Sequence[A]], Awaitable[Sequence[R]]], weight: Callable[[A], int], most: int
    ) -> None:
        self._work = work
        self._weight = weight
        self._most = most
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: A) -> R:
        """The answer to one, or what the work that it was part of raised."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while lot := self._take():
            try:
                answers = await self._work([item for item, _ in lot])
            except Exception as error:
                for _, future in lot:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), answer in zip(lot, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)

    def _take(self) -> list[tuple[A, asyncio.Future[R]]]:
        count, weight = 0, 0
        for item, _ in self._waiting:
            if count and weight + self._weight(item) > self._most:
                break
            count, weight = count + 1, weight + self._weight(item)
        lot, self._waiting = self._waiting[:count], self._waiting[count:]
        return [(item, future) for item, future in lot if not future.done()] or (self._take() if self._waiting else [])
