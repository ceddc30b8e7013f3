"""Two numbers of one person: merged at the root, heard of below, taken back, erased; figures as if there were one."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from attendance import EventLog, Kind, Method, Outcome, PeopleImportRefused, person_id
from attendance.badge_store import BadgeStore
from attendance.event import to_wire
from attendance.expectation import Expected
from attendance.expectation_store import Expectations
from attendance.flags_reports import FlagReports
from attendance.history_reports import history
from attendance.merges_store import (
    KeptIsOffTheList,
    Merges,
    NumberHasOthers,
    NumberIsSame,
    NumberNotMerged,
    NumberUnknown,
)
from attendance.number_list import NumberRow
from attendance.people_store import PeopleUnknown
from attendance.records_store import record_of
from attendance.retention import Keep
from attendance.retention_store import Retention
from attendance.roster_reports import NotOnRoster, RosterElsewhere, Rosters
from attendance.tables import badge_revoked, person_merge
from attendance.tables import event as event_table
from attendance.tables import presence as presence_table
from tests.attendance.test_homes_store import expected, reports, roll_call, summary_is_direct
from tests.attendance.test_privacy_store import carry_out, erase, privacy, rows
from tests.attendance.world import PROVINCE, ROSTER, VILLAGE, VILLAGE_2, VILLAGE_3, Site, an_event, below

KEPT, GIVEN_UP = "A1", "B1"  # 张三 of V1, 王五 of V2


def merges(site: Site, *, is_root: bool = True) -> Merges:
    badges = BadgeStore(site.db, site.clock, site.entropy, is_root=is_root)
    return Merges(site.db, site.clock, site.entropy, badges, is_root=is_root)


async def merge(site: Site, number: str = GIVEN_UP, kept: str = KEPT) -> None:
    await merges(site).merge(person_id(kept), number, by="chen")


async def separate(site: Site, number: str = GIVEN_UP) -> None:
    await merges(site).separate(person_id(KEPT), number)


async def pass_down(parent: Site, child: Site, venue: int) -> None:
    """In the order of a node's collections."""
    await child.people.replace(await parent.people.export(venue))
    await child.homes.replace(await parent.homes.export(venue))
    await merges(child, is_root=False).replace(await merges(parent).export(venue))


async def stands(site: Site) -> dict[object, tuple[object, object, object]]:
    return {row["person_id"]: (row["number"], row["name"], row["status"]) for row in await rows(site, presence_table)}


async def subjects(site: Site) -> list[object]:
    return [row["subject"] for row in await rows(site, event_table) if row["person"]]


async def state(site: Site) -> object:
    """Whatever may change by a merge and must be as before when it is taken back."""
    return [
        await expected(site, PROVINCE),
        [await expected(site, venue) for venue in (VILLAGE, VILLAGE_2)],
        [await roll_call(site, venue) for venue in (VILLAGE, VILLAGE_2, VILLAGE_3)],
        await stands(site),
        await subjects(site),
        sorted(map(str, await site.people.export(PROVINCE))),  # type: ignore[call-overload]
        await site.homes.export(PROVINCE),
        await Expectations(site.db, site.entropy).get(site.lecture),
    ]


async def test_what_was_and_will_be_written_under_either_number_is_one_person(site: Site) -> None:
    log = site.log(VILLAGE_2, is_root=True)
    event = (await log.capture(lecture=site.lecture, number=GIVEN_UP, operator="wang")).event
    assert (await expected(site, PROVINCE))[0] == 6
    found = await merges(site).candidate(person_id(KEPT), GIVEN_UP)
    assert (found.number, found.name, found.home, found.lectures, found.both) == ("B1", "王五", VILLAGE_2, 1, 0)
    await merge(site)
    assert (await expected(site, PROVINCE)) == (5, "A2 A3 C1 D1")
    assert await stands(site) == {person_id(KEPT): ("A1", "张三", "present")}
    assert (await rows(site, event_table))[0]["person"] == event.person  # what was written stays
    again = await log.capture(lecture=site.lecture, number=GIVEN_UP)
    assert (again.already, again.event) == (True, event)
    await log.capture(lecture=site.lecture, person=person_id(GIVEN_UP), kind=Kind.SIGN_OUT)
    later = await log.capture(lecture=site.lecture, number=" b1")
    assert (later.already, later.event.person, later.event.number) == (False, person_id(KEPT), "A1")
    assert set(await subjects(site)) == {person_id(KEPT)}
    told = await history(site.db, site.lecture, person_id(GIVEN_UP))
    assert (told.person, told.number, len(told.entries)) == (person_id(KEPT), "A1", 3)
    person = await site.people.get(person_id(GIVEN_UP))
    assert person is not None
    assert person.number == "A1"
    await summary_is_direct(site, site.lecture)


