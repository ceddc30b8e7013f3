"""Two numbers of one person, in the database: merged at the root, and told to the venues below (collection "merges").

From then on everything that was or will be written under the number that is given up counts for the person who keeps
the other one: events stay as they were written, and what is derived from them is made anew. The number that is
given up is expected nowhere, not in lectures of the past either, and its cards do not count any more. A merge can be
taken back; new cards must be issued then.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import bearers_store, homes, residents_store, summary_store
from attendance import stamps_store as stamps
from attendance.badge_store import BadgeStore
from attendance.blank_store import lectures
from attendance.expected_store import PERSON, lists_people
from attendance.paths_store import Paths
from attendance.people import NUMBER_LONGEST, person_id
from attendance.roster_reports import NotOnRoster, RosterElsewhere
from attendance.store import Rows
from attendance.tables import event, expectation, presence
from attendance.tables import lecture as lecture_table
from attendance.tables import person as person_table
from attendance.tables import person_merge as table
from venues.database import Database
from venues.errors import TongtangError
from venues.wire import format_time, parse_time


class NumberUnknown(TongtangError):
    """Nothing is known here of the number {number}."""

    code: ClassVar[str] = "number_unknown"
    status: ClassVar[int] = 404


class NumberIsSame(TongtangError):
    """That is the number of this person already."""

    code: ClassVar[str] = "number_is_same"
    status: ClassVar[int] = 409


class NumberHasOthers(TongtangError):
    """Other numbers were merged into {number}. Separate them first, or keep {number} and give up the other one."""

    code: ClassVar[str] = "number_has_others"
    status: ClassVar[int] = 409


class KeptIsOffTheList(TongtangError):
    """The person to keep is off the list of people, {number} is on it. Put the person back first, or keep {number}."""

    code: ClassVar[str] = "kept_is_off_the_list"
    status: ClassVar[int] = 409


class NumberNotMerged(TongtangError):
    """The number was not merged into this person's."""

    code: ClassVar[str] = "number_not_merged"
    status: ClassVar[int] = 404


