"""The roster in the database: import from CSV, and replication to the venues below (collection "people")."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import stamps_store as stamps
from attendance import summary_store
from attendance.people import Person, PersonProblem, PersonRow, parse_csv, person_id
from attendance.tables import person as table
from venues.database import Database
from venues.errors import TongtangError
from venues.tables import venue, venue_closure

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


class PeopleStore:
    """`entropy(n)` gives n random bytes."""

    name = "people"

    def __init__(self, db: Database, entropy: Callable[[int], bytes]) -> None:
        self._db = db
        self._entropy = entropy

    async def import_csv(self, data: bytes) -> PeopleImported:
        """Add the people of a CSV and update those whose number is known, in one transaction.

        Raises PeopleImportRefused with all problems; then nothing is imported. Nobody is removed.
        """
        rows, problems = parse_csv(data)
        return await self._db.write(lambda connection: self._import(connection, rows, problems))

    def _import(self, connection: Connection, rows: list[PersonRow], problems: list[PersonProblem]) -> PeopleImported:
        homes = {code: id_ for code, id_ in connection.execute(sa.select(venue.c.code, venue.c.id))}
        problems += [
            PersonProblem(row.line, "venue_unknown", {"value": row.venue})
            for row in rows
            if row.venue and row.venue not in homes
        ]
        if problems:
            raise PeopleImportRefused(problems)
        known = _everybody(connection)
        wanted = [
            Person(id=person_id(row.number), number=row.number, name=row.name, home=homes[row.venue]) for row in rows
        ]
        added = [person for person in wanted if person.id not in known]
        changed = [person for person in wanted if person.id in known and known[person.id] != person]
        self._write(connection, added, changed, [])
        return PeopleImported(added=len(added), changed=len(changed), unchanged=len(wanted) - len(added) - len(changed))

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


def _everybody(connection: Connection) -> dict[str, Person]:
    rows = connection.execute(sa.select(table))
    return {row.id: Person(id=row.id, number=row.number, name=row.name, home=row.home_id) for row in rows}


def _row(person: Person) -> dict[str, object]:
    return {"number": person.number, "name": person.name, "home_id": person.home}


def _from_wire(obj: Mapping[str, object]) -> Person:
    number = str(obj["number"])
    return Person(id=person_id(number), number=number, name=str(obj["name"]), home=int(str(obj["home"])))