async def test_who_came_by_both_numbers_came_once(site: Site) -> None:
    await site.log(VILLAGE, "node-1").capture(lecture=site.lecture, number=KEPT)
    await site.log(VILLAGE_2, "node-2").capture(lecture=site.lecture, number=GIVEN_UP)
    check = {"lecture": site.lecture, "venue": VILLAGE, "kind": Kind.PRESENCE_CHECK}
    for number in (None, KEPT, GIVEN_UP):
        await site.log(VILLAGE, "node-1").capture(number=number, **check)  # type: ignore[arg-type]
    assert (await record_of(site.db, site.lecture, VILLAGE)).seen == 2
    assert (await merges(site).candidate(person_id(KEPT), GIVEN_UP)).both == 1
    before = await state(site)
    await merge(site)
    row = (await reports(site).report(site.lecture, PROVINCE)).rows[0]
    assert (row.home.expected, row.home.came) == (5, 1)
    assert (await record_of(site.db, site.lecture, VILLAGE)).seen == 1
    await separate(site)
    assert (await record_of(site.db, site.lecture, VILLAGE)).seen == 2
    assert await state(site) == before


async def test_taking_a_merge_back_puts_back_everything(site: Site) -> None:
    await site.people.import_csv(ROSTER.replace("B1,王五,V2", "B1,王五,V3").encode())  # has moved
    site.clock.move(hours=1)
    await Expectations(site.db, site.entropy).set(site.lecture, Expected(people=(person_id(GIVEN_UP), person_id("A2"))))
    await site.log(VILLAGE_2).capture(lecture=site.lecture, number=GIVEN_UP)
    before = await state(site)
    await merge(site)
    assert (await expected(site, PROVINCE))[0] == 2  # the list has the person by the other number
    await site.log(VILLAGE_2).capture(lecture=site.lecture, number=GIVEN_UP, kind=Kind.SIGN_OUT)
    (listed,) = await merges(site).of(person_id(KEPT))
    assert (listed.number, listed.merged_by) == ("B1", "chen")
    await separate(site)
    assert await merges(site).of(person_id(KEPT)) == []
    after = await state(site)
    # The sign-out was of the person who has been kept.
    assert await subjects(site) == [person_id(GIVEN_UP), person_id(KEPT)]
    query = sa.delete(event_table).where(event_table.c.kind == Kind.SIGN_OUT.value)
    await site.db.write(lambda connection: connection.execute(query) and None)
    assert [*after[:4], *(await state(site))[4:]] == before  # type: ignore[index]
    with pytest.raises(NumberNotMerged):
        await separate(site)


async def test_a_number_of_nobody_on_the_roster_that_was_mistyped(site: Site) -> None:
    walk_in = {"lecture": site.lecture, "method": Method.WALK_IN, "number": "A11", "name": "张三"}
    await site.log().capture(**walk_in)  # type: ignore[arg-type]
    found = await merges(site).candidate(person_id(KEPT), "A11")
    assert (found.number, found.name, found.home, found.lectures) == ("A11", "张三", None, 1)
    await merge(site, "A11")
    row = (await reports(site).report(site.lecture, VILLAGE)).rows[0]
    assert (row.home.expected, row.home.came, row.guests) == (3, 1, 0)
    await separate(site, "A11")
    row = (await reports(site).report(site.lecture, VILLAGE)).rows[0]
    assert (row.home.expected, row.home.came, row.guests) == (3, 0, 1)