@dataclass(frozen=True, kw_only=True)
class Merged:
    """A number that is not used any more. The last three are known at the root alone."""

    person: str  # its id
    kept: str  # the id of the person who has it
    merged_at: dt.datetime
    merged_by: str | None = None
    number: str | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The number that would be given up: whose it seems to be, in how many lectures something stands under it, and in
    how many of these something stands of the person who keeps the other one, too."""

    person: str
    number: str
    name: str
    home: int | None  # venue id; None: on no roster
    lectures: int
    both: int


class Merges:
    """`now` gives aware UTC, `entropy(n)` n random bytes. `is_root`: numbers are merged here."""

    name = "merges"

    def __init__(
        self,
        db: Database,
        now: Callable[[], dt.datetime],
        entropy: Callable[[int], bytes],
        badges: BadgeStore,
        *,
        is_root: bool,
    ) -> None:
        self._db = db
        self._badges = badges
        self._now = now
        self._entropy = entropy
        self._is_root = is_root

    async def candidate(self, kept: str, number: str) -> Candidate:
        """What `merge` would do. Raises as it does."""
        return await self._db.read(lambda connection: self._candidate(connection, kept, number))

    def _candidate(self, connection: Connection, kept: str, number: str) -> Candidate:
        if not self._is_root:
            raise RosterElsewhere
        given_up = person_id(number)
        keeper = connection.execute(sa.select(person_table).where(person_table.c.id == kept)).one_or_none()
        if keeper is None:
            raise NotOnRoster
        if bearers_store.subject_of(connection, given_up) == kept:
            raise NumberIsSame
        about = presence.c
        row = connection.execute(sa.select(person_table).where(person_table.c.id == given_up)).one_or_none()
        named = (row.number, row.name) if row else _written(connection, given_up)
        if named is None or bearers_store.kept(connection, [given_up]):
            raise NumberUnknown(number=number[:NUMBER_LONGEST])
        if bearers_store.merged_into(connection, given_up):
            raise NumberHasOthers(number=named[0])
        if row and row.gone_at is None and keeper.gone_at is not None:
            raise KeptIsOffTheList(number=named[0])
        theirs = sa.select(about.lecture_id).where(about.person_id == given_up)
        both = sa.select(sa.func.count()).where(about.person_id == kept, about.lecture_id.in_(theirs))
        return Candidate(
            person=given_up,
            number=named[0],
            name=named[1],
            home=row.home_id if row else None,
            lectures=len(connection.scalars(theirs).all()),
            both=connection.scalar(both) or 0,
        )

    async def merge(self, kept: str, number: str, *, by: str) -> Candidate:
        """From now on, and for all that was, whoever has this number is the person `kept` (an id of the roster).

        Raises RosterElsewhere, NotOnRoster, NumberUnknown, NumberIsSame, NumberHasOthers, KeptIsOffTheList.
        """

        def work(connection: Connection) -> Candidate:
            found = self._candidate(connection, kept, number)
            before = {
                "roster": _resident(connection, found.person),
                "lists": _add_to_lists(connection, found.person, kept),
                **_on_roster_as_long(connection, found.person, kept),
            }
            connection.execute(
                table.insert().values(
                    person_id=found.person,
                    kept_id=kept,
                    merged_at=self._now(),
                    merged_by=by,
                    number=found.number,
                    before=json.dumps(before, ensure_ascii=False),
                )
            )
            cards = bearers_store.cards_of(connection, found.person)
            self._badges.revoke_these(connection, cards, by, "the number is not used any more")
            residents_store.drop(connection, [found.person])
            self._changed(connection, [found.person, kept], moved="since" in before)
            return found

        return await self._db.write(work)

    async def separate(self, kept: str, number: str) -> Merged:
        """Take a merge back: the number is another person's again, as it was before. Raises RosterElsewhere,
        NumberNotMerged."""
        if not self._is_root:
            raise RosterElsewhere
        person = person_id(number)

        def work(connection: Connection) -> Merged:
            query = sa.select(table).where(table.c.person_id == person, table.c.kept_id == kept)
            row = connection.execute(query).one_or_none()
            if row is None:
                raise NumberNotMerged
            before = json.loads(row.before)
            connection.execute(table.delete().where(table.c.person_id == person))
            if before["roster"] is not None:
                residents_store.put(connection, {person: homes.from_wire(before["roster"])})
            _give_back_lists(connection, person, row.kept_id, before["lists"])
            if "since" in before:
                _set_since(connection, row.kept_id, None if before["since"] is None else parse_time(before["since"]))
            self._changed(connection, [person, row.kept_id], moved="since" in before)
            return _merged(row)

        return await self._db.write(work)

    async def home(self, kept: str, number: str) -> int | None:
        """Where somebody was at home whose number was merged into this person's; None: on no roster. Raises
        NumberNotMerged."""
        about = table.c
        query = sa.select(about.before).where(about.person_id == person_id(number), about.kept_id == kept)
        before = await self._db.read(lambda connection: connection.scalar(query))
        if before is None:
            raise NumberNotMerged
        roster = json.loads(before).get("roster")
        return None if roster is None else homes.from_wire(roster).home

    async def of(self, person: str) -> list[Merged]:
        """The numbers that were merged into this person's, in the order in which they were."""
        query = sa.select(table).where(table.c.kept_id == person).order_by(table.c.merged_at, table.c.person_id)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return [_merged(row) for row in rows]

    def _changed(self, connection: Connection, people: Sequence[str], *, moved: bool) -> None:
        """Others are expected, in lectures of the past, too, and what was written means others. `moved`: somebody is on
        the roster in another time than before."""
        for collection in (self.name, residents_store.PEOPLE, *(["lectures"] if lists_people(connection) else [])):
            stamps.touch(connection, collection, self._entropy)
        _derive(connection, people)
        rows = Rows(connection, Paths())
        for lecture in residents_store.lectures_of(connection, people) if moved else ():
            rows.derive(lecture, people)
        summary_store.all_changed(connection)

    # replication

    async def version(self, venue_id: int) -> str:
        return await self._db.read(lambda connection: stamps.version(connection, self.name, venue_id))

    async def export(self, venue_id: int) -> object:
        """All of them, whatever the venue: anybody may have been anywhere. `[{"person", "kept", "merged_at"}…]`"""
        rows = await self._db.read(lambda c: c.execute(sa.select(table).order_by(table.c.person_id)).all())
        return [{"person": row.person_id, "kept": row.kept_id, "merged_at": format_time(row.merged_at)} for row in rows]

    async def replace(self, content: object) -> None:
        """Know what the parent knows; what was written means accordingly others."""
        if not isinstance(content, list):
            raise ValueError("merges must be a list")
        wanted = {one.person: one for one in map(_from_wire, content)}

        def work(connection: Connection) -> None:
            known = {row.person_id: row for row in connection.execute(sa.select(table))}
            kept = {id_: row.kept_id for id_, row in known.items()}
            gone = sorted(id_ for id_ in known if id_ not in wanted or wanted[id_].kept != kept[id_])
            new = [one for id_, one in sorted(wanted.items()) if kept.get(id_) != one.kept]
            lists: list[str] = []  # of lectures made here, of which the parent knows nothing
            for id_ in gone:
                connection.execute(table.delete().where(table.c.person_id == id_))
                lists += _give_back_lists(connection, id_, kept[id_], json.loads(known[id_].before)["lists"])
            for one in new:
                added = _add_to_lists(connection, one.person, one.kept)
                row = {"person_id": one.person, "kept_id": one.kept, "merged_at": one.merged_at}
                connection.execute(table.insert().values(**row, before=json.dumps({"lists": added})))
                lists += added
            if gone or new:
                stamps.touch(connection, self.name, self._entropy)
                for pair in [(id_, kept[id_]) for id_ in gone] + [(one.person, one.kept) for one in new]:
                    _derive(connection, pair)
            if lists:
                stamps.touch(connection, "lectures", self._entropy)
                summary_store.changed(connection, lists)

        await self._db.write(work)


