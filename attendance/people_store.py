"""The roster in the database: import from a file, and replication to the venues below (collection "people")."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import stamps_store as stamps
from attendance import summary_store
from attendance.people import Person, PersonProblem, PersonRow, parse_file, person_id, rows_of, table_of
from attendance.people_plan import PeoplePlan, homes_of, plan, settle
from attendance.tables import person as table
from venues.database import Database
from venues.errors import TongtangError
from venues.finding import Finder
from venues.tables import venue, venue_closure
from venues.tree import Venue

_CHUNK = 1000


class PeopleImportRefused(TongtangError):
    """Nothing was imported; mistakes in the list: {count}, the first in line {line}."""

    code: ClassVar[str] = "people_import_refused"
    status: ClassVar[int] = 422

    def __init__(self, problems: Sequence[PersonProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(count=len(problems), line=self.problems[0].line)


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
    """`entropy(n)` gives n random bytes."""

    name = "people"

    def __init__(self, db: Database, entropy: Callable[[int], bytes]) -> None:
        self._db = db
        self._entropy = entropy

    async def import_csv(self, data: bytes) -> PeopleImported:
        """Add the people of a file (CSV or XLSX) and update those whose number is known, in one transaction.

        Raises PeopleImportRefused with all problems; then nothing is imported. Nobody is removed. Raises an error of
        `venues.workbook` for a file that cannot be opened.
        """
        people = await asyncio.to_thread(parse_file, data)

        def work(connection: Connection) -> PeopleImported:
            found, _ = _planned(connection, *people)
            changed = found.changed
            self._write(connection, list(found.added), changed, [])
            return PeopleImported(added=len(found.added), changed=len(changed), unchanged=found.unchanged)

        return await self._db.write(work)

    async def preview(self, data: bytes) -> PeoplePreview:
        """What `import_csv` would do now; raises the same."""
        table = await asyncio.to_thread(table_of, data)
        people = rows_of(table)

        def work(connection: Connection) -> PeoplePreview:
            found, finder = _planned(connection, *people)
            return PeoplePreview(plan=found, paths=finder.paths(homes_of(found)), sheet=table.sheet)

        return await self._db.read(work)

    async def get(self, person: str) -> Person | None:
        query = sa.select(table).where(table.c.id == person)
        row = await self._db.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Person(id=row.id, number=row.number, name=row.name, home=row.home_id)

    async def version(self, venue_id: int) -> str:
        return await self._db.read(lambda connection: stamps.version(connection, self.name, venue_id))

    async def export(self, venue_id: int) -> object:
        """The people at home in the venue's subtree: `[{"number", "name", "home"}…]`."""
        query = (
            sa.select(table.c.number, table.c.name, table.c.home_id)
            .join(venue_closure, venue_closure.c.descendant == table.c.home_id)
            .where(venue_closure.c.ancestor == venue_id)
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
            self._write(connection, added, changed, [id_ for id_ in known if id_ not in wanted])

        await self._db.write(work)

    def _write(self, connection: Connection, added: list[Person], changed: list[Person], gone: Sequence[str]) -> None:
        for start in range(0, len(gone), _CHUNK):
            connection.execute(table.delete().where(table.c.id.in_(gone[start : start + _CHUNK])))
        if changed:
            update = table.update().where(table.c.id == sa.bindparam("key"))
            connection.execute(
                update.values(
                    number=sa.bindparam("number"), name=sa.bindparam("name"), home_id=sa.bindparam("home_id")
                ),
                [_row(person) | {"key": person.id} for person in changed],
            )
        if added:
            connection.execute(table.insert(), [_row(person) | {"id": person.id} for person in added])
        if added or changed or gone:
            stamps.touch(connection, self.name, self._entropy)
            summary_store.all_changed(connection)


def _planned(connection: Connection, rows: list[PersonRow], problems: list[PersonProblem]) -> tuple[PeoplePlan, Finder]:
    """Raises PeopleImportRefused if anything is wrong with the rows, or was already."""
    finder = Finder(Venue(**row._mapping) for row in connection.execute(sa.select(venue)))
    wanted, homeless = settle(rows, finder)
    if problems or homeless:
        raise PeopleImportRefused([*problems, *homeless])
    return plan(wanted, _everybody(connection)), finder


def _everybody(connection: Connection) -> dict[str, Person]:
    rows = connection.execute(sa.select(table))
    return {row.id: Person(id=row.id, number=row.number, name=row.name, home=row.home_id) for row in rows}


def _row(person: Person) -> dict[str, object]:
    return {"number": person.number, "name": person.name, "home_id": person.home}


def _from_wire(obj: Mapping[str, object]) -> Person:
    number = str(obj["number"])
    return Person(id=person_id(number), number=number, name=str(obj["name"]), home=int(str(obj["home"])))
