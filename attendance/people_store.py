"""The roster in the database: import from a file, and replication to the venues below (collection "people")."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import bearers_store, residents_store, summary_store
from attendance import stamps_store as stamps
from attendance.people import Person, PersonProblem, PersonRow, parse_file, person_id, rows_of, table_of
from attendance.people_plan import PeoplePlan, fingerprint, homes_of, plan, settle
from attendance.policy_store import must_judge
from attendance.residents_store import changed_from, drop
from attendance.tables import person as table
from venues.database import Database, look_up
from venues.errors import TongtangError
from venues.finding import Finder
from venues.tables import venue, venue_closure
from venues.tree import Venue


class PeopleImportRefused(TongtangError):
    """Nothing was imported; mistakes in the list: {count}, the first in line {line}."""

    code: ClassVar[str] = "people_import_refused"
    status: ClassVar[int] = 422

    def __init__(self, problems: Sequence[PersonProblem], *, sheet: str | None = None) -> None:
        self.sheet = sheet  # which of a workbook's sheets was read, if it has several
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(count=len(problems), line=self.problems[0].line)


class PeopleUnknown(TongtangError):
    """Nothing was changed; nobody has the number {numbers}."""

    code: ClassVar[str] = "people_unknown"
    status: ClassVar[int] = 422


class PeopleChangedMeanwhile(TongtangError):
    """The list has changed in the meantime. Please look at the changes once more."""

    code: ClassVar[str] = "people_changed_meanwhile"
    status: ClassVar[int] = 409


@dataclass(frozen=True, kw_only=True)
class PeopleImported:
    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, kw_only=True)
class PeoplePreview:
    plan: PeoplePlan
    paths: Mapping[int, str]  # venue id → names from the top, of every venue in the plan
    sheet: str | None  # which of the workbook's sheets was read, if it has several


class PeopleStore:
    """`now` gives aware UTC; `entropy(n)` gives n random bytes."""

    name = "people"

    def __init__(self, db: Database, entropy: Callable[[int], bytes], now: Callable[[], dt.datetime]) -> None:
        self._db = db
        self._now = now
        self._entropy = entropy

    async def import_csv(self, data: bytes, *, seen: str | None = None) -> PeopleImported:
        """Add the people of a file (CSV or XLSX) and update those whose number is known, in one transaction.

        Raises PeopleImportRefused with all problems; then nothing is imported. Nobody is removed. Raises an error of
        `venues.workbook` for a file that cannot be opened. `seen` is the fingerprint of the plan that somebody agreed
        to: raises PeopleChangedMeanwhile if it would be another by now.
        """
        people = await asyncio.to_thread(parse_file, data)

        def work(connection: Connection) -> PeopleImported:
            found, _ = _planned(connection, *people)
            if seen is not None and seen != fingerprint(found):
                raise PeopleChangedMeanwhile
            changed = found.changed
            self._write(connection, list(found.added), changed)
            return PeopleImported(added=len(found.added), changed=len(changed), unchanged=found.unchanged)

        return await self._db.write(work)

    async def preview(self, data: bytes) -> PeoplePreview:
        """What `import_csv` would do now; raises the same."""
        table = await asyncio.to_thread(table_of, data)
        people = rows_of(table)

        def work(connection: Connection) -> PeoplePreview:
            try:
                found, finder = _planned(connection, *people)
            except PeopleImportRefused as error:
                raise PeopleImportRefused(error.problems, sheet=table.sheet) from None
            return PeoplePreview(plan=found, paths=finder.paths(homes_of(found)), sheet=table.sheet)

        return await self._db.read(work)

    async def get(self, person: str) -> Person | None:
        """Whoever has this id now, whose number may have been merged into another one."""

        def work(connection: Connection) -> Person | None:
            now = bearers_store.subject_of(connection, person)
            row = connection.execute(sa.select(table).where(table.c.id == now)).one_or_none()
            return None if row is None else Person(id=row.id, number=row.number, name=row.name, home=row.home_id)

        return await self._db.read(work)

    async def leave(self, numbers: Iterable[str], at: dt.datetime) -> int:
        """Take these people off the roster: no lecture from then on expects them, what was attended stays. Returns how
        many were on it. Raises PeopleUnknown; then nothing changes."""
        return await self._change(numbers, at, residents_store.leave)

    async def come_back(self, numbers: Iterable[str], at: dt.datetime) -> int:
        """Put people who left on the roster again, at their last home. Returns how many there were. Raises
        PeopleUnknown; then nothing changes."""
        return await self._change(numbers, at, residents_store.come_back)

    async def _change(
        self, numbers: Iterable[str], at: dt.datetime, how: Callable[[Connection, Iterable[str], dt.datetime], int]
    ) -> int:
        ids, at = {person_id(number): number for number in numbers}, to_ms(at)

        def work(connection: Connection) -> int:
            known = look_up(connection, ids, lambda id_: sa.select(table.c.number).where(table.c.id == id_))
            unknown = [number for id_, number in ids.items() if id_ not in known]
            if unknown:
                raise PeopleUnknown(numbers=", ".join(sorted(unknown)))
            count = how(connection, ids, at)
            if count:
                stamps.touch(connection, self.name, self._entropy)
                changed_from(connection, at, self._entropy)
            return count

        return await self._db.write(work)

    async def version(self, venue_id: int) -> str:
        return await self._db.read(lambda connection: stamps.version(connection, self.name, venue_id))

    async def export(self, venue_id: int) -> object:
        """The people at home in the venue's subtree now: `[{"number", "name", "home"}…]`; who else there was is told
        by `residents_store.Homes`."""
        query = (
            sa.select(table.c.number, table.c.name, table.c.home_id)
            .join(venue_closure, venue_closure.c.descendant == table.c.home_id)
            .where(venue_closure.c.ancestor == venue_id, table.c.gone_at.is_(None))
        )
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return [{"number": row.number, "name": row.name, "home": row.home_id} for row in rows]

    async def replace(self, content: object) -> None:
        """Make the roster here equal to what the parent sent."""
        if not isinstance(content, list):
            raise ValueError("people must be a list")
        wanted = {person.id: person for person in map(_from_wire, content)}

        def work(connection: Connection) -> None:
            known = _everybody(connection)
            added = [person for id_, person in wanted.items() if id_ not in known]
            changed = [person for id_, person in wanted.items() if id_ in known and known[id_] != person]
            gone = [id_ for id_ in known if id_ not in wanted]
            drop(connection, [*gone, *(person.id for person in added)])  # who came back among them
            _update(connection, changed)
            _insert(connection, added, None)
            if added or changed or gone:
                stamps.touch(connection, self.name, self._entropy)
                summary_store.all_changed(connection)
            must_judge(connection, residents_store.lectures_of(connection, [person.id for person in added]))

        await self._db.write(work)

    def _write(self, connection: Connection, added: list[Person], changed: list[Person]) -> None:
        """Who has another home moved there now; who is new came now, but for the first list of all."""
        now = to_ms(self._now())
        first = connection.scalar(sa.select(table.c.id).limit(1)) is None
        back = look_up(
            connection, [one.id for one in added], lambda id_: sa.select(table.c.id).where(table.c.id == id_)
        )
        residents_store.come_back(connection, back, now)
        known = [*changed, *(person for person in added if person.id in back)]
        homes = look_up(
            connection, [one.id for one in known], lambda id_: sa.select(table.c.home_id).where(table.c.id == id_)
        )
        moves = {person.id: homes[person.id] for person in known if homes[person.id] != person.home}
        residents_store.moved(connection, moves, now)
        _update(connection, known)
        _insert(connection, [person for person in added if person.id not in back], None if first else now)
        if added or changed:
            stamps.touch(connection, self.name, self._entropy)
        if first:
            summary_store.all_changed(connection)
            must_judge(connection, residents_store.lectures_of(connection, [person.id for person in added]))
        elif added or moves:
            changed_from(connection, now, self._entropy)


def _update(connection: Connection, people: Sequence[Person]) -> None:
    update = table.update().where(table.c.id == sa.bindparam("key"))
    update = update.values(number=sa.bindparam("number"), name=sa.bindparam("name"), home_id=sa.bindparam("home_id"))
    if people:
        connection.execute(update, [_row(person) | {"key": person.id} for person in people])


def _insert(connection: Connection, people: Sequence[Person], since: dt.datetime | None) -> None:
    if people:
        connection.execute(table.insert(), [_row(person) | {"id": person.id, "since": since} for person in people])


def to_ms(at: dt.datetime) -> dt.datetime:
    """Whole milliseconds: what the wire carries, so that a replica is equal."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _planned(connection: Connection, rows: list[PersonRow], problems: list[PersonProblem]) -> tuple[PeoplePlan, Finder]:
    """Raises PeopleImportRefused if anything is wrong with the rows, or was already."""
    finder = Finder(Venue(**row._mapping) for row in connection.execute(sa.select(venue)))
    wanted, homeless = settle(rows, finder)
    merged = _merged(connection, rows)
    if problems or homeless or merged:
        raise PeopleImportRefused([*problems, *homeless, *merged])
    return plan(wanted, _everybody(connection)), finder


def _merged(connection: Connection, rows: Sequence[PersonRow]) -> list[PersonProblem]:
    """Of numbers that are not used any more."""
    kept = bearers_store.kept(connection, {person_id(row.number) for row in rows if row.number})
    numbers = look_up(connection, set(kept.values()), lambda id_: sa.select(table.c.number).where(table.c.id == id_))
    return [
        PersonProblem(row.line, "number_merged", {"value": row.number, "kept": numbers.get(other, "–")})
        for row in rows
        if (other := kept.get(person_id(row.number)))
    ]


def _everybody(connection: Connection) -> dict[str, Person]:
    """Who is on the roster now."""
    rows = connection.execute(sa.select(table).where(table.c.gone_at.is_(None)))
    return {row.id: Person(id=row.id, number=row.number, name=row.name, home=row.home_id) for row in rows}


def _row(person: Person) -> dict[str, object]:
    return {"number": person.number, "name": person.name, "home_id": person.home}


def _from_wire(obj: Mapping[str, object]) -> Person:
    number = str(obj["number"])
    return Person(id=person_id(number), number=number, name=str(obj["name"]), home=int(str(obj["home"])))
