"""Who is connected, silent, never seen: the parent's service. It keeps no task: each question settles what is due."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Collection, Sequence

from venues import health_store
from venues.collections import Changes
from venues.database import Database
from venues.hops import Hop, worst
from venues.status import NodeReport, Presence, StatusChange, Tally, VenueStatus

log = logging.getLogger(__name__)


class Health:
    """`changed` is notified at every new revision, so that news goes up the tree at once and not at the next beat."""

    def __init__(self, db: Database, now: Callable[[], dt.datetime], silent_after_s: float) -> None:
        self._db = db
        self._now = now
        self._silent_after = dt.timedelta(seconds=silent_after_s)
        self.changed = Changes()

    async def heard(
        self, venue_id: int, report: NodeReport, below: Sequence[StatusChange] = (), *, base: int = 0
    ) -> int:
        """Take a heartbeat of a direct child (or of this node itself) and what it says of the venues below it.

        `base` is the heartbeat's revision_base. Returns the revision of the child up to which its changes are known
        here; the child sends what comes after it. A gap (a `base` beyond what is known) leaves `below` aside, so that
        the answer makes the child send it all again. Entries that are not below the child are dropped.
        """
        now = self._now()

        def work(connection: health_store.Connection) -> tuple[int, bool]:
            fell_silent = health_store.silence(connection, now - self._silent_after, self._silent_after)
            acknowledged, news = health_store.heard(connection, venue_id, report, list(below), base, now)
            return acknowledged, news or fell_silent

        acknowledged, news = await self._db.write(work)
        if news:
            self.changed.notify()
        return acknowledged

    async def statuses(self, venue_ids: Collection[int]) -> dict[int, VenueStatus]:
        """The status of each venue asked for; a venue below a silent node is silent since that node is."""
        await self._settle()
        found = await self._db.read(lambda connection: health_store.statuses(connection, list(venue_ids)))
        unseen = {i: VenueStatus(venue_id=i, presence=Presence.NEVER_SEEN) for i in venue_ids}
        return unseen | found

    async def tallies(self, venue_ids: Collection[int]) -> dict[int, Tally]:
        """Of each venue what is known of its own node, and of all of its subtree together."""
        await self._settle()
        return await self._db.read(lambda connection: health_store.tallies(connection, list(venue_ids)))

    async def changes_since(self, revision: int, limit: int = 500) -> list[StatusChange]:
        """The latest state of every venue that changed after that revision, oldest change first, at most `limit`."""
        await self._settle()
        return await self._db.read(lambda connection: health_store.changes_since(connection, revision, limit))

    async def counts(self, venue_id: int) -> dict[int, dict[Presence, int]]:
        """For each level that has venues below this one (itself not counted): how many are of each presence."""
        await self._settle()
        return await self._db.read(lambda connection: health_store.counts(connection, venue_id))

    async def worst_hops(self, top: int, lecture: str, most: int) -> list[Hop]:
        """Of the hops on which the lecture flows to this venue and to those below it, the worst, worst first."""
        await self._settle()
        return worst(
            await self._db.read(lambda connection: health_store.hops(connection, top, lecture, 2 * most)), most
        )

    async def _settle(self) -> None:
        """Record that direct children have fallen silent since somebody last looked."""
        cutoff = self._now() - self._silent_after
        if await self._db.read(lambda connection: health_store.overdue(connection, cutoff)):
            await self._db.write(lambda connection: health_store.silence(connection, cutoff, self._silent_after))
            self.changed.notify()
