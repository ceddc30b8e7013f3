from __future__ import annotations

from pathlib import Path

import pytest

from attendance import badge, badge_reports
from attendance.badge import BadgeForged, BadgeKeyUnknown, BadgeRevoked
from attendance.badge_keys_store import BadgeKeysUsedUp
from attendance.badge_reports import BadgesElsewhere, BadgeUnknown
from attendance.badge_store import BadgeStore, Issued
from attendance.people import person_id
from attendance.rules import ReasonMissing
from attendance.tables import badge_key
from tests.attendance.world import CITY, COUNTY_UNDER_PROVINCE, PROVINCE, TOWNSHIP, VILLAGE, Site, below
from venues.identity import NodeKey

ZHANG, WANG = person_id("A1"), person_id("B1")


def at_root(site: Site) -> BadgeStore:
    return BadgeStore(site.db, site.clock, site.entropy, is_root=True)


async def copied(root: BadgeStore, site: Site, venue: int, path: Path) -> tuple[Site, BadgeStore]:
    child = await below(site, venue, path)
    store = BadgeStore(child.db, child.clock, child.entropy, is_root=False)
    await store.replace(await root.export(venue))
    return child, store


async def test_a_whole_unit_gets_cards_and_only_who_has_none(site: Site) -> None:
    store = at_root(site)
    assert await store.issue(by="org", venue_id=TOWNSHIP) == Issued(issued=4, revoked=0)
    assert await store.issue(by="org", venue_id=TOWNSHIP) == Issued(issued=0, revoked=0)
    assert await store.issue(by="org", venue_id=PROVINCE) == Issued(issued=2, revoked=0)
    unit = await badge_reports.unit(site.db, TOWNSHIP, limit=3)
    assert (unit.people, unit.with_card) == (4, 4)
    assert [holder.person.number for holder in unit.holders] == ["A1", "A2", "A3"]
    assert (await badge_reports.unit(site.db, TOWNSHIP, limit=3, offset=3)).holders[0].home == "T1名 V2名"
    cards = await badge_reports.to_print(site.db, venue_id=TOWNSHIP, limit=10)
    assert (cards[0].name, cards[0].number, cards[0].home) == ("张三", "A1", "T1名 V1名")
    for card in cards:
        shown = await store.check(card.payload)
        assert shown.card == card.card
        assert shown.person is not None
        assert shown.person.name == card.name
    assert len({card.card for card in cards}) == 4


async def test_a_new_card_revokes_the_earlier_one(site: Site) -> None:
    store = at_root(site)
    await store.issue(by="org", venue_id=VILLAGE)
    (first,) = await badge_reports.to_print(site.db, person=ZHANG, limit=1)
    assert await store.issue(by="org", person=ZHANG) == Issued(issued=1, revoked=1)
    (second,) = await badge_reports.to_print(site.db, person=ZHANG, limit=1)
    assert first.card != second.card
    with pytest.raises(BadgeRevoked):
        await store.check(first.payload)
    assert (await store.check(second.payload)).person is not None
    assert await store.issue(by="org", venue_id=VILLAGE, renew=True) == Issued(issued=3, revoked=3)
    with pytest.raises(BadgeRevoked):
        await store.check(second.payload)
    assert await store.issue(by="org", person="nobody") == Issued(issued=0, revoked=0)


async def test_a_lost_card_is_revoked_with_a_reason(site: Site) -> None:
    store = at_root(site)
    await store.issue(by="org", person=ZHANG)
    (card,) = await badge_reports.to_print(site.db, person=ZHANG, limit=1)
    with pytest.raises(ReasonMissing):
        await store.revoke(card.card, reason=" ", by="org")
    with pytest.raises(BadgeUnknown):
        await store.revoke(card.card - 1, reason="lost", by="org")
    stamp = await store.version(VILLAGE)
    assert await store.revoke(card.card, reason="lost", by="org")
    assert await store.version(VILLAGE) != stamp
    assert not await store.revoke(card.card, reason="lost", by="org")
    holder = await badge_reports.holder(site.db, ZHANG)
    assert holder is not None
    assert holder.card is None
    assert (await badge_reports.person_of(site.db, card.card)).name == "张三"
    with pytest.raises(BadgeUnknown):
        await badge_reports.person_of(site.db, 5)


