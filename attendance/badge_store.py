"""Badges in the database: whose card is whose, which do not count any more, and their replication to the venues below
(collection "badges"): every key that counts, every revoked card, and the cards of the venue's subtree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import badge as badges
from attendance import badge_keys_store as keys
from attendance import bearers_store
from attendance import stamps_store as stamps
from attendance.badge_reports import BadgesElsewhere, BadgeUnknown, below, counts, on_list
from attendance.paths_store import Paths
from attendance.people import Person
from attendance.rules import ReasonMissing
from attendance.store import Rows
from attendance.tables import badge as table
from attendance.tables import badge_revoked as revoked_table
from attendance.tables import person as person_table
from attendance.tables import person_merge as merge_table
from attendance.venue_reports import chunks
from venues.database import Database

_PEOPLE = "people"  # the collection that says who is at home where


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A card that counts. `person` None: it is not known here whose it is."""

    card: int
    person: Person | None


@dataclass(frozen=True, kw_only=True)
class Issued:
    issued: int
    revoked: int  # earlier cards of the same people


class BadgeStore:
    """`now` gives aware UTC, `entropy(n)` n random bytes. `is_root`: cards are issued here."""

    name = "badges"

    def __init__(
        self, db: Database, now: Callable[[], dt.datetime], entropy: Callable[[int], bytes], *, is_root: bool
    ) -> None:
        self._db = db
        self._now = now
        self._entropy = entropy
        self._is_root = is_root

    # reading a card

    async def check(self, text: str) -> Shown:
        """Whose card it is. Raises BadgeForeign, BadgeMisread, BadgeKeyUnknown, BadgeForged, BadgeRevoked."""
        read = badges.parse(text)

        def work(connection: Connection) -> Shown:
            card = badges.check(read, keys.public(connection))
            if connection.scalar(sa.select(revoked_table.c.card).where(revoked_table.c.card == card)) is not None:
                raise badges.BadgeRevoked
            query = sa.select(person_table).join(table, table.c.person_id == person_table.c.id)
            row = connection.execute(query.where(table.c.card == card)).one_or_none()
            person = Person(id=row.id, number=row.number, name=row.name, home=row.home_id) if row else None
            return Shown(card=card, person=person)

        return await self._db.read(work)

    # issuing and revoking, at the root

    async def issue(
        self, *, by: str, venue_id: int | None = None, person: str | None = None, renew: bool = False
    ) -> Issued:
        """A card for everybody of a venue's subtree who has none, or a new one for one person. `renew`: a new one for
        everybody. Earlier cards are revoked. Raises BadgesElsewhere."""
        self._check_root()

        def work(connection: Connection) -> Issued:
            people = _people(connection, venue_id, person)
            valid = _valid_cards(connection, people)
            wanted = [one for one in people if renew or person is not None or one not in valid]
            earlier = [valid[one] for one in wanted if one in valid]
            if wanted:
                self._issue(connection, wanted, by)
                self.revoke_these(connection, earlier, by, "a new card was issued")
                stamps.touch(connection, self.name, self._entropy)
            return Issued(issued=len(wanted), revoked=len(earlier))

        return await self._db.write(work)

    def _issue(self, connection: Connection, people: Sequence[str], by: str) -> None:
        key_id = keys.newest(connection) or keys.make(connection, self._entropy(32))
        cards: set[int] = set()
        while len(cards) < len(people):
            cards.add(badges.make_card(self._entropy(8)))
        about = {"key_id": key_id, "issued_at": self._now(), "issued_by": by}
        rows = [{"card": card, "person_id": person} | about for card, person in zip(cards, people, strict=True)]
        connection.execute(table.insert(), rows)

    async def revoke(self, card: int, *, reason: str, by: str) -> bool:
        """The card does not count any more; False where it did not before. Raises BadgesElsewhere, BadgeUnknown,
        ReasonMissing."""
        self._check_root()
        if not reason.strip():
            raise ReasonMissing

        def work(connection: Connection) -> bool:
            if not _among(connection, table.c.card, [card]):
                raise BadgeUnknown
            return self.revoke_these(connection, [card], by, reason.strip())

        return await self._db.write(work)

    def revoke_these(self, connection: Connection, cards: Sequence[int], by: str, reason: str) -> bool:
        """`revoke` inside a transaction, of cards that are known here; whether any of them counted."""
        fresh = sorted(set(cards) - set(_among(connection, revoked_table.c.card, cards)))
        if fresh:
            about = {"revoked_at": self._now(), "revoked_by": by, "reason": reason}
            connection.execute(revoked_table.insert(), [{"card": card} | about for card in fresh])
            stamps.touch(connection, self.name, self._entropy)
        return bool(fresh)

    async def new_key(self, *, retire: bool) -> int:
        """Sign with a new key from now on. `retire`: no card that an earlier one signed counts any more. Returns the
        number of the key. Raises BadgesElsewhere, BadgeKeysUsedUp."""
        self._check_root()

        def work(connection: Connection) -> int:
            if retire:
                keys.retire(connection, self._now())
            key_id = keys.make(connection, self._entropy(32))
            stamps.touch(connection, self.name, self._entropy)
            return key_id

        return await self._db.write(work)

    # replication

    async def version(self, venue_id: int) -> str:
        """Of the cards, and of the people: who moves takes the card along."""

        def work(connection: Connection) -> str:
            return "-".join(stamps.version(connection, name, venue_id) for name in (self.name, _PEOPLE))

        return await self._db.read(work)

    async def export(self, venue_id: int) -> object:
        """`{"keys": [[number, public key]…], "cards": [[card, person, key]…], "revoked": [card…]}`, cards as text."""
        query = sa.select(table.c.card, person_table.c.id.label("person_id"), table.c.key_id)
        query = query.outerjoin(merge_table, merge_table.c.person_id == table.c.person_id)
        now = sa.func.coalesce(merge_table.c.kept_id, table.c.person_id)  # whose card it is: numbers may be merged
        query = query.join(person_table, person_table.c.id == now).where(below(venue_id))

        def work(connection: Connection) -> object:
            cards = connection.execute(query.order_by(table.c.card)).all()
            revoked = connection.scalars(sa.select(revoked_table.c.card).order_by(revoked_table.c.card))
            return {
                "keys": sorted([key, text] for key, text in keys.public(connection).items()),
                "cards": [[badges.card_text(row.card), row.person_id, row.key_id] for row in cards],
                "revoked": [badges.card_text(card) for card in revoked],
            }

        return await self._db.read(work)

    async def replace(self, content: object) -> None:
        """Make the cards here equal to what the parent sent; what named a card that is known now says whose it was."""
        match content:
            case {"keys": list(public), "cards": list(cards), "revoked": list(revoked)}:
                wanted_keys = {int(key): str(text) for key, text in public}
                wanted = {int(card): (str(person), int(key)) for card, person, key in cards}
                wanted_revoked = {int(card) for card in revoked}
            case _:
                raise ValueError("badges must hold keys, cards and revoked")

        def work(connection: Connection) -> None:
            changed = keys.replace(connection, wanted_keys)
            changed |= _replace_revoked(connection, wanted_revoked)
            changed |= self._replace_cards(connection, wanted)
            if changed:
                stamps.touch(connection, self.name, self._entropy)

        await self._db.write(work)

    def _replace_cards(self, connection: Connection, wanted: Mapping[int, tuple[str, int]]) -> bool:
        query = sa.select(table.c.card, table.c.person_id, table.c.key_id)
        known = {row.card: (row.person_id, row.key_id) for row in connection.execute(query)}
        gone = [card for card in known if card not in wanted]
        moved = [card for card in known if card in wanted and known[card] != wanted[card]]
        added = [card for card in wanted if card not in known]
        for chunk in chunks([*gone, *moved]):
            connection.execute(table.delete().where(table.c.card.in_(chunk)))
        about = {"issued_at": self._now(), "issued_by": ""}
        rows = [{"card": card, "person_id": wanted[card][0], "key_id": wanted[card][1]} for card in [*moved, *added]]
        if rows:
            connection.execute(table.insert(), [row | about for row in rows])
        log = Rows(connection, Paths())
        for card in bearers_store.seen_among(connection, [*gone, *moved, *added]):
            log.rebind(card, known.get(card, (None,))[0], wanted.get(card, (None,))[0])
        return bool(gone or moved or added)

    def _check_root(self) -> None:
        if not self._is_root:
            raise BadgesElsewhere