async def test_what_cannot_be_merged(site: Site) -> None:
    one = person_id(KEPT)
    with pytest.raises(NumberUnknown):
        await merge(site, "nobody")
    with pytest.raises(NumberIsSame):
        await merge(site, KEPT)
    with pytest.raises(NotOnRoster):
        await merge(site, KEPT, kept="nobody")
    with pytest.raises(RosterElsewhere):
        await merges(site, is_root=False).merge(one, GIVEN_UP, by="chen")
    with pytest.raises(RosterElsewhere):
        await merges(site, is_root=False).separate(one, GIVEN_UP)
    await merge(site)
    with pytest.raises(NumberIsSame):
        await merge(site)
    with pytest.raises(NumberHasOthers, match="A1"):
        await merge(site, KEPT, kept="A2")
    with pytest.raises(NumberUnknown):
        await merge(site, GIVEN_UP, kept="A2")
    with pytest.raises(NotOnRoster):
        await merge(site, "A2", kept=GIVEN_UP)


async def test_lists_know_the_number_that_was_given_up(site: Site) -> None:
    await merge(site)
    with pytest.raises(PeopleImportRefused) as refused:
        await site.people.import_csv(ROSTER.encode())
    (problem,) = refused.value.problems
    assert (problem.line, problem.code, problem.fields) == (5, "number_merged", {"value": "B1", "kept": "A1"})
    with pytest.raises(PeopleUnknown):
        await site.people.leave([GIVEN_UP], site.clock())
    top = await site.venues.get(PROVINCE)
    found = await Rosters(site.db).take(
        [NumberRow(line=line, number=each) for line, each in enumerate(("B1", "A1", "A2"), 1)], [], top
    )
    assert found == (person_id("A1"), person_id("A2"))


async def test_cards_of_the_number_count_no_more_and_what_they_showed_stays(site: Site, tmp_path: Path) -> None:
    cards = BadgeStore(site.db, site.clock, site.entropy, is_root=True)
    await cards.issue(by="org", person=person_id(GIVEN_UP))
    (card,) = [int(text) for text, _, _ in (await cards.export(VILLAGE_2))["cards"]]  # type: ignore[index]
    child = await below(site, VILLAGE_2, tmp_path)
    theirs = BadgeStore(child.db, child.clock, child.entropy, is_root=False)
    shown = {"lecture": site.lecture, "method": Method.BADGE, "name": "?", "data": {"card": f"{card:019d}"}}
    for each in (site.log(VILLAGE, is_root=True), child.log(VILLAGE_2, "node-2")):
        await each.capture(**shown)  # type: ignore[arg-type]
    await theirs.replace(await cards.export(VILLAGE_2))
    assert [key for key in await stands(child)] == [person_id(GIVEN_UP)]
    await merge(site)
    assert [row["card"] for row in await rows(site, badge_revoked)] == [card]
    assert (await stands(site)).keys() == {person_id(KEPT)}
    await pass_down(site, child, VILLAGE_2)
    await theirs.replace(await cards.export(VILLAGE_2))
    assert person_id(GIVEN_UP) not in await stands(child)
    await separate(site)
    assert (await stands(site)).keys() == {person_id(GIVEN_UP)}
    await pass_down(site, child, VILLAGE_2)
    await theirs.replace(await cards.export(VILLAGE_2))
    assert (await stands(child)).keys() == {person_id(GIVEN_UP)}


