"""Whose card it is that an event names: looked up wherever the card is known, as early or late as that may be.

A card that is shown away from home is a fact there at once, without a name; every node above that knows the card says
whose it was. So what is derived from an event follows the table of cards.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from attendance.badge import card_text, parse_card
from attendance.event import CARD, Event
from attendance.tables import badge, badge_revoked, badge_seen, person
from venues.database import upsert

_PREFIX = CARD + ":"
_CHUNK = 500


def subject(card: int) -> str:
    """Event.subject of what names this card and no person."""
    return _PREFIX + card_text(card)


def subject_of(connection: Connection, subject: str) -> str:
    """Under which subject the events of `subject` are kept here: of a card that is known, its bearer's."""
    card = _card(subject)
    if card is None:
        return subject
    found = connection.scalar(sa.select(badge.c.person_id).where(badge.c.card == card))
    return subject if found is None else str(found)


def named(connection: Connection, events: Sequence[Event]) -> Sequence[Event]:
    """The same events; those that name a card which is known here say who the bearer is."""
    cards = {event.subject: card for event in events if (card := _card_alone(event)) is not None}
    if not cards:
        return events
    found: dict[int, RowMapping] = {}
    query = sa.select(badge.c.card, badge.c.person_id, person.c.number, person.c.name).select_from(
        badge.outerjoin(person, person.c.id == badge.c.person_id)
    )
    for chunk in _chunks(set(cards.values())):
        for row in connection.execute(query.where(badge.c.card.in_(chunk))).mappings():
            found[row["card"]] = row

    def name(event: Event) -> Event:
        row = found.get(cards.get(event.subject, 0))
        if event.person or row is None:
            return event
        known = row["name"] or event.name
        return dataclasses.replace(event, person=row["person_id"], number=row["number"], name=known)

    return [name(event) for event in events]


def seen(connection: Connection, events: Iterable[Event]) -> None:
    """Remember which lectures' events name a card and no person."""
    pairs = {(card, event.lecture) for event in events if (card := _card_alone(event)) is not None}
    for card, lecture in sorted(pairs):
        if lecture not in lectures(connection, card):
            connection.execute(badge_seen.insert().values(card=card, lecture=lecture))


def lectures(connection: Connection, card: int) -> list[str]:
    """Those that `seen` was told of."""
    query = sa.select(badge_seen.c.lecture).where(badge_seen.c.card == card)
    return sorted(connection.scalars(query))


def seen_among(connection: Connection, cards: Iterable[int]) -> list[int]:
    """Those of these cards that some event names alone."""
    found: set[int] = set()
    for chunk in _chunks(set(cards)):
        found.update(connection.scalars(sa.select(badge_seen.c.card).where(badge_seen.c.card.in_(chunk))))
    return sorted(found)


def cards_of(connection: Connection, person: str) -> list[int]:
    return list(connection.scalars(sa.select(badge.c.card).where(badge.c.person_id == person).order_by(badge.c.card)))


def forget(connection: Connection, subjects: Iterable[str]) -> bool:
    """Nobody knows any more whose cards these were ("card:" and the number) or why they were revoked, and none of them
    counts. False: there are none."""
    cards = [card for each in subjects if (card := _card(each)) is not None]
    for card in cards:
        connection.execute(badge.delete().where(badge.c.card == card))
        connection.execute(badge_seen.delete().where(badge_seen.c.card == card))
        revoked = upsert(connection, badge_revoked).values(card=card)
        connection.execute(revoked.on_conflict_do_update(index_elements=["card"], set_={"reason": None}))
    return bool(cards)


def _card_alone(event: Event) -> int | None:
    return None if event.person else _card(event.subject)


def _card(subject: str) -> int | None:
    """The number in the subject; None where it is another subject, or written as no card is."""
    if not subject.startswith(_PREFIX):
        return None
    card = parse_card(subject.removeprefix(_PREFIX))
    return card if card is not None and subject == _PREFIX + card_text(card) else None


def _chunks(cards: set[int]) -> Iterable[list[int]]:
    remaining = iter(sorted(cards))
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield chunk
