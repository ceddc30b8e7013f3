"""Handing events up: `State` and the functions on it decide, `Uploader` does it.

One request at a time. What the parent has answered for, event by event, is done; everything else stays and goes again:
after an interval when nothing is wrong, after a full-jitter back-off (doubling) when the parent cannot be reached or
answers with an error, and never before its Retry-After. A request that the parent refuses as a whole (400, 413, 422) is
halved until the event that spoils it is alone; that one then goes last, so that it never holds up the rest. So is one
over which the parent breaks (500), and one whose answer settles nothing, but these are waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from attendance import results
from attendance.event import Event, to_wire
from attendance.results import Result

logger = logging.getLogger(__name__)

BACK_OFF_FIRST_S = 1.0
BACK_OFF_MOST_S = 30.0
RETRY_AFTER_MOST_S = 3600.0
_SPOILT = frozenset({400, 413, 422})
_DOUBTFUL = frozenset({200, 500})  # the parent's fault or one event's: nobody knows


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back. `status` 0: nothing did (no connection, a time-out)."""

    status: int
    results: Sequence[Result] = ()
    retry_after_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    batch: int  # events in the next request
    most: int  # never more than this
    failures: int = 0  # in a row
    not_before_s: float = 0.0  # on the monotonic clock
    asked_until_s: float = 0.0  # of that, what the parent asked for

    def wait_s(self, now_s: float) -> float:
        """How long to wait before the next request, 0 when it may go now."""
        return max(0.0, self.not_before_s - now_s)


@dataclass(frozen=True, kw_only=True)
class Decision:
    state: State
    postpone: bool = False  # the one event of this request goes last from now on


def decide(state: State, sent: int, marked: int, reply: Reply, now_s: float, random: float) -> Decision:
    """What follows a request of `sent` events of which the reply settled `marked`; `random` is in [0, 1)."""
    if reply.status == 200 and marked:
        grown = min(state.most, state.batch * 2)
        return Decision(state=dataclasses.replace(state, batch=grown, failures=0, not_before_s=now_s))
    if reply.status in _SPOILT and sent > 1:
        return Decision(state=dataclasses.replace(state, batch=max(1, sent // 2), not_before_s=now_s))
    ceiling_s = min(BACK_OFF_MOST_S, BACK_OFF_FIRST_S * 2 ** min(state.failures, 16))
    asked_until_s = now_s + min(RETRY_AFTER_MOST_S, reply.retry_after_s or 0.0)
    doubtful = reply.status in _DOUBTFUL
    return Decision(
        state=dataclasses.replace(
            state,
            batch=max(1, sent // 2) if doubtful else state.batch,
            failures=state.failures + 1,
            not_before_s=asked_until_s + random * ceiling_s,
            asked_until_s=asked_until_s,
        ),
        postpone=reply.status in _SPOILT or (doubtful and sent == 1),
    )


def reached(state: State, now_s: float, random: float) -> State:
    """What follows when the parent is there again: no need to wait on, but for what it asked for, and for the others
    who have waited, too."""
    soon_s = max(now_s, state.asked_until_s) + random * BACK_OFF_FIRST_S
    return dataclasses.replace(state, not_before_s=min(state.not_before_s, soon_s))


def by_place(found: Sequence[Result], events: Sequence[Event]) -> list[Result]:
    """What the parent answered of these events: a result without an id is of the event at its place in the request."""
    sent = {event.id for event in events}
    if len(found) == len(events):
        pairs = zip(found, events, strict=True)
        found = [dataclasses.replace(one, id=event.id) if one.id is None else one for one, event in pairs]
    return [one for one in found if one.id in sent]


class Log(Protocol):
    """The part of `EventLog` that goes up."""

    async def outbox(self, limit: int, /) -> list[Event]: ...

    async def mark(self, results: Iterable[Result], /) -> int: ...

    async def postpone(self, event_id: str, /) -> None: ...


class Post(Protocol):
    async def __call__(self, body: dict[str, object], /) -> Reply:
        """POST /api/node/events at the parent; never raises for what the network or the parent does."""


class Uploader:
    """`wake` is set whenever there may be something to send; `random()` is in [0, 1), `monotonic()` in seconds.
    `on_marked` is called when the parent has answered for something."""

    def __init__(
        self,
        log: Log,
        post: Post,
        wake: asyncio.Event,
        *,
        batch: int,
        interval_s: float,
        monotonic: Callable[[], float],
        random: Callable[[], float],
        on_marked: Callable[[], None] = lambda: None,
    ) -> None:
        self._log = log
        self._post = post
        self._wake = wake
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._random = random
        self._on_marked = on_marked
        self._state = State(batch=batch, most=batch)
        self._reached = asyncio.Event()

    async def run(self) -> None:
        """Hand up what there is, for ever; ends by cancellation, at any point of which nothing is lost."""
        while True:
            await self._back_off()
            self._wake.clear()  # before looking: what comes while we look wakes us again
            if not await self.step():
                await self._idle()

    def reached(self) -> None:
        """The parent can be reached again: whoever waits after failures need not wait on."""
        self._state = reached(self._state, self._monotonic(), self._random())
        self._reached.set()

    async def _back_off(self) -> None:
        while (wait_s := self._state.wait_s(self._monotonic())) > 0:
            self._reached.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._reached.wait()

    async def _idle(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._interval_s):
                await self._wake.wait()

    async def step(self) -> bool:
        """Send one request if there is anything to send; False when there is nothing."""
        events = await self._log.outbox(self._state.batch)
        if not events:
            return False
        reply = await self._post({"events": [to_wire(event) for event in events]})
        marked = await self._log.mark(by_place(reply.results, events))
        if marked:
            self._on_marked()
        decision = decide(self._state, len(events), marked, reply, self._monotonic(), self._random())
        if decision.postpone:
            await self._log.postpone(events[0].id)
        self._change(decision.state, reply)
        return True

    def _change(self, state: State, reply: Reply) -> None:
        if state.failures == 1 and not self._state.failures:
            logger.warning("the parent does not take events (status %d); they are kept and sent again", reply.status)
        elif self._state.failures and not state.failures:
            logger.info("the parent takes events again")
        self._state = state


def reply_of(status: int, body: object, retry_after: str | None) -> Reply:
    """Read an HTTP answer: a 200 whose body is not what it should be settles nothing and is tried again."""
    found: list[Result] = []
    if status == 200 and isinstance(body, dict) and isinstance(body.get("results"), list):
        try:
            found = [results.from_wire(item) for item in body["results"]]
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.warning("the parent's answer cannot be read")
    seconds = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    return Reply(status=status, results=found, retry_after_s=seconds)
