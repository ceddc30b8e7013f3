"""Learning from the parent how far everything has come, and taking back what a disk that was set back has lost.

`wait_s` decides when to ask, `Follower` asks: once after each start which of the parent's streams are longer than
ours, then, for as long as something here is not known to be at the root, how far the root has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from attendance.journey import FIRST, Journey
from attendance.streams import Stream
from attendance.streams_store import Key

logger = logging.getLogger(__name__)

MOST_S = 60.0
PAGE = 500


def wait_s(interval_s: float, in_vain: int, random: float) -> float:
    """How long to wait after `in_vain` rounds in a row that brought nothing; `random` is in [0, 1)."""
    ceiling_s = max(interval_s, min(MOST_S, interval_s * 2.0 ** min(in_vain, 16)))
    return ceiling_s * (0.5 + random / 2)


def to_wire(one: Stream) -> dict[str, object]:
    return {
        "node": one.node,
        "epoch": one.epoch,
        "upto": one.upto,
        "last": one.last,
        "forked_at": one.forked_at,
        "root": one.root,
    }


def from_wire(obj: Mapping[str, object]) -> Stream:
    """Of what lies beyond a gap only the last number crosses the link. Raises KeyError, TypeError, ValueError."""
    upto, last, forked_at = _whole(obj["upto"]), _whole(obj["last"]), obj["forked_at"]
    return Stream(
        node=str(obj["node"]),
        epoch=_whole(obj["epoch"]),
        upto=upto,
        beyond=((last, last),) if last > upto else (),
        forked_at=None if forked_at is None else _whole(forked_at),
        root=_whole(obj["root"]),
    )


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"not a number of an event: {value!r}")
    return value


class Parent(Protocol):
    """The parent's answers; None when there is none, for whatever reason."""

    async def streams(self, keys: Sequence[Key], /) -> list[Stream] | None: ...

    async def below(self, after: Key, /) -> list[Stream] | None:
        """Of all nodes of this node's subtree, in order, from beyond `after`; at most PAGE."""

    async def sent(self, after: int, /) -> tuple[list[object], int | None] | None:
        """Events that came from here, and the position from which to go on (None: that is all)."""


class Follower:
    """`sleep(seconds)` waits; `random()` is in [0, 1)."""

    def __init__(
        self,
        journey: Journey,
        parent: Parent,
        *,
        interval_s: float,
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._journey = journey
        self._parent = parent
        self._interval_s = interval_s
        self._random = random
        self._sleep = sleep

    async def run(self) -> None:
        """For ever; ends by cancellation, at any point of which nothing is lost."""
        in_vain = 0
        while not await self.look_back():
            in_vain += 1
            await self._sleep(wait_s(self._interval_s, in_vain, self._random()))
        in_vain = 0
        while True:
            in_vain = 0 if await self.ask() else in_vain + 1
            await self._sleep(wait_s(self._interval_s, in_vain, self._random()))

    async def look_back(self) -> bool:
        """Whether the parent knows more of this subtree than this node does; if so, take it back. False: ask again."""
        after, set_back = FIRST, False
        while (page := await self._parent.below(after)) is not None:
            learned = await self._journey.learn(page)
            set_back = set_back or learned.set_back
            if len(page) < PAGE:
                return not set_back or await self._restore()
            after = (page[-1].node, page[-1].epoch)
        return False

    async def ask(self) -> bool:
        """One round over everything that the root may not have; whether it brought anything, or there was nothing."""
        after, moved, asked = FIRST, 0, False
        while waiting := await self._journey.uncovered(PAGE, after):
            keys = [(one.node, one.epoch) for one in waiting]
            told = await self._parent.streams(keys)
            if told is None:
                return False
            learned = await self._journey.learn(told)
            moved, asked = moved + learned.moved, True
            if learned.set_back and not await self._restore():
                return False
            if len(waiting) < PAGE:
                break
            after = keys[-1]
        return moved > 0 or not asked

    async def _restore(self) -> bool:
        after: int | None = 0
        count = 0
        while after is not None:
            page = await self._parent.sent(after)
            if page is None:
                return False
            events, after = page
            count += await self._journey.restore(events)
        logger.warning("this node's disk was set back: %d events came back from the parent", count)
        return True
