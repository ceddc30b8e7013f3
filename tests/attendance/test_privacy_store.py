"""Erasing a person: what is here, what comes later, what has not been handed up yet, what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from attendance import Closings, EventLog, Kind, Method, Outcome, Reports, Which, badge, badge_reports
from attendance.badge_store import BadgeStore
from attendance.blank import AFTER, ERASED, SOMEBODY
from attendance.erasure import Forgotten, NobodyToErase, Reason
from attendance.event import content_hash, to_wire
from attendance.expectation import Expected
from attendance.expectation_store import Expectations
from attendance.people import person_id
from attendance.privacy_store import PERSONAL, Privacy
from attendance.tables import badge as badge_table
from attendance.tables import badge_revoked as revoked_table
from attendance.tables import badge_seen as seen_table
from attendance.tables import event as event_table
from attendance.tables import expectation as expectation_table
from attendance.tables import person as person_table
from attendance.tables import person_home as home_table
from attendance.tables import presence as presence_table
from attendance.tables import quarantine as quarantine_table
from tests.attendance.test_homes_store import summary_is_direct
from tests.attendance.test_reports import States
from tests.attendance.world import VILLAGE, VILLAGE_2, Site, an_event, below
from venues.database import metadata

NUMBER, NAME, PERSON = "A1", "张三", person_id("A1")


def privacy(site: Site, *hooks) -> Privacy:  # type: ignore[no-untyped-def]
    return Privacy(site.db, site.clock, site.entropy, hooks)


async def erase(site: Site, number: str = NUMBER) -> str:
    """Returns the pseudonym."""
    at = privacy(site)
    done = await at.request(number, None, by="chen", reason=Reason.REQUEST)
    await carry_out(site)
    return done.erasure.pseudonym


async def carry_out(site: Site) -> None:
    at = privacy(site)
    while await at.carry_out():
        pass


async def pass_down(parent: Site, child: Site) -> None:
    await privacy(child).replace(await privacy(parent).export(VILLAGE))
    await carry_out(child)


async def hand_up(child: EventLog, parent: EventLog) -> list[Outcome]:
    events = await child.outbox(500)
    results = await parent.ingest([to_wire(event) for event in events], VILLAGE)
    await child.mark(results)
    return [result.outcome for result in results]


async def rows(site: Site, table: sa.Table) -> list[dict[str, object]]:
    query = sa.select(table).order_by(*table.primary_key.columns)
    found = await site.db.read(lambda connection: connection.execute(query).mappings().all())
    return [dict(row) for row in found]


async def said(site: Site) -> str:
    """Everything that the tables hold, as text."""
    tables = (event_table, presence_table, person_table, quarantine_table)
    return json.dumps([await rows(site, table) for table in tables], default=str, ensure_ascii=False)


async def complete(site: Site) -> list[bool]:
    found = await Closings(site.db).of(site.lecture)
    return [one.complete for closings in found.values() for one in closings]


async def test_events_presences_and_roster_forget_and_everything_else_stays(site: Site) -> None:
    log = site.log()
    event = (await log.capture(lecture=site.lecture, number=NUMBER, operator="wang", device="phone-1")).event
    other = (await log.capture(lecture=site.lecture, number="A2", operator="wang")).event
    leave = {"kind": Kind.LEAVE, "number": NUMBER, "reason": "张三 is ill"}
    await log.capture(lecture=site.lecture, **leave)  # type: ignore[arg-type]
    before = await rows(site, event_table)
    pseudonym = await erase(site)
    after = await rows(site, event_table)
    assert NAME not in await said(site)
    assert "phone-1" not in await said(site)
    first, untouched = after[0], after[1]
    assert untouched == before[1]
    assert (untouched["name"], untouched["id"]) == ("李四", other.id)
    assert (first["person"], first["subject"], first["number"], first["name"]) == (
        pseudonym, pseudonym, None, SOMEBODY,
    )  # fmt: skip
    assert (first["device"], first["operator"]) == (None, None)
    kept = ("id", "node", "epoch", "seq", "lecture", "venue", "kind", "method", "captured_at", "content_hash")
    assert [first[name] for name in kept] == [before[0][name] for name in kept]
    assert first["content_hash"] == content_hash(event)
    presences = {row["person_id"]: row for row in await rows(site, presence_table)}
    assert presences.keys() == {pseudonym, other.person}
    assert (presences[pseudonym]["number"], presences[pseudonym]["name"]) == (None, SOMEBODY)
    assert PERSON not in {row["id"] for row in await rows(site, person_table)}


async def test_the_figures_stay_and_their_names_agree_with_them(site: Site) -> None:
    log, reports = site.log(), Reports(site.db, States(), site.clock)
    await log.capture(lecture=site.lecture, number="A1")
    absent = {"kind": Kind.CORRECTION, "reason": "查证", "data": {"state": "absent"}}
    await log.capture(lecture=site.lecture, number="A2", **absent)  # type: ignore[arg-type]
    await log.close(lecture=site.lecture)

    async def found() -> tuple[int, int, int, list[str]]:
        home = (await reports.report(site.lecture, VILLAGE)).rows[0].home
        lists = [
            await reports.names(site.lecture, VILLAGE, which) for which in (Which.EXPECTED, Which.CAME, Which.ABSENT)
        ]
        assert [one.total for one in lists] == [home.expected, home.came, home.absent]
        assert home.expected == home.came + home.absent
        return home.expected, home.came, home.absent, sorted(one.name for one in lists[2].names)

    assert await found() == (3, 1, 2, ["李四", "阿依·古丽"])
    await erase(site, "A1")  # who came
    assert await found() == (3, 1, 2, ["李四", "阿依·古丽"])
    await erase(site, "A2")  # of whom somebody said that they were absent
    assert await found() == (3, 1, 2, [SOMEBODY, "阿依·古丽"])
    await erase(site, "A3")  # of whom nothing is known, and nothing stays
    assert await found() == (2, 1, 1, [SOMEBODY])
    await summary_is_direct(site, site.lecture)


async def test_nobody_is_erased_by_mistake(site: Site) -> None:
    with pytest.raises(NobodyToErase):
        await privacy(site).request("A9", None, by="chen", reason=Reason.MISTAKE)
    assert await privacy(site).list() == []


async def test_who_asked_and_why_stays_where_it_was_asked(site: Site, tmp_path: Path) -> None:
    await privacy(site).request(" a１ ", None, by="chen", reason=Reason.LEFT)
    ((one),) = await privacy(site).list()
    assert (one.person, one.requested_by, one.reason, one.applied_at) == (PERSON, "chen", "left", None)
    child = await below(site, VILLAGE, tmp_path)
    before = await privacy(child).version(VILLAGE)
    await privacy(child).replace(await privacy(site).export(VILLAGE))
    ((told),) = await privacy(child).list()
    assert (told.id, told.pseudonym) == (one.id, one.pseudonym)
    assert (told.requested_by, told.reason) == (None, None)
    assert await privacy(child).version(VILLAGE) != before
    await child.db.close()


async def test_an_event_that_comes_later_is_kept_without_the_person(site: Site, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    village, root = child.log(node="village"), site.log(1, "root")
    captured = (await village.capture(lecture=site.lecture, number=NUMBER)).event
    await village.close(lecture=site.lecture)
    pseudonym = await erase(site)
    assert await hand_up(village, root) == [Outcome.ACCEPTED] * 2
    assert NAME not in await said(site)
    row = (await rows(site, event_table))[0]
    assert (row["person"], row["content_hash"]) == (pseudonym, content_hash(captured))
    assert await complete(site) == [True]
    assert [result.outcome for result in await root.ingest([to_wire(captured)], VILLAGE)] == [Outcome.DUPLICATE]
    # The village learns of it: what it takes back from above, and what it has itself, agree.
    await pass_down(site, child)
    assert NAME not in await said(child)
    back = [to_wire(event) for _, event in await root.journey.received(VILLAGE, 0, 10)]
    assert await village.journey.restore(back) == 0
    assert [result.outcome for result in await root.ingest(back, VILLAGE)] == [Outcome.DUPLICATE] * 2
    await child.db.close()


async def test_what_was_blanked_before_it_went_up_is_whole_above(site: Site, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    village, root = child.log(node="village"), site.log(1, "root")
    captured = (await village.capture(lecture=site.lecture, number=NUMBER)).event
    await village.close(lecture=site.lecture)
    await privacy(site).request(NUMBER, None, by="chen", reason=Reason.REQUEST)
    await pass_down(site, child)
    assert NAME not in await said(child)
    assert await hand_up(village, root) == [Outcome.ACCEPTED] * 2
    row = (await rows(site, event_table))[0]
    assert (row["name"], row["content_hash"]) == (SOMEBODY, content_hash(captured))
    assert await complete(site) == [True]
    assert [result.outcome for result in await root.ingest([to_wire(captured)], VILLAGE)] == [Outcome.DUPLICATE]
    await child.db.close()


async def test_a_disk_that_was_set_back_gets_blanked_events_back(site: Site, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    village, root = child.log(node="village"), site.log(1, "root")
    captured = (await village.capture(lecture=site.lecture, number=NUMBER)).event
    await hand_up(village, root)
    await erase(site)
    (tmp_path / "new").mkdir()
    empty = await below(site, VILLAGE, tmp_path / "new")
    back = [to_wire(event) for _, event in await root.journey.received(VILLAGE, 0, 10)]
    assert await empty.log(node="village").journey.restore(back) == 1
    row = (await rows(empty, event_table))[0]
    assert (row["name"], row["content_hash"]) == (SOMEBODY, content_hash(captured))
    assert [row["name"] for row in await rows(empty, presence_table)] == [SOMEBODY]
    await child.db.close()
    await empty.db.close()


async def test_who_comes_anew_is_written_down_anew_until_erased_again(site: Site, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    village, root = child.log(node="village"), site.log(1, "root")
    await village.capture(lecture=site.lecture, number=NUMBER)
    pseudonym = await erase(site)
    await pass_down(site, child)
    walk_in = {"number": NUMBER, "name": NAME, "method": Method.WALK_IN}
    anew = (await village.capture(lecture=site.lecture, **walk_in)).event  # type: ignore[arg-type]
    assert anew.data is not None
    assert anew.data.keys() == {AFTER}
    await hand_up(village, root)
    for place in (child, site):
        assert {row["name"] for row in await rows(place, event_table)} == {NAME, SOMEBODY}
        assert {row["person_id"] for row in await rows(place, presence_table)} == {pseudonym, PERSON}
    assert await erase(site) == pseudonym
    await pass_down(site, child)
    for place in (child, site):
        assert NAME not in await said(place)
        assert [row["person_id"] for row in await rows(place, presence_table)] == [pseudonym]
    await child.db.close()


async def test_an_undo_from_below_still_meets_its_check_in(site: Site, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    village, root = child.log(node="village"), site.log(1, "root")
    captured = (await village.capture(lecture=site.lecture, number=NUMBER)).event
    await hand_up(village, root)
    await erase(site)
    await village.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=captured.id)
    assert await hand_up(village, root) == [Outcome.ACCEPTED]
    assert await rows(site, presence_table) == []
    await pass_down(site, child)
    assert await rows(child, presence_table) == []
    assert NAME not in await said(child)
    await child.db.close()


async def test_a_guest_without_a_number_is_erased_by_the_check_in(site: Site) -> None:
    log = site.log()
    guest = (await log.capture(lecture=site.lecture, name="赵敏", method=Method.WALK_IN)).event
    await log.capture(lecture=site.lecture, name="钱敏", method=Method.WALK_IN)
    await privacy(site).request(None, guest.id, by="chen", reason=Reason.MISTAKE)
    await carry_out(site)
    assert "赵敏" not in await said(site)
    assert [row["name"] for row in await rows(site, presence_table)] == [SOMEBODY, "钱敏"]
    undone = await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=guest.id)
    assert undone.event.subject == guest.id
    assert [row["name"] for row in await rows(site, presence_table)] == ["钱敏"]


async def test_a_badge_says_nothing_any_more(site: Site, tmp_path: Path) -> None:
    """Shown in a village that does not know whose it is: once before the erasure goes up, once after."""
    cards = BadgeStore(site.db, site.clock, site.entropy, is_root=True)
    await cards.issue(by="org", venue_id=1)
    ((printed),) = await badge_reports.to_print(site.db, person=person_id("C1"), limit=1)
    subject = f"card:{badge.card_text(printed.card)}"
    child = await below(site, VILLAGE, tmp_path)
    village, root = child.log(node="village"), site.log(1, "root")
    show = {"method": Method.KIOSK, "name": badge.bearer(printed.card), "data": {"card": badge.card_text(printed.card)}}
    first = (await village.capture(lecture=site.lecture, **show)).event  # type: ignore[arg-type]
    await hand_up(village, root)
    await village.capture(lecture=site.lecture, kind=Kind.SIGN_OUT, about=first.id)
    assert (await rows(site, presence_table))[0]["name"] == "赵六"
    pseudonym = await erase(site, "C1")
    await hand_up(village, root)
    await pass_down(site, child)
    for place in (site, child):
        assert {row["subject"] for row in await rows(place, event_table)} == {pseudonym}
        assert [row["person_id"] for row in await rows(place, presence_table)] == [pseudonym]
        everything = await said(place) + str(await rows(place, badge_table)) + str(await rows(place, seen_table))
        assert not any(text in everything for text in ("赵六", person_id("C1"), subject.removeprefix("card:")))
        assert printed.card in [row["card"] for row in await rows(place, revoked_table)]
    assert len(await privacy(site).list()) == 1
    await child.db.close()


async def test_why_a_badge_was_revoked_is_forgotten_too(site: Site) -> None:
    cards = BadgeStore(site.db, site.clock, site.entropy, is_root=True)
    for number in (NUMBER, "A2"):
        await cards.issue(by="org", person=person_id(number))
    for row in await rows(site, badge_table):
        await cards.revoke(int(str(row["card"])), reason="张三 lost it", by="org")
    await erase(site)
    left = {row["card"]: row["reason"] for row in await rows(site, revoked_table)}
    (other,) = await rows(site, badge_table)
    assert other["person_id"] == person_id("A2")
    assert len(left) == 2
    assert {card for card, reason in left.items() if reason} == {other["card"]}


def test_every_table_that_names_people_or_their_cards_is_written_anew() -> None:
    telling = {"person", "person_id", "card"}
    found = {table.name for table in metadata.tables.values() if telling & set(table.columns.keys())}
    assert found <= set(PERSONAL)
    text = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert text.count(f"VACUUM FULL {', '.join(PERSONAL)}") == 2


async def test_what_lies_in_quarantine_forgets_too_and_can_still_be_released(site: Site) -> None:
    root = site.log(1, "root")
    outside = an_event(venue=VILLAGE_2, person=PERSON, number=NUMBER, name=NAME, lecture=site.lecture)
    broken = to_wire(an_event(2, person=PERSON, number=NUMBER, name=NAME)) | {"shoe": 42}
    nameless = to_wire(an_event(3, person=None, number=None, name=NAME)) | {"shoe": 42}
    codes = {result.code for result in await root.ingest([to_wire(outside), broken, nameless], VILLAGE)}
    assert codes == {"venue_outside", "event_field_unknown"}
    pseudonym = await erase(site)
    kept = [json.loads(str(row["raw"])) for row in await rows(site, quarantine_table)]
    one = next(raw for raw in kept if raw.get("id") == outside.id)
    assert (one["person"], one["number"], one["data"][ERASED]) == (pseudonym, None, content_hash(outside))
    assert [raw["name"] for raw in kept if raw.get("shoe")] == [NAME]  # who that is nobody can tell
    # And it does not come in again by the same way.
    await root.ingest([broken | {"shoe": 43}], VILLAGE)
    assert NUMBER not in str([row["raw"] for row in await rows(site, quarantine_table)])


async def test_other_stores_forget_in_the_same_transaction(site: Site) -> None:
    told: list[Forgotten] = []
    await site.log().capture(lecture=site.lecture, number=NUMBER)
    at = privacy(site, lambda connection, one: told.append(one))
    await at.request(NUMBER, None, by="chen", reason=Reason.REQUEST)
    assert await at.must_purge() == ""
    assert await at.carry_out() == 1
    assert await at.carry_out() == 0
    ((one),) = told
    assert (one.person, one.numbers, one.names) == (PERSON, {NUMBER}, {NAME})
    since = await at.must_purge()
    assert since
    await at.purged("earlier")
    assert await at.must_purge() == since
    await at.purged(since)
    assert await at.must_purge() == ""


async def test_former_homes_and_lists_forget_too(site: Site, tmp_path: Path) -> None:
    store = Expectations(site.db, site.entropy)
    site.clock.move(hours=1)
    await site.people.import_csv("number,name,venue\nA1,张三,V2\n".encode())
    await store.set(site.lecture, Expected(people=(PERSON,)))
    child = await below(site, VILLAGE, tmp_path)
    for one in (site, child):
        assert PERSON in str(await rows(one, home_table)) + str(await rows(one, person_table))
        assert PERSON in str(await rows(one, expectation_table))
    await erase(site)
    await pass_down(site, child)
    for one in (site, child):
        for table in (home_table, person_table, expectation_table):
            assert PERSON not in str(await rows(one, table))
        assert (await Expectations(one.db, one.entropy).get(site.lecture)) == Expected(others=True)
    await child.db.close()
