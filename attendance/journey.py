"""How far everything has come on its way to the root, and what to do when a disk was set back (docs/sync.md)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial

from attendance import again_store, intake, streams, streams_store
from attendance.event import Event
from attendance.paths_store import Paths
from attendance.store import EPOCH, Rows
from attendance.streams import Learned, Stream
from attendance.streams_store import Key
from attendance.venue_reports import chunks
from venues.database import Database

logger = logging.getLogger(__name__)

FIRST: Key = ("", 0)


class Journey:
    """Part of `EventLog`; arguments as there."""

    def __init__(
        self,
        db: Database,
        node_id: str,
        venue_id: int,
        *,
        now: Callable[[], dt.datetime],
        is_root: bool,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._db = db
        self._node_id = node_id
        self._venue_id = venue_id
        self._now = now
        self._is_root = is_root
        self._on_change = on_change

    async def streams(self, keys: Sequence[Key]) -> list[Stream]:
        """What is here of these (node, epoch), nothing for those that are unknown. At the root, what is here is at the
        root."""
        found = await self._db.read(lambda connection: streams_store.streams(connection, keys))
        return [self._told(one) for one in found.values()]

    async def below(self, venue: int, limit: int, after: Key = FIRST) -> list[Stream]:
        """Of all nodes of a venue's subtree, in order, from beyond `after`."""
        found = await self._db.read(lambda connection: streams_store.below(connection, venue, limit, after))
        return [self._told(one) for one in found]

    async def uncovered(self, limit: int, after: Key = FIRST) -> list[Stream]:
        """Those of which the root is not known to hold everything that is here, in order; at the root none."""
        if self._is_root:
            return []
        return await self._db.read(lambda connection: streams_store.uncovered(connection, limit, after))

    def _told(self, one: Stream) -> Stream:
        """As a child may know it: nothing beyond a fork is covered, whatever the root has."""
        return dataclasses.replace(one, root=one.mark if self._is_root else min(one.root, one.mark))

    async def learn(self, told: Sequence[Stream]) -> Learned:
        """What the parent says of streams: the root's marks are kept, and where it knows more of this node than the
        node itself (its disk was set back, or copied), the node begins a new epoch."""
        return await self._db.write(lambda connection: self._learn(Rows(connection, Paths()), told))

    def _learn(self, rows: Rows, told: Sequence[Stream]) -> Learned:
        mine = streams_store.streams(rows.connection, [(one.node, one.epoch) for one in told])
        moved, lacking, further = 0, list[Stream](), list[Stream]()
        for one in told:
            own = mine.get((one.node, one.epoch)) or Stream(node=one.node, epoch=one.epoch)
            if back := streams.set_back(own, one):
                lacking.append(one)
            root = min(one.root, own.mark)
            if root > own.root:
                further.append(dataclasses.replace(own, root=root))
                moved += 1
            if one.node == self._node_id and (back or one.forked_at is not None):
                self._leave_epoch(rows, one.epoch)
        streams_store.put(rows.connection, further)
        return Learned(moved=moved, lacking=tuple(lacking))

    async def kept(self, limit: int, after: Key = FIRST) -> list[Stream]:
        """All streams of which there is something here, in order, from beyond `after`; at the root none."""
        if self._is_root:
            return []
        return await self._db.read(lambda connection: streams_store.every(connection, limit, after))

    async def compare(self, own: Sequence[Stream], told: Sequence[Stream], seen: Collection[Key] = ()) -> int:
        """`own` streams with what the parent says of them (nothing: it has nothing). What it had answered for and has
        no more is to go up again, but for streams that were `seen` so before; returns how many events. The root's marks
        are what the parent says now."""
        known = {(one.node, one.epoch): one for one in told}
        pairs = [(one, known.get((one.node, one.epoch)) or Stream(node=one.node, epoch=one.epoch)) for one in own]
        doubtful = {
            (mine.node, mine.epoch): (mine, theirs)
            for mine, theirs in pairs
            if streams.may_lack(mine, theirs) and (mine.node, mine.epoch) not in seen
        }
        lost = await self._db.read(lambda connection: again_store.lost(connection, doubtful)) if doubtful else []
        roots = {(mine.node, mine.epoch): theirs.root for mine, theirs in pairs if theirs.root < mine.root}
        if roots:
            await self._db.write(lambda connection: streams_store.lower_root(connection, roots))
        for some in chunks(lost):  # nobody waits for all of it; who is stopped in between looks back again
            await self._db.write(partial(again_store.wait, ids=some))
        if lost:
            self._on_change()
        return len(lost)

    def _leave_epoch(self, rows: Rows, epoch: int) -> None:
        now_ms = int(self._now().timestamp() * 1000)
        if int(rows.remember(EPOCH, lambda: str(now_ms))) == epoch:
            logger.warning("numbers of this node's epoch %d are used elsewhere: a new epoch begins", epoch)
            rows.put(EPOCH, str(max(now_ms, epoch + 1)))

    async def received(self, child: int, after: int, limit: int) -> list[tuple[int, Event]]:
        """(position, event) of what a child sent, for a child whose disk was set back."""
        return await self._db.read(lambda connection: Rows(connection, Paths()).received(child, after, limit))

    async def restore(self, events: Sequence[object]) -> int:
        """Take back from the parent what this node and those below it had sent before its disk was set back; returns
        how many were not here. They need not go up again."""
        found = [(item.event, item.hash) for item in intake.read(events) if item.event is not None]

        def work(rows: Rows) -> int:
            now = self._now()
            known = rows.hashes({event.id for event, _ in found})
            new = [
                intake.Entry(event=event, hash=hash_, received_from=self._venue_id)
                for event, hash_ in found
                if event.id not in known
            ]
            rows.insert(new, now, uploaded_at=now)
            return len(new)

        return await self._db.write(lambda connection: work(Rows(connection, Paths())))
