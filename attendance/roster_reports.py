"""Who is on the roster, in SQL: finding people, where each is and was at home, and lists of numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from attendance import bearers_store
from attendance.homes import NOWHERE
from attendance.number_list import NumberProblem, NumberRow, NumbersRefused
from attendance.people import clean_name, clean_number, person_id
from attendance.tables import person, person_home
from attendance.venue_reports import chunks, venues_by_id
from venues.database import Database
from venues.errors import TongtangError
from venues.tables import venue_closure
from venues.tree import Venue


class NotOnRoster(TongtangError):
    """There is nobody like that on the list of people here."""

    code: ClassVar[str] = "not_on_roster"
    status: ClassVar[int] = 404


class RosterElsewhere(TongtangError):
    """The list of people is kept at the venue at the top; change it there."""

    code: ClassVar[str] = "roster_elsewhere"
    status: ClassVar[int] = 409


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Somebody of the roster. `path`: from the root down to the home venue, which is its last."""

    id: str
    number: str
    name: str
    path: tuple[Venue, ...]
    since: dt.datetime | None  # on the roster from then on; None: as long as is known
    gone_at: dt.datetime | None  # off it since then

    @property
    def home(self) -> Venue | None:
        return self.path[-1] if self.path else None


@dataclass(frozen=True, kw_only=True)
class Found:
    """One page of those whom a question fits, and how many these are altogether."""

    total: int
    people: tuple[Listed, ...]


@dataclass(frozen=True, kw_only=True)
class Before:
    """Where somebody was at home until then; `path` is empty for a venue that this node does not know."""

    path: tuple[Venue, ...]
    until: dt.datetime
    away: bool  # not on the roster in that time


class Rosters:
    """Questions about the people of this node's roster; `within` is the venue in whose subtree they are at home."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, text: str, within: int, *, limit: int = 50, offset: int = 0) -> Found:
        """Those whose name contains `text` or whose number begins with it, by number; all of them without a text."""
        matches = _at_home(within) & _like(text)

        def work(connection: Connection) -> Found:
            total = connection.execute(sa.select(sa.func.count()).select_from(person).where(matches)).scalar_one()
            page = sa.select(person).where(matches).order_by(person.c.number).limit(limit).offset(offset)
            return Found(total=total, people=_listed(connection, connection.execute(page).all()))

        return await self._db.read(work)

    async def person(self, id_: str) -> tuple[Listed, tuple[Before, ...]]:
        """Somebody, and the homes before the present one, the latest first. Raises NotOnRoster."""

        def work(connection: Connection) -> tuple[Listed, tuple[Before, ...]]:
            rows = connection.execute(sa.select(person).where(person.c.id == id_)).all()
            if not rows:
                raise NotOnRoster
            moves = sa.select(person_home).where(person_home.c.person_id == id_).order_by(person_home.c.until.desc())
            before = connection.execute(moves).all()
            known = _paths(connection, {row.venue_id for row in before})
            (one,) = _listed(connection, rows)
            return one, tuple(
                Before(path=known.get(row.venue_id, ()), until=row.until, away=row.venue_id == NOWHERE)
                for row in before
            )

        return await self._db.read(work)

    async def take(
        self, rows: Sequence[NumberRow], problems: Sequence[NumberProblem], within: Venue
    ) -> tuple[str, ...]:
        """The ids of those who have these numbers, each once. Raises NumbersRefused with every mistake, those found
        before (`problems`) and the numbers that nobody on the roster has who is at home there."""
        known = await self._ids({row.number for row in rows}, within.id)
        unknown = [
            NumberProblem(row.line, "number_unknown", {"venue": within.name, "value": row.number})
            for row in rows
            if row.number not in known
        ]
        if problems or unknown:
            raise NumbersRefused([*problems, *unknown])
        return tuple(dict.fromkeys(known[row.number] for row in rows))

    async def of(self, ids: Iterable[str], within: int) -> list[Listed]:
        """Those of these ids who are at home there, by number; those who are off the roster among them."""

        def work(connection: Connection) -> list[Listed]:
            rows: list[Row[Any]] = []
            for some in chunks(sorted(set(ids))):
                rows += connection.execute(sa.select(person).where(person.c.id.in_(some), _at_home(within)))
            rows.sort(key=lambda row: str(row.number))
            return list(_listed(connection, rows))

        return await self._db.read(work)

    async def _ids(self, numbers: Iterable[str], within: int) -> dict[str, str]:
        ids = {number: person_id(number) for number in numbers}

        def work(connection: Connection) -> dict[str, str]:
            here = sa.select(person.c.id).where(_at_home(within), person.c.gone_at.is_(None))
            kept, found = bearers_store.kept(connection, set(ids.values())), set[str]()
            now = {number: kept.get(id_, id_) for number, id_ in ids.items()}
            for some in chunks(sorted(set(now.values()))):
                found.update(connection.scalars(here.where(person.c.id.in_(some))))
            return {number: id_ for number, id_ in now.items() if id_ in found}

        return await self._db.read(work)


def _at_home(within: int) -> sa.ColumnElement[bool]:
    below = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == within)
    return person.c.home_id.in_(below)


def _like(text: str) -> sa.ColumnElement[bool]:
    name, number = clean_name(text), clean_number(text)
    if not number:
        return sa.true()
    named = sa.func.lower(person.c.name).contains(name.lower(), autoescape=True)
    return named | person.c.number.startswith(number, autoescape=True)


def _listed(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Listed, ...]:
    known = _paths(connection, {row.home_id for row in rows})
    return tuple(
        Listed(
            id=row.id,
            number=row.number,
            name=row.name,
            path=known.get(row.home_id, ()),
            since=row.since,
            gone_at=row.gone_at,
        )
        for row in rows
    )


def _paths(connection: Connection, ids: set[int]) -> Mapping[int, tuple[Venue, ...]]:
    """From the root down to each of these venues that is known here."""
    pairs = venue_closure.c
    steps: list[tuple[int, int]] = []
    for some in chunks(sorted(ids)):
        above = sa.select(pairs.descendant, pairs.ancestor).where(pairs.descendant.in_(some))
        rows = connection.execute(above.order_by(pairs.descendant, pairs.depth.desc()))
        steps += [(row.descendant, row.ancestor) for row in rows]
    venues = venues_by_id(connection, {ancestor for _, ancestor in steps})
    found: dict[int, tuple[Venue, ...]] = {}
    for descendant, ancestor in steps:
        found[descendant] = (*found.get(descendant, ()), venues[ancestor])
    return found
