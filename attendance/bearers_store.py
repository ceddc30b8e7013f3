"""Whom an event means: whose card it names, and of two numbers of one person the one that is kept; looked up wherever
that is known, as early or late as that may be.

A card that is shown away from home is a fact there at once, without a name; every node above that knows the card says
whose it was. And a number may turn out to be somebody's who has another one. So what is derived from an event follows
the tables of cards and of merged numbers; the event itself stays as it was written.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from attendance.badge import card_text, parse_card
from attendance.event import CARD, Event
from attendance.tables import badge, badge_revoked, badge_seen, person, person_merge
from venues.database import look_up, upsert

T = TypeVar("T", int, str)
_PREFIX = CARD + ":"
_CHUNK = 500


def subject(card: int) -> str:
    """Event.subject of what names this card and no person."""
    return _PREFIX + card_text(card)


def subject_of(connection: Connection, subject: str) -> str:
    """Under which subject the events of `subject` are kept here: of a card that is known, its bearer's; of a number
    that was merged into another, that one's."""
    card = _card(subject)
    if card is not None:
        found = connection.scalar(sa.select(badge.c.person_id).where(badge.c.card == card))
        subject = subject if found is None else str(found)
    return kept(connection, [subject]).get(subject, subject)


def kept(connection: Connection, people: Collection[str]) -> dict[str, str]:
    """Of those among these ids whose number was merged into another one, that one's id."""
    about = person_merge.c
    any_merge = sa.select(about.person_id).where(about.person_id > "").limit(1)
    if connection.scalar(any_merge) is None:  # as a rule nobody's was
        return {}
    return look_up(connection, people, lambda id_: sa.select(about.kept_id).where(about.person_id == id_))


def merged_into(connection: Connection, person: str) -> list[str]:
    """The ids of the numbers that were merged into this person's."""
    about = person_merge.c
    return list(connection.scalars(sa.select(about.person_id).where(about.kept_id == person).order_by(about.person_id)))


def named(connection: Connection, events: Sequence[Event]) -> Sequence[Event]:
    """The same events; those that name a card which is known here say who the bearer is, and those of a number that was
    merged into another one bear that."""
    return _by_number(connection, _by_card(connection, events))


def _by_number(connection: Connection, events: Sequence[Event]) -> Sequence[Event]:
    others = kept(connection, {event.person for event in events if event.person})
    if not others:
        return events
    rows = {
        row.id: row
        for chunk in _chunks(set(others.values()))
        for row in connection.execute(sa.select(person).where(person.c.id.in_(chunk)))
    }

    def name(event: Event) -> Event:
        other = others.get(event.person or "")
        if other is None:
            return event
        row = rows.get(other)
        known = {"number": row.number, "name": row.name} if row else {}
        return dataclasses.replace(event, person=other, **known)

    return [name(event) for event in events]


def _by_card(connection: Connection, events: Sequence[Event]) -> Sequence[Event]:
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


def forget_merged(connection: Connection, people: Collection[str]) -> bool:
    """Nobody knows any more that these numbers were merged, or others into them. False: there are none."""
    about, some = person_merge.c, list(people)
    mine = sa.or_(about.person_id.in_(some), about.kept_id.in_(some))
    return connection.execute(person_merge.delete().where(mine)).rowcount > 0


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


def _chunks(values: set[T]) -> Iterable[list[T]]:
    remaining = iter(sorted(values))
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield chunk
