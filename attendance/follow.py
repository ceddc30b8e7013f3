"""Learning from the parent how far everything has come, and taking back what a disk that was set back has lost.

`wait_s` decides when to ask, `Follower` asks: after each start of this node or of the parent, and each hour, which of
the parent's streams are longer than ours, and which are shorter: what the parent has forgotten (its disk was set back,
too) goes up again. Then, for as long as something here is not known to be at the root, how far the root has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from attendance.journey import FIRST, Journey
from attendance.streams import Stream
from attendance.streams_store import Key

logger = logging.getLogger(__name__)

MOST_S = 60.0
LOOK_S = 3600.0  # a database can be set back without any node being started
PAGE = 500
RANGES_MOST = 100  # on the wire; of more a child sends again what it need not


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
        "beyond": [list(span) for span in (*one.beyond[: RANGES_MOST - 1], *one.beyond[RANGES_MOST - 1 :][-1:])],
        "forked_at": one.forked_at,
        "root": one.root,
    }


def from_wire(obj: Mapping[str, object]) -> Stream:
    """An older parent tells of what lies beyond a gap the last number only. Raises KeyError, TypeError, ValueError."""
    upto, last, forked_at = _whole(obj["upto"]), _whole(obj["last"]), obj["forked_at"]
    spans = obj.get("beyond", [[last, last]] if last > upto else [])
    if not isinstance(spans, list):
        raise TypeError(f"not ranges of numbers: {spans!r}")
    return Stream(
        node=str(obj["node"]),
        epoch=_whole(obj["epoch"]),
        upto=upto,
        beyond=tuple((_whole(first), _whole(end)) for first, end in spans),
        forked_at=None if forked_at is None else _whole(forked_at),
        root=_whole(obj["root"]),
    )


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"not a number of an event: {value!r}")
    return value


class Parent(Protocol):
    """The parent's answers; None when there is none, for whatever reason."""

    @property
    def life(self) -> str:
        """Another text after each start of the parent, and for another parent."""

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
        self._news = asyncio.Event()
        self._doubted: dict[Key, tuple[str, Stream]] = {}  # forked: in which life of the parent it said what
        self._taken_back: set[tuple[Key, int, int | None]] = set()  # what is not here for all that was asked

    def expect(self) -> None:
        """Something went up, or the parent is there again: what was asked for in vain may come soon."""
        self._news.set()

    async def run(self) -> None:
        """For ever; ends by cancellation, at any point of which nothing is lost."""
        while True:
            in_vain = 0
            life = self._parent.life
            while not await self.look_back():
                in_vain, _ = await self._pause(in_vain + 1)
                life = self._parent.life
            await self._ask_on(life or self._parent.life)

    async def _ask_on(self, life: str) -> None:
        """Until it is time to look back again."""
        in_vain, passed_s = 0, 0.0
        while passed_s < LOOK_S:
            in_vain, pause_s = await self._pause(0 if await self.ask() else in_vain + 1)
            passed_s += pause_s
            if self._parent.life != life:
                return

    async def _pause(self, in_vain: int) -> tuple[int, float]:
        """Wait after so many rounds in vain; how many of them count from now on, and the seconds. News end the wait,
        but for the shortest one, and begin the count anew."""
        pause_s = wait_s(self._interval_s, in_vain, self._random())
        sleeping, news = asyncio.ensure_future(self._sleep(pause_s)), asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({sleeping, news}, return_when=asyncio.FIRST_COMPLETED)
            if sleeping.done():
                await sleeping
                return in_vain, pause_s
        finally:
            sleeping.cancel()
            news.cancel()
        self._news.clear()
        pause_s = wait_s(self._interval_s, 0, self._random())
        await self._sleep(pause_s)
        return 0, pause_s

    async def look_back(self) -> bool:
        """Compare with all that the parent has of this subtree: take back what is not here, hand up again what is not
        there. False: ask again."""
        after, lacking = FIRST, list[Stream]()
        while (page := await self._parent.below(after)) is not None:
            lacking += (await self._journey.learn(page)).lacking
            if len(page) < PAGE:
                return await self._restore(lacking) and await self._hand_up_again()
            after = (page[-1].node, page[-1].epoch)
        return False

    async def _hand_up_again(self) -> bool:
        after, count = FIRST, 0
        while own := await self._journey.kept(PAGE, after):
            keys = [(one.node, one.epoch) for one in own]
            told = await self._parent.streams(keys)
            if told is None:
                return False
            says = self._forked(own, told)
            seen = {key for key, said in says.items() if self._doubted.get(key) == said}
            count += await self._journey.compare(own, told, seen)
            self._doubted |= says  # what may not be there goes up: once for each word of the parent
            if len(own) < PAGE:
                break
            after = keys[-1]
        if count:
            logger.warning("the parent has lost %d events that it had answered for: they go up again", count)
        return True

    def _forked(self, own: Sequence[Stream], told: Sequence[Stream]) -> dict[Key, tuple[str, Stream]]:
        """What the parent says of those streams of which it stays uncertain what it has, and in which of its lives."""
        keys = {(one.node, one.epoch) for one in (*own, *told) if one.forked_at is not None}
        by_key = {(one.node, one.epoch): one for one in told}
        return {key: (self._parent.life, replace(by_key[key], root=0)) for key in keys & by_key.keys()}

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
            if not await self._restore(learned.lacking):
                return False
            if len(waiting) < PAGE:
                break
            after = keys[-1]
        return moved > 0 or not asked

    async def _restore(self, lacking: Sequence[Stream]) -> bool:
        """Take back what of these streams is at the parent alone; what the parent does not give is not asked for
        twice."""
        wanted = {((one.node, one.epoch), one.last, one.forked_at) for one in lacking}
        if wanted <= self._taken_back:
            return True
        after: int | None = 0
        count = 0
        while after is not None:
            page = await self._parent.sent(after)
            if page is None:
                return False
            events, after = page
            count += await self._journey.restore(events)
        self._taken_back |= wanted
        logger.warning("this node's disk was set back: %d events came back from the parent", count)
        return True
