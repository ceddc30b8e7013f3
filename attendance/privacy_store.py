"""Erasing people: asked for at the root, sent down as the collection "erasures", carried out at every node.

`request` writes down who; from then on nothing of the person is written any more (attendance.erasure_store), and
`carry_out` takes what is here already. Afterwards the files are to be rewritten: `must_purge`, `purged`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import bearers_store, erasure_store, quarantine_store, residents_store, summary_store
from attendance import stamps_store as stamps
from attendance.blank import AFTER
from attendance.blank_store import blank, count, lectures
from attendance.erasure import Erasure, Forgotten, NobodyToErase, Reason, from_wire, latest, to_wire
from attendance.erasure_store import means
from attendance.expected_store import forget_listed
from attendance.people import person_id
from attendance.retention import FOR_EVER, Keep, strictest
from attendance.retention import from_wire as keep_from_wire
from attendance.retention import to_wire as keep_to_wire
from attendance.tables import erasure as table
from attendance.tables import person as person_table
from venues.database import Database
from venues.ids import uuid7
from venues.store import set_meta
from venues.tables import meta

PURGE = "attendance.purge"  # key in `meta`: since when the files are to be rewritten
_KEEP_ABOVE = "attendance.keep_above"  # key in `meta`: how long the node above keeps it
# Tables that hold people, their cards, or what leads from a pseudonym to them.
PERSONAL = (
    *("event", "presence", "person", "person_home", "person_merge", "expectation", "person_year", "quarantine"),
    *("badge", "badge_revoked", "badge_seen", "erasure", "meta"),
)
_TOGETHER = 20  # people in one transaction

Hook = Callable[[Connection, Forgotten], None]


@dataclass(frozen=True, kw_only=True)
class Requested:
    erasure: Erasure
    events: int  # known here
    on_roster: bool


class Privacy:
    """`hooks` are called for everybody who is forgotten, in the same transaction: other stores' own part of it. `keep`
    is how long this node would keep attendance by itself; the node above may demand less."""

    name = "erasures"

    def __init__(
        self,
        db: Database,
        now: Callable[[], dt.datetime],
        entropy: Callable[[int], bytes],
        hooks: Iterable[Hook] = (),
        keep: Keep = FOR_EVER,
    ) -> None:
        self._db = db
        self._now = now
        self._entropy = entropy
        self._hooks = tuple(hooks)
        self._own_keep = keep

    async def request(self, number: str | None, guest: str | None, *, by: str, reason: Reason) -> Requested:
        """Erase the person of a number, or the guest without one of this check-in. Raises NobodyToErase."""
        person = person_id(number) if number else str(guest)

        def work(connection: Connection) -> Requested:
            return self._request(connection, bearers_store.subject_of(connection, person), by, reason)

        return await self._db.write(work)

    def _request(self, connection: Connection, person: str, by: str, reason: Reason) -> Requested:
        events, on_roster = self._known(connection, person)
        now, before = self._now(), erasure_store.of(connection, [person]).get(person)
        pseudonym = before.pseudonym if before else self._id(now)
        numbers = [person, *bearers_store.merged_into(connection, person)]
        cards = [card for each in numbers for card in bearers_store.cards_of(connection, each)]
        known_by = [*numbers, *map(bearers_store.subject, cards)]
        made = [
            Erasure(
                id=self._id(now),
                person=subject,
                pseudonym=pseudonym,
                requested_at=now,
                requested_by=by,
                reason=reason.value,
            )
            for subject in known_by
        ]
        self._keep(connection, made, [])
        return Requested(erasure=made[0], events=events, on_roster=on_roster)

    async def known(self, number: str) -> int:
        """How many entries there are here of the person of a number. Raises NobodyToErase."""

        def work(connection: Connection) -> int:
            return self._known(connection, bearers_store.subject_of(connection, person_id(number)))[0]

        return await self._db.read(work)

    def _known(self, connection: Connection, person: str) -> tuple[int, bool]:
        """The number of entries, and whether the roster has the person."""
        on_roster = connection.scalar(sa.select(person_table.c.id).where(person_table.c.id == person)) is not None
        events = sum(count(connection, lecture, person) for lecture in lectures(connection))
        if not on_roster and not events:
            raise NobodyToErase
        return events, on_roster

    def _id(self, now: dt.datetime) -> str:
        return uuid7(int(now.timestamp() * 1000), self._entropy(10))

    def _keep(self, connection: Connection, new: Sequence[Erasure], gone: Sequence[str]) -> None:
        if new:
            connection.execute(table.insert(), [vars(one) for one in new])
        for id_ in gone:
            connection.execute(table.delete().where(table.c.id == id_))
        if new or gone:
            stamps.touch(connection, self.name, self._entropy)

    async def list(self, limit: int = 200) -> list[Erasure]:
        """One for each person, not for each badge, the newest first."""
        query = sa.select(table).where(table.c.person.not_like("card:%")).order_by(table.c.id.desc()).limit(limit)
        rows = await self._db.read(lambda connection: connection.execute(query).mappings().all())
        return [Erasure(**row) for row in rows]

    async def mark(self, person: str) -> str:
        """The person's last erasure that is known here, "" where there is none: another one after each."""
        found = await self._db.read(lambda connection: erasure_store.marks(connection, person))
        return str(found.get(AFTER, ""))

    async def keep(self) -> Keep:
        """How long attendance is kept here."""
        query = sa.select(meta.c.value).where(meta.c.key == _KEEP_ABOVE)
        above = await self._db.read(lambda connection: connection.scalar(query))
        return strictest(self._own_keep, keep_from_wire(json.loads(above)) if above else FOR_EVER)

    async def version(self, venue_id: int) -> str:
        stamp, keep = await self._db.read(lambda c: stamps.version(c, self.name, venue_id)), await self.keep()
        return f"{stamp}-{keep.people_days}-{keep.device_days}"

    async def export(self, venue_id: int) -> object:
        """All of them, whatever the venue: anybody may have been anywhere."""
        rows = await self._db.read(lambda c: c.execute(sa.select(table).order_by(table.c.id)).mappings().all())
        return {"erasures": [to_wire(Erasure(**row)) for row in rows], "keep": keep_to_wire(await self.keep())}

    async def replace(self, content: object) -> None:
        match content:
            case {"erasures": list(listed), "keep": dict(keep)}:
                wanted = {one.id: one for one in map(from_wire, listed)}
                above = json.dumps(keep_to_wire(keep_from_wire(keep)))
            case _:
                raise ValueError("erasures must hold erasures and keep")

        def work(connection: Connection) -> None:
            set_meta(connection, _KEEP_ABOVE, above)
            known = set(connection.scalars(sa.select(table.c.id)))
            new = [one for id_, one in wanted.items() if id_ not in known]
            self._keep(connection, new, sorted(known - wanted.keys()))

        await self._db.write(work)

    async def carry_out(self) -> int:
        """Forget some of those who are to be; returns how many, 0 when there are none any more."""
        return await self._db.write(self._carry_out)

    def _carry_out(self, connection: Connection) -> int:
        query = sa.select(table).where(table.c.applied_at.is_(None)).order_by(table.c.id).limit(_TOGETHER)
        waiting = [Erasure(**row) for row in connection.execute(query).mappings()]
        people = latest(waiting)
        if not people:
            return 0
        roster = connection.execute(sa.select(person_table).where(person_table.c.id.in_(people))).all()
        numbers: dict[str, set[str]] = {one.id: {one.number} for one in roster}
        names: dict[str, set[str]] = {one.id: {one.name} for one in roster}
        if roster:
            residents_store.drop(connection, list(people))
            stamps.touch(connection, "people", self._entropy)
            summary_store.all_changed(connection)
        if forget_listed(connection, people):
            stamps.touch(connection, "lectures", self._entropy)
        for lecture in lectures(connection):
            pseudonyms = {person: one.pseudonym for person, one in people.items()}
            for subject, event in blank(connection, lecture, pseudonyms, lambda who, event: means(people[who], event)):
                numbers.setdefault(subject, set()).update([event.number] if event.number else [])
                names.setdefault(subject, set()).add(event.name)
        if bearers_store.forget_merged(connection, people):
            stamps.touch(connection, "merges", self._entropy)
        if bearers_store.forget(connection, people):
            stamps.touch(connection, "badges", self._entropy)
        quarantine_store.forget(connection)
        for person, one in people.items():
            told = Forgotten(
                person=person,
                pseudonym=one.pseudonym,
                numbers=frozenset(numbers.get(person, ())),
                names=frozenset(names.get(person, ())),
            )
            for hook in self._hooks:
                hook(connection, told)
        now = self._now()
        connection.execute(table.update().where(table.c.id.in_([one.id for one in waiting])).values(applied_at=now))
        set_meta(connection, PURGE, now.isoformat())
        return len(waiting)

    async def drop(self, before: dt.datetime) -> None:
        """Forget, at the root, who was erased before then: nothing that they mean is left anywhere."""

        def work(connection: Connection) -> None:
            query = sa.select(table.c.id).where(table.c.requested_at < before, table.c.applied_at.is_not(None))
            self._keep(connection, [], connection.scalars(query).all())

        await self._db.write(work)

    async def wants_purge(self) -> None:
        """Something else than an erasure was taken out of the tables."""
        await self._db.write(lambda connection: set_meta(connection, PURGE, self._now().isoformat()))

    async def must_purge(self) -> str:
        """Since when the files must be rewritten, "" when they need not be."""
        query = sa.select(meta.c.value).where(meta.c.key == PURGE)
        return await self._db.read(lambda connection: connection.scalar(query) or "")

    async def purged(self, since: str) -> None:
        """They have been, for all that was known when `must_purge` said `since`."""
        query = meta.delete().where(meta.c.key == PURGE, meta.c.value == since)
        await self._db.write(lambda connection: connection.execute(query) and None)
