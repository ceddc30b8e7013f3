"""Carries out what must be forgotten at this node: erased people at once, and then the files anew."""

from __future__ import annotations

import logging
import zoneinfo
from typing import TYPE_CHECKING

from attendance.lectures import LectureState
from attendance.privacy_store import PERSONAL

if TYPE_CHECKING:
    from web.node import Node

log = logging.getLogger(__name__)

SMALL, LARGE = 8 * 2**20, 256 * 2**20  # bytes
_LOOK_S = 60.0
_AGAIN_S = 2.0  # doubled each time, to _LOOK_S


def may_purge(size: int, *, live: bool, hour: int) -> bool:
    """Whether the files may be written anew now. Check-ins wait meanwhile: never for long during a lecture, and for
    minutes only at night."""
    return size <= SMALL or (not live and (size <= LARGE or 1 <= hour < 5))


class Forgetting:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._failures = 0

    async def run(self) -> None:
        """For ever; ends by cancellation, after which it goes on where it stood."""
        node = self._node
        while True:
            seen = node.changes.count
            while done := await node.privacy.carry_out():
                log.info("%d erasures carried out", done)
            wait_s = _LOOK_S
            if not await self._purge():
                self._failures += 1
                wait_s = min(_LOOK_S, _AGAIN_S * 2.0 ** min(self._failures, 10))
            await node.changes.wait(wait_s, seen)

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