async def test_keys_follow_each_other(site: Site) -> None:
    store = at_root(site)
    await store.issue(by="org", person=ZHANG)
    (old,) = await badge_reports.to_print(site.db, person=ZHANG, limit=1)
    assert badge.parse(old.payload).key == 1
    assert await store.new_key(retire=False) == 2
    assert (await store.check(old.payload)).person is not None  # the earlier key counts as well
    await store.issue(by="org", person=WANG)
    (new,) = await badge_reports.to_print(site.db, person=WANG, limit=1)
    assert badge.parse(new.payload).key == 2
    assert await store.new_key(retire=True) == 3
    for card in (old, new):
        with pytest.raises(BadgeKeyUnknown):
            await store.check(card.payload)
    assert await store.issue(by="org", venue_id=PROVINCE) == Issued(issued=6, revoked=0)
    with pytest.raises(BadgeForged):
        await store.check(badge.payload(3, old.card, NodeKey.make(bytes(32))))


async def test_there_is_a_last_key(site: Site) -> None:
    store = at_root(site)
    last = badge_key.insert().values(id=badge.KEY_MOST, public=NodeKey.make(bytes(32)).public)
    await site.db.write(lambda connection: connection.execute(last))
    with pytest.raises(BadgeKeysUsedUp):
        await store.new_key(retire=True)


async def test_a_node_below_has_its_own_people_all_keys_and_every_revocation(site: Site, tmp_path: Path) -> None:
    root = at_root(site)
    await root.issue(by="org", venue_id=PROVINCE)
    zhang, wang = [(await badge_reports.to_print(site.db, person=one, limit=1))[0] for one in (ZHANG, WANG)]
    child, store = await copied(root, site, VILLAGE, tmp_path)
    shown = await store.check(zhang.payload)
    assert shown.person is not None
    assert shown.person.number == "A1"
    assert (await store.check(wang.payload)).person is None  # a good card, whose is not known here
    stamp = await store.version(VILLAGE)
    await store.replace(await root.export(VILLAGE))
    assert await store.version(VILLAGE) == stamp
    await root.revoke(wang.card, reason="lost", by="org")
    await root.new_key(retire=False)
    await store.replace(await root.export(VILLAGE))
    assert await store.version(VILLAGE) != stamp
    with pytest.raises(BadgeRevoked):
        await store.check(wang.payload)
    for refused in (store.issue(by="org", person=ZHANG), store.revoke(1, reason="x", by="org")):
        with pytest.raises(BadgesElsewhere):
            await refused
    with pytest.raises(BadgesElsewhere):
        await badge_reports.to_print(child.db, venue_id=VILLAGE, limit=1)
    with pytest.raises(ValueError, match="badges"):
        await store.replace([])
    await child.db.close()


async def test_a_county_hands_on_to_its_villages_what_it_got(site: Site, tmp_path: Path) -> None:
    root = at_root(site)
    await root.issue(by="org", venue_id=PROVINCE)
    city, store = await copied(root, site, CITY, tmp_path)
    assert await store.export(VILLAGE) == await root.export(VILLAGE)
    assert await store.version(COUNTY_UNDER_PROVINCE) != await store.version(VILLAGE)
    await city.db.close()


async def test_who_moves_takes_the_card_along(site: Site) -> None:
    root = at_root(site)
    await root.issue(by="org", venue_id=PROVINCE)
    stamp = await root.version(VILLAGE)
    await site.people.import_csv("编号,姓名,所属场所\nB1,王五,V1\n".encode())
    assert await root.version(VILLAGE) != stamp
    content = await root.export(VILLAGE)
    assert isinstance(content, dict)
    assert WANG in [person for _, person, _ in content["cards"]]
