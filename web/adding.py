"""Adds up the years beside the summaries, and looks every night whether all that was added up is still so."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
import zoneinfo
from typing import TYPE_CHECKING

from attendance.lectures import LectureState

if TYPE_CHECKING:
    from web.node import Node

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_REST = 20.0  # times as long as a pass took: events that go on coming shall not keep the node at it
_NIGHT = range(2, 5)  # o'clock, where nobody waits for figures


def is_time(local: dt.datetime, looked_on: dt.date | None, *, live: bool) -> bool:
    """Once a night, and not while a lecture runs."""
    return local.hour in _NIGHT and local.date() != looked_on and not live


class Adding:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._zone = zoneinfo.ZoneInfo(node.settings.web.time_zone)
        self._looked_on: dt.date | None = None

    async def run(self) -> None:
        """For ever; ends by cancellation, and begins anew where it stopped in the middle of a year."""
        years = self._node.years
        took_s = 0.0
        while True:
            begun = time.monotonic()
            more = await years.step()
            last_s = time.monotonic() - begun
            took_s += last_s
            if not more:
                await self._audit()
                await asyncio.sleep(_LOOK_S)
            elif years.between:
                await asyncio.sleep(max(_LOOK_S, _REST * took_s))
            else:
                await asyncio.sleep(last_s)
            took_s = took_s if more and not years.between else 0.0

    async def _audit(self) -> None:
        lectures = await self._node.lectures.list()
        live = any(lecture.state is LectureState.LIVE for lecture in lectures)
        local = self._node.now().astimezone(self._zone)
        if not is_time(local, self._looked_on, live=live):
            return
        self._looked_on = local.date()
        await self.audit()

    async def audit(self) -> tuple[int, int]:
        """Compare everything that was added up with what it was made from, and put it right: how many lectures and how
        many rows of years were not as they should be."""
        node = self._node
        wrong = 0
        for lecture in await node.lectures.list():
            if lecture.state is LectureState.ENDED:
                wrong += not await node.summaries.audit(lecture.id)
        rows = await node.years.rebuild()
        if wrong or rows:
            log.error("sums were wrong and are made anew: of %d lectures, and %d rows of whole years", wrong, rows)
        else:
            log.info("all sums of lectures and years are as they should be")
        return wrong, rows
