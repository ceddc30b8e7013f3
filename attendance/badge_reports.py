"""What an organizer sees of badges: who of a unit has one, whose a card is, and what the printed cards say."""

from __future__ import annotations

import datetime as dt
import enum
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
from attendance.venue_reports import venues_of
from venues.database import Database
from venues.errors import TongtangError
from venues.identity import NodeKey
from venues.tables import venue, venue_closure
from venues.tree import Venue


class BadgesElsewhere(TongtangError):
    """Cards are issued and revoked at the topmost venue; they come here by themselves."""

    code: ClassVar[str] = "badges_elsewhere"
    status: ClassVar[int] = 409


class BadgeUnknown(TongtangError):
    """There is no such card."""

    code: ClassVar[str] = "badge_unknown"
    status: ClassVar[int] = 404


class Which(enum.StrEnum):
    """Whom of a unit to list."""

    ALL = "all"
    WITH = "with"
    WITHOUT = "without"


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
    """The people of a venue and all below it; `found` of them were asked for, `holders` are a part of these."""

    people: int
    with_card: int
    found: int
    holders: Sequence[Holder]


@dataclass(frozen=True, kw_only=True)
class UnitCount:
    """One venue with all below it."""

    venue: Venue
    people: int
    with_card: int


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """A card that does not count any more. Of cards that were revoked elsewhere nothing but the number is known."""

    card: int
    name: str
    number: str
    reason: str
    revoked_by: str
    revoked_at: dt.datetime | None


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a printed card says."""

    name: str
    number: str
    home: str
    card: int
    payload: str


async def unit(
    db: Database, venue_id: int, *, limit: int, offset: int = 0, which: Which = Which.ALL, q: str = ""
) -> Unit:
    """The people of the venue's subtree by home and number, with the cards that count. `q`: those with this in their
    name or number."""

    def work(connection: Connection) -> Unit:
        inside = on_list(venue_id)
        wanted = [inside, *_asked(which, q)]
        query = sa.select(sa.func.count(), sa.func.count(table.c.card)).select_from(_CARDS)
        people, with_card = connection.execute(query.where(inside)).one()
        found = people
        if len(wanted) > 1:
            found = connection.scalar(sa.select(sa.func.count()).select_from(_CARDS).where(*wanted)) or 0
        holders = _holders(connection, sa.and_(*wanted), limit, offset)
        return Unit(people=people, with_card=with_card, found=found, holders=holders)

    return await db.read(work)


def _asked(which: Which, q: str) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if which is not Which.ALL:
        conditions.append(table.c.card.is_not(None) if which is Which.WITH else table.c.card.is_(None))
    if q:
        name, number = person_table.c.name, person_table.c.number
        conditions.append(sa.or_(name.contains(q, autoescape=True), number.contains(q, autoescape=True)))
    return conditions


async def units_below(db: Database, venue_id: int) -> list[UnitCount]:
    """Each venue right under this one, with all below it."""
    pairs = venue_closure.c

    def work(connection: Connection) -> list[UnitCount]:
        children = sa.select(venue).where(venue.c.parent_id == venue_id).order_by(venue.c.code)
        query = sa.select(pairs.ancestor, sa.func.count(), sa.func.count(table.c.card))
        query = query.select_from(_CARDS.join(venue_closure, pairs.descendant == person_table.c.home_id))
        query = query.where(
            person_table.c.gone_at.is_(None),
            pairs.ancestor.in_(sa.select(venue.c.id).where(venue.c.parent_id == venue_id)),
        )
        rows = connection.execute(query.group_by(pairs.ancestor)).all()
        found = {ancestor: (people, with_card) for ancestor, people, with_card in rows}
        return [
            UnitCount(venue=one, people=people, with_card=with_card)
            for one in venues_of(connection, children)
            for people, with_card in [found.get(one.id, (0, 0))]
        ]

    return await db.read(work)


async def revocations(db: Database, venue_id: int, *, limit: int) -> list[Revocation]:
    """The cards of the venue's subtree that do not count any more, the latest first."""
    source = badge_revoked.join(table, table.c.card == badge_revoked.c.card)
    source = source.join(person_table, person_table.c.id == table.c.person_id)
    query = sa.select(badge_revoked, person_table.c.name, person_table.c.number).select_from(source)
    query = query.where(below(venue_id)).order_by(badge_revoked.c.revoked_at.desc(), badge_revoked.c.card).limit(limit)
    rows = await db.read(lambda connection: connection.execute(query).all())
    return [
        Revocation(
            card=row.card,
            name=row.name,
            number=row.number,
            reason=row.reason or "",
            revoked_by=row.revoked_by or "",
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]


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
        where = person_table.c.id == person if person else on_list(venue_id or 0)
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


def on_list(venue_id: int) -> sa.ColumnElement[bool]:
    """Of `person`: at home in the venue's subtree, and still on the list of people."""
    return sa.and_(below(venue_id), person_table.c.gone_at.is_(None))


def counts() -> sa.ColumnElement[bool]:
    """Of `badge`: not revoked, and its key not retired."""
    return sa.and_(
        ~sa.exists().where(badge_revoked.c.card == table.c.card),
        sa.exists().where(badge_key.c.id == table.c.key_id, badge_key.c.retired_at.is_(None)),
    )


_CARDS = person_table.outerjoin(table, sa.and_(table.c.person_id == person_table.c.id, counts()))


def _holders(connection: Connection, where: sa.ColumnElement[bool], limit: int, offset: int) -> list[Holder]:
    above = venue.alias()
    joined = _CARDS.outerjoin(venue, venue.c.id == person_table.c.home_id)
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