@pytest.mark.parametrize("late", [False, True])
async def test_a_node_below_hears_of_it_before_or_after_the_events(site: Site, tmp_path: Path, *, late: bool) -> None:
    child = await below(site, PROVINCE, tmp_path)
    log, root = child.log(VILLAGE_2, "node-2"), site.log(PROVINCE, "root", is_root=True)

    async def hand_up(log: EventLog) -> list[Outcome]:
        results = await root.ingest([to_wire(event) for event in await log.outbox(500)], VILLAGE_2)
        await log.mark(results)
        return [result.outcome for result in results]

    await log.capture(lecture=site.lecture, number=GIVEN_UP)
    if late:
        await merge(site)
    assert await hand_up(log) == [Outcome.ACCEPTED]
    if not late:
        await merge(site)
    assert await stands(site) == {person_id(KEPT): ("A1", "张三", "present")}
    version = await merges(child, is_root=False).version(VILLAGE)
    await pass_down(site, child, PROVINCE)
    assert await merges(child, is_root=False).version(VILLAGE) != version
    assert await stands(child) == await stands(site)
    for venue in (PROVINCE, VILLAGE, VILLAGE_2):
        assert await expected(child, venue) == await expected(site, venue)
    told = await rows(child, person_merge)
    assert [(row["merged_by"], row["number"], row["before"]) for row in told] == [(None, None, '{"lists": []}')]
    await separate(site)
    await pass_down(site, child, PROVINCE)
    assert await stands(child) == await stands(site) == {person_id(GIVEN_UP): ("B1", "王五", "present")}
    assert await subjects(child) == [person_id(GIVEN_UP)]
    assert await expected(child, VILLAGE_2) == await expected(site, VILLAGE_2)


@pytest.mark.parametrize("number", [KEPT, GIVEN_UP])
async def test_erasing_either_number_erases_both_and_the_merge(site: Site, number: str, tmp_path: Path) -> None:
    child = await below(site, PROVINCE, tmp_path)
    unsent = child.log(VILLAGE_2, "node-2")
    await unsent.capture(lecture=site.lecture, number=GIVEN_UP)
    await site.log(VILLAGE).capture(lecture=site.lecture, number=KEPT)
    await merge(site)
    await pass_down(site, child, PROVINCE)
    pseudonym = await erase(site, number)
    sent = await site.log(PROVINCE, "root", is_root=True).ingest(
        [to_wire(event) for event in await unsent.outbox(9)], VILLAGE_2
    )
    assert [one.outcome for one in sent] == [Outcome.ACCEPTED]
    await privacy(child).replace(await privacy(site).export(PROVINCE))
    await carry_out(child)
    await pass_down(site, child, PROVINCE)
    for each in (site, child):
        assert set(await subjects(each)) == {pseudonym}
        assert await rows(each, person_merge) == []
        kept = str([await rows(each, table) for table in (event_table, presence_table)])
        assert not any(word in kept for word in ("张三", "王五", "'A1'", "'B1'"))


async def test_a_merge_is_forgotten_with_the_person_who_left(site: Site) -> None:
    await merge(site)
    version = await merges(site).version(VILLAGE)
    await site.people.leave([KEPT], site.clock())
    retention = Retention(site.db, site.entropy)
    site.clock.move(days=20)
    await retention.forget(Keep(people_days=30, device_days=0), site.clock())
    assert len(await rows(site, person_merge)) == 1
    site.clock.move(days=20)
    await retention.forget(Keep(people_days=30, device_days=0), site.clock())
    assert await rows(site, person_merge) == []
    assert await merges(site).version(VILLAGE) != version


async def test_a_node_that_hears_of_the_erasure_before_the_merge_forgets_both(site: Site, tmp_path: Path) -> None:
    child = await below(site, PROVINCE, tmp_path)
    await child.log(VILLAGE, "node-1").capture(lecture=site.lecture, number=KEPT)
    await child.log(VILLAGE_2, "node-2").capture(lecture=site.lecture, number=GIVEN_UP)
    await merge(site)
    pseudonym = await erase(site, KEPT)
    await privacy(child).replace(await privacy(site).export(PROVINCE))
    await carry_out(child)
    assert set(await subjects(child)) == (await stands(child)).keys() == {pseudonym}


async def test_a_list_that_was_made_at_a_node_below_keeps_the_person(site: Site, tmp_path: Path) -> None:
    child = await below(site, PROVINCE, tmp_path)
    lecture = (await child.lectures.create("村里的课", PROVINCE)).id
    await child.lectures.start(lecture)
    lists = Expectations(child.db, child.entropy)
    await lists.set(lecture, Expected(people=(person_id(GIVEN_UP), person_id("A2"))))
    wanted = await lists.get(lecture)
    await child.log(VILLAGE_2, "node-2").capture(lecture=lecture, number=GIVEN_UP)
    assert await expected(child, PROVINCE, lecture) == (2, "A2")
    await merge(site)
    await pass_down(site, child, PROVINCE)
    assert await expected(child, PROVINCE, lecture) == (2, "A2")
    await separate(site)
    await pass_down(site, child, PROVINCE)
    assert await expected(child, PROVINCE, lecture) == (2, "A2")
    assert await lists.get(lecture) == wanted


