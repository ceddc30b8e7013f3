"""The proof of picture of this node's venue: what its screens tell goes into the log, in few events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from attendance import picture_store
from attendance.lectures import LectureUnknown
from attendance.log import EventLog
from attendance.picture import Period, fold, is_due, is_over, joined, length
from attendance.records_store import lecture_in, record_of
from attendance.rules import Draft, of_screen
from attendance.store import Rows
from attendance.venue_record import VenueRecord
from venues.database import Database


class Pictures:
    """`now` gives aware UTC; `log` and `venue_id` are the node's own."""

    def __init__(self, db: Database, log: EventLog, venue_id: int, now: Callable[[], dt.datetime]) -> None:
        self._db = db
        self._log = log
        self._venue_id = venue_id
        self._now = now

    async def told(self, lecture: str, screen: str, periods: Sequence[Period]) -> None:
        """A screen tells of its last periods; returns after COMMIT. A repeat is a success. Raises LectureUnknown,
        PictureAbsurd."""
        now = self._ms()

        def work(rows: Rows) -> list[Draft]:
            if rows.lecture(lecture) is None:
                raise LectureUnknown(lecture=lecture)
            written, told = fold(picture_store.load(rows.connection, lecture), screen, periods, now)
            picture_store.save(rows.connection, lecture, told)
            return [of_screen(lecture, self._venue_id, data) for data in written]

        await self._log.append(work)

    async def settle(self) -> None:
        """Write down what has waited long enough."""
        now = self._ms()
        for lecture in await self._db.read(picture_store.lectures):
            told = await self._db.read(partial(picture_store.load, lecture=lecture))
            if is_over(told, now) or is_due(told, now):
                await self._log.append(partial(self._settle, lecture=lecture, now=now))

    async def so_far(self, lecture: str) -> VenueRecord:
        """The venue's record, with what no event says yet."""
        record = await record_of(self._db, lecture, self._venue_id)
        told = await self._db.read(partial(picture_store.load, lecture=lecture))
        known = await self._db.read(lambda connection: lecture_in(connection, lecture))
        if told.start is None or known is None or known.started_at is None:
            return record
        begun = int(known.started_at.timestamp() * 1000)
        ended = int(known.ended_at.timestamp() * 1000) if known.ended_at else told.until
        picture, sound = (
            length(joined((max(start, begun), min(end, ended)) for start, end in intervals))
            for intervals in (told.picture, told.sound)
        )
        return replace(
            record,
            picture_s=record.picture_s + round(picture / 1000),
            sound_s=record.sound_s + round(sound / 1000),
            told_s=max(record.told_s, round((min(told.until, ended) - begun) / 1000)),
        )

    def _settle(self, rows: Rows, lecture: str, now: int) -> list[Draft]:
        """Looks once more: a screen may have told something since."""
        told = picture_store.load(rows.connection, lecture)
        if is_over(told, now):
            picture_store.forget(rows.connection, lecture)
        data = picture_store.take(rows.connection, lecture) if is_due(told, now) else None
        return [] if data is None else [of_screen(lecture, self._venue_id, data)]

    def _ms(self) -> int:
        return int(self._now().timestamp() * 1000)
