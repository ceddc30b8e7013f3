"""The rows that say whom a lecture expects, inside one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.expectation import EVERYBODY, Expected
from attendance.tables import expectation as table
from attendance.tables import person, person_home, presence
from venues.tables import venue_closure

UNIT, LEVEL, PERSON = "unit", "level", "person"
# A list has this row, too: it stays a list when nobody on it is known here (any more), and does not mean everybody.
_OTHERS = ""


def expected_of(connection: Connection, lecture: str) -> Expected:
    query = sa.select(table).where(table.c.lecture_id == lecture)
    return _expected([(row.kind, row.ref) for row in connection.execute(query)])


def all_expected(connection: Connection) -> dict[str, Expected]:
    """Of all lectures that do not expect everybody."""
    rows: dict[str, list[tuple[str, str]]] = {}
    for row in connection.execute(sa.select(table)):
        rows.setdefault(row.lecture_id, []).append((row.kind, row.ref))
    return {lecture: _expected(found) for lecture, found in rows.items()}


def expected_below(connection: Connection, venue_id: int) -> dict[str, Expected]:
    """The same as the node of this venue may know it: of the lists only people who are or were at home in the venue or
    below it."""
    below = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == venue_id)
    now = sa.select(person.c.id).where(person.c.home_id.in_(below))
    before = sa.select(person_home.c.person_id).where(person_home.c.venue_id.in_(below))
    theirs = sa.or_(table.c.ref == _OTHERS, table.c.ref.in_(now), table.c.ref.in_(before))
    rows: dict[str, list[tuple[str, str]]] = {}
    for row in connection.execute(sa.select(table).where(sa.or_(table.c.kind != PERSON, theirs))):
        rows.setdefault(row.lecture_id, []).append((row.kind, row.ref))
    return {lecture: _expected(found) for lecture, found in rows.items()}


def put_expected(connection: Connection, lecture: str, expected: Expected) -> None:
    drop_expected(connection, [lecture])
    refs = [(UNIT, str(unit)) for unit in expected.units] + [(LEVEL, str(level)) for level in expected.levels]
    refs += [(PERSON, person_id) for person_id in (*expected.people, *([_OTHERS] if expected.listed else ()))]
    rows = [{"lecture_id": lecture, "kind": kind, "ref": ref} for kind, ref in sorted(set(refs))]
    if rows:
        connection.execute(table.insert(), rows)


def drop_expected(connection: Connection, lectures: Collection[str]) -> None:
    connection.execute(table.delete().where(table.c.lecture_id.in_(list(lectures))))


def forget_listed(connection: Connection, people: Collection[str]) -> bool:
    """Take these people off all lists (each stays a list); whether any was on one."""
    mine = sa.and_(table.c.kind == PERSON, table.c.ref.in_(list(people)))
    return connection.execute(table.delete().where(mine)).rowcount > 0


def rename_listed(connection: Connection, lecture: str, pseudonyms: Mapping[str, str]) -> None:
    """Those on the lecture's list who have a pseudonym now stand on it under that."""
    rows = sa.and_(table.c.lecture_id == lecture, table.c.kind == PERSON, table.c.ref.in_(list(pseudonyms)))
    for ref in connection.scalars(sa.select(table.c.ref).where(rows)).all():
        one = sa.and_(table.c.lecture_id == lecture, table.c.kind == PERSON, table.c.ref == ref)
        connection.execute(table.update().where(one).values(ref=pseudonyms[ref]))


def keep_listed(connection: Connection, lecture: str) -> None:
    """Of the lecture's list, only those of whom anything stands in the lecture."""
    there = sa.select(presence.c.person_id).where(presence.c.lecture_id == lecture)
    mine = sa.and_(table.c.lecture_id == lecture, table.c.kind == PERSON, table.c.ref != _OTHERS)
    connection.execute(table.delete().where(mine, table.c.ref.not_in(there)))


def lists_people(connection: Connection) -> bool:
    """Whether any lecture has a list of people."""
    query = sa.select(table.c.lecture_id).where(table.c.kind == PERSON).limit(1)
    return connection.scalar(query) is not None


def _expected(rows: Collection[tuple[str, str]]) -> Expected:
    if not rows:
        return EVERYBODY
    of = {kind: [ref for each, ref in rows if each == kind] for kind in (UNIT, LEVEL, PERSON)}
    return Expected(
        units=tuple(sorted(map(int, of[UNIT]))),
        levels=tuple(sorted(map(int, of[LEVEL]))),
        people=tuple(sorted(ref for ref in of[PERSON] if ref != _OTHERS)),
        others=bool(of[PERSON]),
    )
