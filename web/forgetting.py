"""Carries out what must be forgotten at this node: erased people at once, old lectures' people once a day, and then the
files anew."""

from __future__ import annotations

import datetime as dt
import logging
import zoneinfo
from typing import TYPE_CHECKING

from attendance.lectures import LectureState
from attendance.privacy_store import PERSONAL
from attendance.retention import before

if TYPE_CHECKING:
    from web.node import Node

log = logging.getLogger(__name__)

SMALL, LARGE = 8 * 2**20, 256 * 2**20  # bytes
_LOOK_S = 60.0
_DAY = dt.timedelta(days=1)
_AGAIN_S = 2.0  # doubled each time, to _LOOK_S


def may_purge(size: int, *, live: bool, hour: int) -> bool:
    """Whether the files may be written anew now. Check-ins wait meanwhile: never for long during a lecture, and for
    minutes only at night."""
    return size <= SMALL or (not live and (size <= LARGE or 1 <= hour < 5))


class Forgetting:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._failures = 0
        self._retired_at: dt.datetime | None = None

    async def run(self) -> None:
        """For ever; ends by cancellation, after which it goes on where it stood."""
        node = self._node
        while True:
            seen = node.changes.count
            while done := await node.privacy.carry_out():
                log.info("%d erasures carried out", done)
            await self._retire()
            wait_s = _LOOK_S
            if not await self._purge():
                self._failures += 1
                wait_s = min(_LOOK_S, _AGAIN_S * 2.0 ** min(self._failures, 10))
            await node.changes.wait(wait_s, seen)

    async def _retire(self) -> None:
        node, now = self._node, self._node.now()
        if self._retired_at is not None and dt.timedelta(0) <= now - self._retired_at < _DAY:
            return
        today = now
        if not node.is_root:
            offset_ms = node.uplink.clock_offset_ms
            if offset_ms is None:
                return  # what is forgotten does not come back, so by no clock that nobody has looked at
            today += dt.timedelta(milliseconds=offset_ms)
        keep = await node.privacy.keep()
        if done := await node.retention.forget(keep, today):
            log.info("forgot who was at %d lectures, or by which telephone", done)
            await node.privacy.wants_purge()
        over = before(today, keep.people_days)
        if node.is_root and over is not None:
            await node.privacy.drop(over)
        self._retired_at = now

    async def _purge(self) -> bool:
        """False: it must be tried again soon."""
        node = self._node
        since = await node.privacy.must_purge()
        if not since:
            return True
        local = node.now().astimezone(zoneinfo.ZoneInfo(node.settings.web.time_zone))
        live = any(lecture.state is LectureState.LIVE for lecture in await node.lectures.list())
        if not may_purge(await node.db.size(PERSONAL), live=live, hour=local.hour):
            return True
        if not await node.db.purge(PERSONAL):
            return False  # it has said why
        await node.privacy.purged(since)
        self._failures = 0
        log.info("the database has been written anew: nothing of what was erased is left in it")
        return True
