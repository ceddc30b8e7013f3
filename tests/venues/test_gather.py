from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from venues.gather import Gather


async def test_what_comes_meanwhile_goes_together() -> None:
    lots: list[list[int]] = []
    begun, go = asyncio.Event(), asyncio.Event()

    async def work(lot: Sequence[int]) -> list[int]:
        lots.append(list(lot))
        begun.set()
        await go.wait()
        return [2 * item for item in lot]

    gather = Gather(work, lambda item: 1, most=4)
    tasks = [asyncio.create_task(gather(0))]
    await begun.wait()
    tasks += [asyncio.create_task(gather(item)) for item in range(1, 8)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    go.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result for result in done if isinstance(result, int)] == [0, 2, 4, 8, 10, 12, 14]
    assert isinstance(done[3], asyncio.CancelledError)
    assert lots[0] == [0]
    assert all(len(lot) <= 4 for lot in lots)
    assert len(lots) == 3


async def test_a_failure_is_everybodys_and_the_next_are_served() -> None:
    async def work(lot: Sequence[int]) -> list[int]:
        if 0 in lot:
            raise LookupError
        return list(lot)

    gather = Gather(work, lambda item: item, most=10)
    assert isinstance((await asyncio.gather(gather(0), return_exceptions=True))[0], LookupError)
    assert await gather(100) == 100  # heavier than the most, and alone
    with pytest.raises(LookupError):
        await gather(0)
