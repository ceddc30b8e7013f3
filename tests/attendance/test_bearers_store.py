"""A card that is shown where nobody knows it: a fact at once, and a name as soon as the card is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from attendance import badge, badge_reports
from attendance.badge_store import BadgeStore
from attendance.event import Kind, Method, to_wire
from attendance.people import person_id
from attendance.tables import event, presence
from tests.attendance.world import PROVINCE, VILLAGE, VILLAGE_3, Site, an_event, below
from venues.database import Database

ZHAO = person_id("C1")  # at home in VILLAGE_3


async def rows(db: Database) -> list[tuple[str, str | None, str]]:
    """(person, number, name) of all presences."""
    query = sa.select(presence.c.person_id, presence.c.number, presence.c.name).order_by(presence.c.person_id)
    return [tuple(row) for row in await db.read(lambda connection: connection.execute(query).all())]


async def subjects(db: Database) -> set[str]:
    return await db.read(lambda connection: set(connection.scalars(sa.select(event.c.subject))))


@pytest.fixture
async def card(site: Site) -> int:
    store = BadgeStore(site.db, site.clock, site.entropy, is_root=True)
    await store.issue(by="org", venue_id=PROVINCE)
    return (await badge_reports.to_print(site.db, person=ZHAO, limit=1))[0].card


def shown(card: int) -> dict[str, object]:
    return {"method": Method.KIOSK, "name": badge.bearer(card), "data": {"card": badge.card_text(card)}}


async def test_a_stranger_with_a_card_is_taken_in_once_and_can_leave(site: Site, card: int, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    log = child.log(VILLAGE)
    first = await log.capture(lecture=site.lecture, **shown(card))  # type: ignore[arg-type]
    assert first.event.person is None
    assert first.event.subject == f"card:{badge.card_text(card)}"
    assert (await log.capture(lecture=site.lecture, **shown(card))).already  # type: ignore[arg-type]
    assert (await log.capture(lecture=site.lecture, **shown(card + 1))).already is False  # type: ignore[arg-type]
    assert {row[2] for row in await rows(child.db)} == {badge.bearer(card), badge.bearer(card + 1)}
    left = await log.capture(lecture=site.lecture, kind=Kind.SIGN_OUT, about=first.event.id)
    assert left.event.subject == first.event.subject
    undone = await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=left.event.id)
    assert undone.event.subject == first.event.subject
    await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=first.event.id)
    assert [row[2] for row in await rows(child.db)] == [badge.bearer(card + 1)]
    await child.db.close()


async def test_above_the_stranger_has_a_name(site: Site, card: int, tmp_path: Path) -> None:
    """The village writes a card down; the province, which knows it, counts its bearer, once."""
    child = await below(site, VILLAGE, tmp_path)
    log, root = child.log(VILLAGE), site.log(PROVINCE, "root", is_root=True)
    await log.capture(lecture=site.lecture, **shown(card))  # type: ignore[arg-type]
    sent = [to_wire(one) for one in await log.outbox(10)]
    await root.ingest(sent, VILLAGE)
    assert await rows(site.db) == [(ZHAO, "C1", "赵六")]
    assert await subjects(site.db) == {ZHAO}
    # At home the same person is ticked as well: one person, two venues.
    home = an_event(2, lecture=site.lecture, venue=VILLAGE_3, person=ZHAO, number="C1", name="赵六")
    await root.ingest([to_wire(home)], VILLAGE_3)
    assert await rows(site.db) == [(ZHAO, "C1", "赵六")]
    await root.rebuild(site.lecture)
    assert await rows(site.db) == [(ZHAO, "C1", "赵六")]
    # The event itself is what the village wrote, and it can be taken back here by its id.
    kept = await root.event(str(sent[0]["id"]))
    assert kept is not None
    assert to_wire(kept) == sent[0]
    await root.capture(lecture=site.lecture, venue=VILLAGE, kind=Kind.UNDO, supersedes=kept.id)
    await root.capture(lecture=site.lecture, venue=VILLAGE_3, kind=Kind.UNDO, supersedes=home.id)
    assert await rows(site.db) == []
    await child.db.close()


async def test_the_name_comes_late_goes_and_comes_again(site: Site, card: int, tmp_path: Path) -> None:
    """The events come before the cards do; then the person moves away; then comes back."""
    root = BadgeStore(site.db, site.clock, site.entropy, is_root=True)
    child = await below(site, VILLAGE_3, tmp_path)
    store = BadgeStore(child.db, child.clock, child.entropy, is_root=False)
    log = child.log(VILLAGE_3)
    alone = f"card:{badge.card_text(card)}"
    await log.capture(lecture=site.lecture, **shown(card))  # type: ignore[arg-type]
    home = an_event(2, lecture=site.lecture, venue=VILLAGE_3, person=ZHAO, number="C1", name="赵六")
    await log.ingest([to_wire(home)], VILLAGE_3)
    assert await rows(child.db) == sorted([(ZHAO, "C1", "赵六"), (alone, None, badge.bearer(card))])
    content = await root.export(VILLAGE_3)
    assert isinstance(content, dict)
    for _ in range(2):
        await store.replace(content)
        assert await rows(child.db) == [(ZHAO, "C1", "赵六")]
        assert await subjects(child.db) == {ZHAO}
        await log.rebuild(site.lecture)
        assert await rows(child.db) == [(ZHAO, "C1", "赵六")]
        await store.replace(content | {"cards": []})
        assert await rows(child.db) == sorted([(ZHAO, "C1", "赵六"), (alone, None, badge.bearer(card))])
        assert await subjects(child.db) == {ZHAO, alone}
    await child.db.close()


async def test_words_that_are_no_card_stay_what_they_are(site: Site) -> None:
    log = site.log(PROVINCE, "root", is_root=True)
    odd = [
        an_event(n, lecture=site.lecture, person=None, number=None, name="谁", data={"card": text})
        for n, text in enumerate(["", "card", "1", "9" * 30, "１" * 19], 1)
    ]
    await log.ingest([to_wire(one) for one in odd], VILLAGE)
    assert len(await rows(site.db)) == 5
