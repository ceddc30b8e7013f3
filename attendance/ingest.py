"""What children hand up, taken event by event: a repeat is a success, and what cannot be taken is kept as it came.

Requests that have come together share one transaction; each is answered for itself, after COMMIT.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from attendance import intake, quarantine_store
from attendance.blank import is_id
from attendance.event import is_plain
from attendance.intake import Batch
from attendance.paths_store import Paths
from attendance.results import Outcome, Result
from attendance.store import Rows, is_refusal
from venues.database import Database
from venues.gather import Gather

logger = logging.getLogger(__name__)

T = TypeVar("T")
_TOGETHER = 2000  # events of several children in one transaction
_FEW = 20  # events that are read at once; more are read beside the event loop


class Ingest:
    """Part of `EventLog`; arguments as there."""

    def __init__(
        self,
        db: Database,
        paths: Paths,
        *,
        now: Callable[[], dt.datetime],
        on_change: Callable[[], None],
        is_root: bool,
    ) -> None:
        self._db = db
        self._paths = paths
        self._now = now
        self._on_change = on_change
        self._is_root = is_root
        self._gather = Gather(self._take, lambda batch: len(batch.items), _TOGETHER)

    async def _write(self, work: Callable[[Rows], T]) -> T:
        return await self._db.write(lambda connection: work(Rows(connection, self._paths)))

    async def _read(self, work: Callable[[Rows], T]) -> T:
        return await self._db.read(lambda connection: work(Rows(connection, self._paths)))

    async def __call__(self, events: Sequence[object], child_venue_id: int) -> list[Result]:
        """Take decoded JSON events from a child; one result for each, in order, given after COMMIT."""
        items = intake.read(events) if len(events) <= _FEW else await asyncio.to_thread(intake.read, events)
        return await self._gather(Batch(items=items, child=child_venue_id))

    async def _take(self, batches: Sequence[Batch]) -> list[list[Result]]:
        try:
            answers = await self._write(lambda rows: self._ingest(rows, batches))
        except Exception as error:
            if not is_refusal(error):
                raise
            # The database will not have one of them: take the others, and keep that one as it came.
            parts = [part for batch in batches for part in _parts(batch, alone=len(batches) == 1)]
            if len(parts) == 1:
                return [[await self._keep_refused(parts[0])]]
            found = [answer for part in parts for answer in await self._take([part])]
            return found if len(batches) > 1 else [[result for answer in found for result in answer]]
        if any(result.outcome is Outcome.ACCEPTED for answer in answers for result in answer):
            self._on_change()
        return answers

    async def _keep_refused(self, batch: Batch) -> Result:
        logger.error("the store refused an event from venue %d", batch.child)
        raw = batch.items[0].raw
        return await self._write(lambda rows: self._quarantine(rows, raw, batch.child, "store_refused"))

    def _ingest(self, rows: Rows, batches: Sequence[Batch]) -> list[list[Result]]:
        events = [item.event for batch in batches for item in batch.items if item.event is not None]
        known = rows.hashes({event.id for event in events})
        paths = rows.paths({event.venue for event in events})
        answers: list[list[Result]] = []
        entries: list[intake.Entry] = []
        for batch in batches:
            answer: list[Result] = []
            for item in batch.items:
                result, entry = intake.judge(item, batch.child, known, paths)
                if entry is not None:
                    entries.append(entry)
                if result.outcome is Outcome.QUARANTINED:
                    result = self._quarantine(rows, item.raw, batch.child, str(result.code))
                answer.append(result)
            answers.append(answer)
        now = self._now()
        rows.insert(entries, now, uploaded_at=now if self._is_root else None)
        return answers

    def _quarantine(self, rows: Rows, obj: object, child: int, code: str) -> Result:
        raw = json.dumps(obj, sort_keys=True)  # ASCII: any string of any child can be kept
        claimed = obj.get("id") if isinstance(obj, dict) else None
        id_ = claimed if isinstance(claimed, str) and len(claimed) <= 100 and is_plain(claimed) else None
        new = rows.quarantine(
            hashlib.sha256(f"{child}\n{raw}".encode()).hexdigest(),
            received_from=child,
            event=id_,
            code=code,
            raw=json.dumps(quarantine_store.as_told(rows.connection, obj), sort_keys=True),
            at=self._now(),
        )
        if new:
            shown = id_ if is_id(id_) else "?"  # a child may claim any text to be one
            logger.error("event %s from venue %d is in quarantine: %s", shown, child, code)
        return Result(id=id_, outcome=Outcome.QUARANTINED, code=code)

    async def release(self) -> int:
        """Judge anew what lies in quarantine, after an upgrade of the program or a change of the tree; returns how many
        of it are in the log now."""
        after, released = "", 0
        while kept := await self._quarantined(after):
            after = kept[-1][0]
            for hash_, child, raw in kept:
                batch = Batch(items=intake.read([json.loads(raw)]), child=child)
                if batch.items[0].event is not None:
                    released += await self._release(batch, hash_)
        if released:
            self._on_change()
        return released

    async def _quarantined(self, after: str) -> list[tuple[str, int, str]]:
        return await self._read(lambda rows: rows.quarantined(_TOGETHER, after))

    async def _release(self, batch: Batch, hash_: str) -> bool:
        def work(rows: Rows) -> bool:
            ((result,),) = self._ingest(rows, [batch])
            if result.outcome is Outcome.QUARANTINED:
                return False
            rows.release(hash_)
            return True

        try:
            return await self._write(work)
        except Exception as error:
            if not is_refusal(error):
                raise
            return False


def _parts(batch: Batch, *, alone: bool) -> list[Batch]:
    """The batch in single events, when it was the only one."""
    return [dataclasses.replace(batch, items=[item]) for item in batch.items] if alone else [batch]
