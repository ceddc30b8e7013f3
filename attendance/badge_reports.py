"""What an organizer sees of badges: who of a unit has one, whose a card is, and what the printed cards say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import badge as badges
from attendance import badge_keys_store as keys
from attendance.people import Person
from attendance.tables import badge as table
from attendance.tables import badge_key, badge_revoked
from attendance.tables import person as person_table
from venues.database import Database
from venues.errors import TongtangError
from venues.identity import NodeKey
from venues.tables import venue, venue_closure


class BadgesElsewhere(TongtangError):
    """Cards are issued and revoked at the topmost venue; they come here by themselves."""

    code: ClassVar[str] = "badges_elsewhere"
    status: ClassVar[int] = 409


class BadgeUnknown(TongtangError):
    """There is no such card."""

    code: ClassVar[str] = "badge_unknown"
    status: ClassVar[int] = 404


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Somebody of a unit, and the card that counts, if there is one."""

    person: Person
    home: str  # the home venue's name after that of the venue above it: fifty villages share a name
    card: int | None
    key: int | None
    issued_at: dt.datetime | None


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The people of a venue and all below it; `holders` are a part of them."""

    people: int
    with_card: int
    holders: Sequence[Holder]


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a printed card says."""

    name: str
    number: str
    home: str
    card: int
    payload: str


async def unit(db: Database, venue_id: int, *, limit: int, offset: int = 0) -> Unit:
    """The people of the venue's subtree by home and number, with the cards that count."""

    def work(connection: Connection) -> Unit:
        inside = below(venue_id)
        people = connection.scalar(sa.select(sa.func.count()).select_from(person_table).where(inside)) or 0
        cards = person_table.join(table, table.c.person_id == person_table.c.id)
        with_card = connection.scalar(sa.select(sa.func.count()).select_from(cards).where(inside, counts())) or 0
        return Unit(people=people, with_card=with_card, holders=_holders(connection, inside, limit, offset))

    return await db.read(work)


async def holder(db: Database, person: str) -> Holder | None:
    """One person with the card that counts."""
    found = await db.read(lambda connection: _holders(connection, person_table.c.id == person, 1, 0))
    return found[0] if found else None


async def person_of(db: Database, card: int) -> Person:
    """Whose card it is, or was. Raises BadgeUnknown."""
    query = sa.select(person_table).join(table, table.c.person_id == person_table.c.id).where(table.c.card == card)
    row = await db.read(lambda connection: connection.execute(query).one_or_none())
    if row is None:
        raise BadgeUnknown
    return Person(id=row.id, number=row.number, name=row.name, home=row.home_id)


async def to_print(
    db: Database, *, venue_id: int | None = None, person: str | None = None, limit: int, offset: int = 0
) -> list[Printed]:
    """The cards that count of a venue's subtree or of one person, in the order of `unit`. Raises BadgesElsewhere where
    there is no key to sign with."""

    def work(connection: Connection) -> list[Printed]:
        signing = keys.private(connection)
        where = person_table.c.id == person if person else below(venue_id or 0)
        rows = _holders(connection, sa.and_(where, table.c.card.is_not(None)), limit, offset)
        return [_printed(row, signing) for row in rows]

    return await db.read(work)


def _printed(row: Holder, signing: dict[int, NodeKey]) -> Printed:
    assert row.card is not None
    assert row.key is not None
    if row.key not in signing:
        raise BadgesElsewhere
    return Printed(
        name=row.person.name,
        number=row.person.number,
        home=row.home,
        card=row.card,
        payload=badges.payload(row.key, row.card, signing[row.key]),
    )


def below(venue_id: int) -> sa.ColumnElement[bool]:
    """Of `person`: at home in the venue's subtree."""
    inside = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == venue_id)
    return person_table.c.home_id.in_(inside)


def counts() -> sa.ColumnElement[bool]:
    """Of `badge`: not revoked, and its key not retired."""
    return sa.and_(
        ~sa.exists().where(badge_revoked.c.card == table.c.card),
        sa.exists().where(badge_key.c.id == table.c.key_id, badge_key.c.retired_at.is_(None)),
    )


def _holders(connection: Connection, where: sa.ColumnElement[bool], limit: int, offset: int) -> list[Holder]:
    joined = person_table.outerjoin(table, sa.and_(table.c.person_id == person_table.c.id, counts()))
    above = venue.alias()
    joined = joined.outerjoin(venue, venue.c.id == person_table.c.home_id)
    joined = joined.outerjoin(above, above.c.id == venue.c.parent_id)
    shown = (table.c.card, table.c.key_id, table.c.issued_at, venue.c.name.label("home"), above.c.name.label("above"))
    query = sa.select(person_table, *shown).select_from(joined).where(where)
    rows = connection.execute(query.order_by(venue.c.code, person_table.c.number).limit(limit).offset(offset))
    return [
        Holder(
            person=Person(id=row.id, number=row.number, name=row.name, home=row.home_id),
            home=" ".join(name for name in (row.above, row.home) if name),
            card=row.card,
            key=row.key_id,
            issued_at=row.issued_at,
        )
        for row in rows
    ]