def forget_before(connection: Connection, over: dt.datetime) -> bool:
    """Nobody knows any more which numbers were merged into those of people who left before then; what is left of what
    was written under these is of the number itself again. False: there are none."""
    about = person_table.c
    query = sa.select(table.c.person_id, table.c.kept_id).join(person_table, about.id == table.c.kept_id)
    pairs = [tuple(row) for row in connection.execute(query.where(about.gone_at < over))]
    for pair in pairs:
        connection.execute(table.delete().where(table.c.person_id == pair[0]))
        _derive(connection, pair)
    return bool(pairs)


def _derive(connection: Connection, people: Sequence[str]) -> None:
    rows = Rows(connection, Paths())
    for lecture in lectures(connection):
        rows.resubject(lecture, people)


def _written(connection: Connection, person: str) -> tuple[str, str] | None:
    """Number and name of somebody on no roster, as they were last written down."""
    about = event.c
    for lecture in reversed(lectures(connection)):
        query = sa.select(about.number, about.name).where(about.lecture == lecture, about.subject == person)
        query = query.where(about.number.is_not(None)).order_by(about.position.desc()).limit(1)
        if found := connection.execute(query).all():
            return found[0].number, found[0].name
    return None


def _resident(connection: Connection, person: str) -> object:
    found = residents_store.resident(connection, person)
    return None if found is None else homes.to_wire(found)


def _on_roster_as_long(connection: Connection, given_up: str, kept: str) -> dict[str, object]:
    """Who had the number given up was on the roster since then: so the person who is kept was. Returns what is to be
    put back in the end, nothing if it is as it was."""
    about = person_table.c
    query = sa.select(about.id, about.since).where(about.id.in_([given_up, kept]))
    since = {row.id: row.since for row in connection.execute(query)}
    if given_up not in since or since[kept] is None or (since[given_up] or since[kept]) > since[kept]:
        return {}
    _set_since(connection, kept, since[given_up])
    return {"since": format_time(since[kept])}


def _set_since(connection: Connection, person: str, since: dt.datetime | None) -> None:
    connection.execute(person_table.update().where(person_table.c.id == person).values(since=since))


def _listed(connection: Connection, person: str) -> set[str]:
    """The lectures made here whose lists have this person."""
    about = expectation.c
    query = sa.select(about.lecture_id).join(lecture_table, lecture_table.c.id == about.lecture_id)
    return set(connection.scalars(query.where(about.kind == PERSON, about.ref == person, lecture_table.c.local)))


def _add_to_lists(connection: Connection, given_up: str, kept: str) -> list[str]:
    """Where the number given up is listed, the other one is to be; returns the lectures where it was not."""
    new = sorted(_listed(connection, given_up) - _listed(connection, kept))
    for lecture in new:
        connection.execute(expectation.insert().values(lecture_id=lecture, kind=PERSON, ref=kept))
    return new


def _give_back_lists(connection: Connection, given_up: str, kept: str, lists: Collection[str]) -> list[str]:
    """Where the person who is kept is listed in the place of the other one, that one is again; returns the lectures."""
    about, there = expectation.c, _listed(connection, given_up)
    found = sorted(_listed(connection, kept) & set(lists))
    for lecture in found:
        mine = sa.and_(about.lecture_id == lecture, about.kind == PERSON, about.ref == kept)
        connection.execute(expectation.delete().where(mine))
        if lecture not in there:
            connection.execute(expectation.insert().values(lecture_id=lecture, kind=PERSON, ref=given_up))
    return found


def _merged(row: sa.Row[Any]) -> Merged:
    return Merged(
        person=row.person_id, kept=row.kept_id, merged_at=row.merged_at, merged_by=row.merged_by, number=row.number
    )


def _from_wire(obj: Mapping[str, object]) -> Merged:
    """Raises KeyError, TypeError or ValueError where it is malformed."""
    return Merged(person=str(obj["person"]), kept=str(obj["kept"]), merged_at=parse_time(obj["merged_at"]))