async def test_a_list_that_was_edited_meanwhile_has_the_number_again(site: Site) -> None:
    lists = Expectations(site.db, site.entropy)
    await lists.set(site.lecture, Expected(people=(person_id(GIVEN_UP),)))
    await merge(site)
    await lists.set(site.lecture, Expected(people=(person_id(KEPT), person_id("A2"))))
    await separate(site)
    assert await expected(site, PROVINCE) == (2, "A2 B1")


async def test_who_seems_to_have_been_at_two_venues_at_once_is_flagged(site: Site) -> None:
    for venue, number, name in ((VILLAGE, KEPT, "张三"), (VILLAGE_2, GIVEN_UP, "王五")):
        by_phone = {"method": Method.CODE, "device": f"phone:{venue}", "name": name}
        await site.log(venue, f"node-{venue}").capture(lecture=site.lecture, number=number, **by_phone)  # type: ignore[arg-type]
    assert (await FlagReports(site.db, site.clock).find(site.lecture, PROVINCE)).flags == ()
    await merge(site)
    (flag,) = (await FlagReports(site.db, site.clock).find(site.lecture, PROVINCE)).flags
    assert flag.sign.value == "two_venues"


async def test_a_new_number_is_on_the_roster_as_long_as_the_old_one(site: Site) -> None:
    await site.log(VILLAGE_2).capture(lecture=site.lecture, number=GIVEN_UP)
    site.clock.move(days=60)
    await site.people.import_csv(f"{ROSTER}B9,王五,V2\n".encode())

    async def figures() -> tuple[int, int, int]:
        row = (await reports(site).report(site.lecture, PROVINCE)).rows[0]
        return row.home.expected, row.home.came, row.guests

    before = await state(site)
    assert await figures() == (6, 1, 0)
    await merge(site, GIVEN_UP, kept="B9")
    assert await figures() == (6, 1, 0)
    await summary_is_direct(site, site.lecture)
    await merges(site).separate(person_id("B9"), GIVEN_UP)
    assert await figures() == (6, 1, 0)
    assert await state(site) == before


async def test_who_is_off_the_list_does_not_take_over_somebody_on_it(site: Site) -> None:
    await site.people.leave([KEPT], site.clock())
    with pytest.raises(KeptIsOffTheList, match="B1"):
        await merge(site)
    await site.people.leave([GIVEN_UP], site.clock())
    await merge(site)


async def test_what_is_left_when_a_merge_is_forgotten_is_of_the_number_itself(site: Site) -> None:
    await site.people.leave([KEPT, GIVEN_UP], site.clock())
    await merge(site)
    site.clock.move(days=40)
    lecture = (await site.lectures.create("后来", PROVINCE)).id
    await site.lectures.start(lecture)
    child: dict[str, object] = {"lecture": lecture, "venue": VILLAGE_2, "person": person_id(GIVEN_UP), "number": "B1"}
    root = site.log(PROVINCE, "root", is_root=True)

    async def comes(n: int) -> Outcome:
        (result,) = await root.ingest([to_wire(an_event(n, name="王五", **child))], VILLAGE_2)
        return result.outcome

    async def here() -> list[object]:
        return [row["person_id"] for row in await rows(site, presence_table) if row["lecture_id"] == lecture]

    assert await comes(1) is Outcome.ACCEPTED
    assert await here() == [person_id(KEPT)]
    await Retention(site.db, site.entropy).forget(Keep(people_days=30, device_days=0), site.clock())
    assert await rows(site, person_merge) == []
    await root.rebuild(lecture)
    assert await comes(2) is Outcome.ACCEPTED
    assert await here() == [person_id(GIVEN_UP)]
