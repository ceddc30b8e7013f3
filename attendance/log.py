"""The attendance log: everything that was written down at this node and in its whole subtree, once and kept.

An event is in the log when its transaction has committed, and only then does `capture` return. What a child sends is
taken event by event: a repeat is a success, and what cannot be taken is kept as it came, in quarantine.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from attendance import closing, derive_store, erasure_store, intake, picture_store, records_store, rules
from attendance.event import CARD, Data, Event, Kind, Method, parse, to_wire
from attendance.ingest import Ingest
from attendance.journey import Journey
from attendance.lectures import LectureUnknown
from attendance.outbox_store import Outbox
from attendance.paths_store import Paths
from attendance.policy_store import must_judge
from attendance.results import Result
from attendance.store import EPOCH, Rows
from venues.database import Database
from venues.ids import uuid7

T = TypeVar("T")
Clock = Callable[[], tuple[float | None, float | None]]
_TOGETHER_JUDGED = 250  # people, or venues, in one transaction


@dataclass(frozen=True, kw_only=True)
class Captured:
    event: Event
    already: bool  # nothing was written: `event` says so already


class EventLog:
    """`node_id` and `venue_id` are this node's own. `now` gives aware UTC, `monotonic` seconds since `boot_id`'s boot,
    `entropy(n)` n random bytes, `clock` offset and uncertainty to the parent's clock in ms (None: not measured).
    `on_change` is called after each write that put something into the log."""

    def __init__(
        self,
        db: Database,
        node_id: str,
        venue_id: int,
        *,
        now: Callable[[], dt.datetime],
        monotonic: Callable[[], float],
        boot_id: str,
        entropy: Callable[[int], bytes],
        clock: Clock = lambda: (None, None),
        on_change: Callable[[], None] = lambda: None,
        is_root: bool = False,
    ) -> None:
        self._db = db
        self._node_id = node_id
        self._venue_id = venue_id
        self._now = now
        self._monotonic = monotonic
        self._boot_id = boot_id
        self._entropy = entropy
        self._clock = clock
        self._on_change = on_change
        self._is_root = is_root
        self._paths = Paths()
        self._outbox = Outbox(db, venue_id, now)
        self.journey = Journey(db, node_id, venue_id, now=now, is_root=is_root, on_change=on_change)
        self._ingest = Ingest(db, self._paths, now=now, on_change=on_change, is_root=is_root)

    async def _write(self, work: Callable[[Rows], T]) -> T:
        return await self._db.write(lambda connection: work(Rows(connection, self._paths)))

    async def _read(self, work: Callable[[Rows], T]) -> T:
        return await self._db.read(lambda connection: work(Rows(connection, self._paths)))

    async def capture(
        self,
        *,
        lecture: str,
        venue: int | None = None,
        person: str | None = None,
        number: str | None = None,
        name: str | None = None,
        kind: str = Kind.CHECK_IN,
        method: str = Method.ROLL_CALL,
        operator: str | None = None,
        device: str | None = None,
        supersedes: str | None = None,
        reason: str | None = None,
        about: str | None = None,
        data: Data | None = None,
        event_id: str | None = None,
    ) -> Captured:
        """Write down one event (`venue` None: this node's own) and return after COMMIT.

        A person from the roster comes by `person` or `number`, a guest by `name` with or without `number`, the bearer
        of an unknown card by `name` and `data["card"]`, anybody whom an event is about already by `about`, the id of
        that event; kinds of the venue come without any of these. An undo takes back the event `supersedes`, or a
        person's whole stay. `data` holds the figures of the kind. A page that may ask twice makes the `event_id`
        (UUIDv7) itself: then the repeat is answered with the first one's event. Raises the errors of `rules.py` and
        EventError.
        """
        draft = rules.Draft(
            lecture=lecture,
            venue=self._venue_id if venue is None else venue,
            kind=kind,
            method=method,
            person=person,
            number=number,
            name=name,
            operator=operator,
            device=device,
            supersedes=supersedes,
            reason=reason,
            about=about,
            data=data,
        )
        captured = await self._write(lambda rows: self._capture(rows, draft, event_id))
        if not captured.already:
            self._on_change()
        return captured

    async def close(self, *, lecture: str, operator: str | None = None, event_id: str | None = None) -> Captured:
        """Hand in what this node wrote of its venue's attendance: count and hash go up with it. A repeat is a success;
        afterwards nothing more is taken in the venue until it is opened again."""
        return await self.capture(
            lecture=lecture, kind=Kind.CLOSE, method=Method.ROLL_CALL, operator=operator, event_id=event_id
        )

    async def reopen(self, *, lecture: str, reason: str, operator: str | None = None) -> Captured:
        """Take the venue's attendance up again after `close`. Raises ReasonMissing, NotClosed."""
        return await self.capture(
            lecture=lecture, kind=Kind.REOPEN, method=Method.ROLL_CALL, operator=operator, reason=reason
        )

    async def closed(self, lecture: str, venue: int | None = None) -> Event | None:
        """The closing that stands at this node, None while the attendance is open."""
        place = self._venue_id if venue is None else venue
        return await self._read(lambda rows: rows.closed(lecture, place, self._node_id))

    def _capture(self, rows: Rows, draft: rules.Draft, event_id: str | None) -> Captured:
        repeated = rows.event(event_id) if event_id else None
        if repeated is not None and (repeated.lecture, repeated.kind) == (draft.lecture, draft.kind):
            return Captured(event=repeated, already=True)
        rules.check_reason(draft, draft.kind)
        closed = rows.closed(draft.lecture, draft.venue, self._node_id)
        if draft.kind == Kind.CLOSE:
            return self._close(rows, draft, closed, event_id)
        if draft.kind == Kind.UNDO:
            found = self._undone(rows, draft)
            if not isinstance(found, Event):
                rules.check_open(draft, closed is not None)
                return Captured(event=self._append(rows, draft, found, event_id), already=False)
            return Captured(event=found, already=True)
        who = self._attendee(rows, draft)
        stands = self._stands(rows, draft, who)
        if stands is not None:
            return Captured(event=stands, already=True)
        if draft.kind == Kind.REOPEN:
            closing.check_reopen(closed)
        rules.check_open(draft, closed is not None)
        return Captured(event=self._append(rows, draft, [(who, draft.supersedes)], event_id), already=False)

    def _attendee(self, rows: Rows, draft: rules.Draft) -> rules.Attendee:
        if rules.of_venue(draft):
            return rules.NOBODY
        if draft.about:
            known = rows.event(draft.about)
            if known is None or known.lecture != draft.lecture:
                raise rules.NotCheckedIn
            return rules.same_as(known)
        key = rules.key(draft)
        return rules.attendee(draft, rows.person(key) if key else None)

    def _stands(self, rows: Rows, draft: rules.Draft, who: rules.Attendee) -> Event | None:
        """What says so already."""
        subject = who.person or who.guest
        known = rows.events_about(draft.lecture, subject) if subject else []
        match draft.kind:
            case Kind.CHECK_IN:
                return rules.check_in(draft, rows.lecture(draft.lecture), known, self._right_now())
            case Kind.SIGN_OUT:
                return rules.sign_out(draft, known)
            case Kind.LEAVE:
                return rules.leave(draft, known)
        if rows.lecture(draft.lecture) is None:
            raise LectureUnknown(lecture=draft.lecture)
        return None

    def _right_now(self) -> dt.datetime:
        """By the parent's clock, as far as it is known how wrong this one is: in its time lectures end."""
        offset_ms, _ = self._clock()
        return self._now() + dt.timedelta(milliseconds=offset_ms or 0)

    def _undone(self, rows: Rows, draft: rules.Draft) -> Event | list[tuple[rules.Attendee, str | None]]:
        target = rows.event(draft.supersedes or draft.about or "")
        subject = target.subject if target else rules.key(draft)
        if subject is None:
            raise rules.NotCheckedIn
        found = rules.undo(draft, rows.events_about(draft.lecture, subject))
        return found if isinstance(found, Event) else [(rules.same_as(one), one.id) for one in found]

    def _close(self, rows: Rows, draft: rules.Draft, closed: Event | None, event_id: str | None) -> Captured:
        if closed is not None:
            return Captured(event=closed, already=True)
        if rows.lecture(draft.lecture) is None:
            raise LectureUnknown(lecture=draft.lecture)
        told = picture_store.take(rows.connection, draft.lecture)
        if told is not None:  # what its screens told goes with it
            self._append(rows, rules.of_screen(draft.lecture, draft.venue, told), [(rules.NOBODY, None)], None)
        total = closing.total(rows.handed_in(draft.lecture, draft.venue, self._node_id))
        draft = dataclasses.replace(draft, data={"count": total.count, "hash": total.hash})
        return Captured(event=self._append(rows, draft, [(rules.NOBODY, None)], event_id), already=False)

    async def append(self, work: Callable[[Rows], Sequence[rules.Draft]]) -> None:
        """Write down of the venue whatever `work` finds, in one transaction with what else it does."""

        def both(rows: Rows) -> bool:
            drafts = work(rows)
            for draft in drafts:
                self._append(rows, draft, [(rules.NOBODY, None)], None)
            return bool(drafts)

        if await self._write(both):
            self._on_change()

    def _append(
        self,
        rows: Rows,
        draft: rules.Draft,
        entries: Sequence[tuple[rules.Attendee, str | None]],
        event_id: str | None,
    ) -> Event:
        """One event per attendee and superseded event, numbered on from the last; returns the first."""
        now = self._now()
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        at_ms = int(at.timestamp() * 1000)
        epoch = int(rows.remember(EPOCH, lambda: str(at_ms)))
        seq = rows.next_seq(self._node_id, epoch)
        offset_ms, uncertainty_ms = self._clock()
        events = [
            Event(
                id=event_id if event_id and number == 0 else uuid7(at_ms, self._entropy(10)),
                node=self._node_id,
                epoch=epoch,
                seq=seq + number,
                lecture=draft.lecture,
                venue=draft.venue,
                person=who.person,
                number=who.number,
                name=who.name,
                kind=draft.kind,
                method=draft.method,
                captured_at=at,
                monotonic_ms=int(self._monotonic() * 1000),
                boot_id=self._boot_id,
                clock_offset_ms=None if offset_ms is None else round(offset_ms),
                clock_uncertainty_ms=None if uncertainty_ms is None else math.ceil(uncertainty_ms),
                device=draft.device or None,
                operator=draft.operator or None,
                supersedes=supersedes,
                reason=draft.reason or None,
                data=_data(draft, who, supersedes, erasure_store.marks(rows.connection, who.person)),
            )
            for number, (who, supersedes) in enumerate(entries)
        ]
        for event in events:
            parse(to_wire(event))  # never write what the parent could not read
        rows.insert([intake.entry(event) for event in events], now, uploaded_at=now if self._is_root else None)
        return events[0]

    async def ingest(self, events: Sequence[object], child_venue_id: int) -> list[Result]:
        """Take decoded JSON events from a child; one result for each, in order, given after COMMIT."""
        return await self._ingest(events, child_venue_id)

    async def event(self, event_id: str) -> Event | None:
        return await self._read(lambda rows: rows.event(event_id))

    async def pending(self) -> tuple[int, dt.datetime | None]:
        """How many events the parent has not answered for yet, and when the oldest of them was captured."""
        return await self._outbox.pending()

    async def outbox(self, limit: int) -> list[Event]:
        """The next events for the parent, own and children's alike, in the order in which they came here."""
        return await self._outbox.next(limit)

    async def mark(self, results: Iterable[Result]) -> int:
        """Keep the parent's answers; returns for how many events that were waiting. Nothing is deleted."""
        return await self._outbox.mark(results)

    async def postpone(self, event_id: str) -> None:
        """Send this event after all others: a request with it alone was refused."""
        await self._outbox.postpone(event_id)

    async def release(self) -> int:
        """Judge anew what lies in quarantine, after an upgrade of the program or a change of the tree; returns how many
        of it are in the log now."""
        return await self._ingest.release()

    async def rebuild(self, lecture: str) -> None:
        """Derive all presences of a lecture anew from its events."""
        await self._write(lambda rows: must_judge(rows.connection, [lecture]))
        while await self.judge_due():
            pass

    async def judge_due(self) -> bool:
        """Judge one lecture anew whose times or policy have changed, a few people at a time so that nobody waits for
        it; False when there is none."""
        found = await self._db.read(derive_store.due)
        if found is None:
            return False
        lecture, round_, people = found
        for start in range(0, len(people), _TOGETHER_JUDGED):
            some = people[start : start + _TOGETHER_JUDGED]
            await self._write(partial(Rows.derive, lecture=lecture, subjects=some))
        venues = await self._db.read(lambda connection: records_store.venues(connection, lecture))
        for start in range(0, len(venues), _TOGETHER_JUDGED):
            few = venues[start : start + _TOGETHER_JUDGED]
            await self._write(partial(Rows.derive_records, lecture=lecture, venues=few))
        await self._write(partial(Rows.judged, lecture=lecture, round_=round_))
        return True

    async def code_secret(self) -> bytes:
        """This node's secret for `code.make` and `code.check`, made once."""
        text = await self._write(lambda rows: rows.remember("attendance.code_secret", lambda: self._entropy(32).hex()))
        return bytes.fromhex(text)


def _data(draft: rules.Draft, who: rules.Attendee, supersedes: str | None, marks: Data) -> Data | None:
    """The figures of the draft, and which guest without a number it is about, where nothing else says it."""
    data = {**(draft.data or {}), **marks}
    shown = f"{CARD}:{data[CARD]}" if CARD in data else None
    if who.guest not in (None, supersedes, shown):
        data["guest"] = who.guest
    return data or None