def _replace_revoked(connection: Connection, wanted: Collection[int]) -> bool:
    known = set(connection.scalars(sa.select(revoked_table.c.card)))
    gone, added = sorted(known - set(wanted)), sorted(set(wanted) - known)
    for chunk in chunks(gone):
        connection.execute(revoked_table.delete().where(revoked_table.c.card.in_(chunk)))
    if added:
        connection.execute(revoked_table.insert(), [{"card": card} for card in added])
    return bool(gone or added)


def _people(connection: Connection, venue_id: int | None, person: str | None) -> list[str]:
    where = person_table.c.id == person if person else on_list(venue_id or 0)
    on_the_list = person_table.c.gone_at.is_(None)
    return sorted(connection.scalars(sa.select(person_table.c.id).where(where, on_the_list)))


def _valid_cards(connection: Connection, people: Sequence[str]) -> dict[str, int]:
    """The card that counts, by person."""
    found: dict[str, int] = {}
    for chunk in chunks(people):
        query = sa.select(table.c.person_id, table.c.card).where(table.c.person_id.in_(chunk), counts())
        found.update((row.person_id, row.card) for row in connection.execute(query))
    return found


def _among(connection: Connection, column: sa.Column[int], cards: Sequence[int]) -> list[int]:
    return [card for chunk in chunks(cards) for card in connection.scalars(sa.select(column).where(column.in_(chunk)))]
