"""What is left of a lecture when its time is over: figures, and no people."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from attendance import Closings, Kind, Method, Outcome, Reports, Which
from attendance.blank import ERASED, SOMEBODY
from attendance.erasure import Reason
from attendance.event import content_hash, to_wire
from attendance.expectation import Expected
from attendance.expectation_store import Expectations
from attendance.names_reports import NamesForgotten
from attendance.people import person_id
from attendance.privacy_store import Privacy
from attendance.retention import Keep
from attendance.retention_store import Retention
from attendance.tables import event as event_table
from attendance.tables import expectation as expectation_table
from attendance.tables import forgotten as forgotten_table
from attendance.tables import person_home as person_home_table
from attendance.tables import presence as presence_table
from attendance.tables import quarantine as quarantine_table
from tests.attendance.test_privacy_store import rows, said
from tests.attendance.test_reports import States
from tests.attendance.world import VILLAGE, VILLAGE_2, Site, an_event, below
from venues.tables import meta

KEEP = Keep(people_days=30, device_days=7)


async def forget(site: Site, keep: Keep = KEEP) -> int:
    return await Retention(site.db, site.entropy).forget(keep, site.clock())


async def figures(site: Site) -> list[tuple[object, ...]]:
    """All that reports count."""
    names = ("lecture_id", "venue_id", "home_id", "first_at", "status", "late", "seconds", "l1", "l4", "methods")
    return sorted(tuple(str(row[name]) for name in names) for row in await rows(site, presence_table))


async def attended(site: Site) -> None:
    log = site.log()
    for number in ("A1", "A2"):
        await log.capture(lecture=site.lecture, number=number, operator="wang", device=f"phone-{number}")
    await log.capture(lecture=site.lecture, number="A3", kind=Kind.LEAVE, reason="去医院", operator="wang")
    await log.capture(lecture=site.lecture, name="赵敏", method=Method.WALK_IN, operator="wang")
    await log.capture(lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": 3}, operator="wang")
    await log.close(lecture=site.lecture, operator="wang")


async def test_first_the_devices_then_the_people_and_never_the_figures(site: Site) -> None:
    await attended(site)
    before, whole, names = await figures(site), await rows(site, event_table), await said(site)
    assert await forget(site) == 0
    site.clock.move(days=8)
    assert await forget(site) == 1
    assert await forget(site) == 0
    assert "phone-" not in await said(site)
    assert "张三" in names
    assert "张三" in await said(site)
    site.clock.move(days=23)
    assert await forget(site) == 1
    assert await forget(site) == 0
    left = str([await rows(site, table) for table in (event_table, presence_table)])
    for gone in ("张三", "A1", "赵敏", "去医院", "wang", person_id("A1")):
        assert gone in names
        assert gone not in left
    assert await figures(site) == before
    after = await rows(site, event_table)
    assert [row["content_hash"] for row in after] == [row["content_hash"] for row in whole]
    found = (await Closings(site.db).of(site.lecture))[VILLAGE]
    assert [one.complete for one in found] == [True]
    # Made anew from the events, they are the same.
    await site.log().rebuild(site.lecture)
    assert await figures(site) == before


async def test_nobody_is_called_absent_when_the_names_are_forgotten(site: Site) -> None:
    await attended(site)
    reports = Reports(site.db, States(), site.clock)
    site.clock.move(days=31)
    before = (await reports.report(site.lecture, VILLAGE)).rows[0].home
    await forget(site)
    assert (await reports.report(site.lecture, VILLAGE)).rows[0].home == before
    assert (before.expected, before.came, before.leave, before.absent) == (3, 2, 1, 0)
    for which in (Which.EXPECTED, Which.ABSENT, Which.ABSENT_SO_FAR, Which.NOT_REPORTED):
        with pytest.raises(NamesForgotten):
            await reports.names(site.lecture, VILLAGE, which)
        with pytest.raises(NamesForgotten):
            await reports.each_name(site.lecture, VILLAGE, which, lambda _, __: None)
    came = await reports.names(site.lecture, VILLAGE, Which.CAME)
    assert [one.name for one in came.names] == [SOMEBODY] * before.came


async def test_for_ever_is_for_ever(site: Site) -> None:
    await attended(site)
    site.clock.move(days=10_000)
    assert await forget(site, Keep(people_days=0, device_days=0)) == 0
    assert "phone-A1" in await said(site)


async def test_a_person_has_one_pseudonym_through_the_year_and_none_that_lasts(site: Site) -> None:
    log = site.log()
    later = await site.lectures.create("宪法", 1)
    for lecture in (site.lecture, later.id):
        await log.capture(lecture=lecture, number="A1")
        await log.capture(lecture=lecture, number="A2")
    site.clock.move(days=31)
    assert await forget(site) == 2
    assert len({row["person_id"] for row in await rows(site, presence_table)}) == 2
    kept = sa.select(sa.func.count()).select_from(meta).where(meta.c.key.like("attendance.forgotten.%"))
    assert await site.db.read(lambda connection: connection.scalar(kept)) == 1
    site.clock.move(days=366)
    await forget(site)
    assert await site.db.read(lambda connection: connection.scalar(kept)) == 0


async def test_what_still_comes_of_an_old_lecture_comes_without_people(site: Site, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    village, root = child.log(node="village"), site.log(1, "root")
    first = (await village.capture(lecture=site.lecture, number="A1", device="phone")).event
    await root.ingest([to_wire(first)], VILLAGE)
    await village.capture(lecture=site.lecture, number="A1", kind=Kind.SIGN_OUT)
    await village.capture(lecture=site.lecture, number="A2", operator="wang")
    await village.close(lecture=site.lecture)
    site.clock.move(days=31)
    await forget(site)
    results = await root.ingest([to_wire(event) for event in await village.outbox(10)], VILLAGE)
    assert [result.outcome for result in results] == [Outcome.DUPLICATE, *[Outcome.ACCEPTED] * 3]
    left = str(await rows(site, event_table))
    assert not any(text in left for text in ("张三", "李四", "wang", "phone"))
    subjects = [row["subject"] for row in await rows(site, event_table)]
    assert subjects[0] == subjects[1] != subjects[2]
    assert [one.complete for one in (await Closings(site.db).of(site.lecture))[VILLAGE]] == [True]
    # The child may have forgotten by itself before it was heard of: no trouble either.
    await forget(child)
    again = await root.ingest([to_wire(event) for event in await village.outbox(10)], VILLAGE)
    assert [result.outcome for result in again] == [Outcome.DUPLICATE] * 4
    # And when the year's key has gone, nobody is recognized.
    site.clock.move(days=366)
    await forget(site)
    late = an_event(1, lecture=site.lecture, person=person_id("A1"))
    await root.ingest([to_wire(late)], VILLAGE)
    row = next(row for row in await rows(site, event_table) if row["id"] == late.id)
    assert (row["person"], row["name"], row["content_hash"]) == (late.id, SOMEBODY, content_hash(late))
    await child.db.close()


async def test_quarantine_has_its_time_too(site: Site) -> None:
    await site.log(1, "root").ingest([to_wire(an_event(venue=VILLAGE_2)), {"name": "张三"}], VILLAGE)
    site.clock.move(days=31)
    await forget(site)
    ((one), (other)) = await rows(site, quarantine_table)
    assert ERASED in str(one["raw"])
    assert ERASED in str(other["raw"])
    assert "\\u5f20" not in str(one["raw"]) + str(other["raw"])


async def test_a_lecture_that_nobody_attended_here_is_marked_as_well(site: Site) -> None:
    site.clock.move(days=31)
    assert await forget(site) == 1
    ((row),) = await rows(site, forgotten_table)
    assert (row["lecture"], row["year"], row["people_at"]) == (site.lecture, 2026, site.clock())


async def test_the_root_says_for_how_long(site: Site, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    root = Privacy(site.db, site.clock, site.entropy, keep=KEEP)
    village = Privacy(child.db, child.clock, child.entropy, keep=Keep(people_days=0, device_days=3))
    first = await village.version(VILLAGE)
    await village.replace(await root.export(VILLAGE))
    assert await village.keep() == Keep(people_days=30, device_days=3)
    assert await village.version(VILLAGE) != first
    await child.db.close()


async def test_an_erasure_is_forgotten_when_nothing_that_it_means_can_come_any_more(site: Site, tmp_path: Path) -> None:
    child = await below(site, VILLAGE, tmp_path)
    root, village = (Privacy(each.db, each.clock, each.entropy) for each in (site, child))
    await root.request("A1", None, by="chen", reason=Reason.REQUEST)
    await village.replace(await root.export(VILLAGE))
    await root.drop(site.clock() + dt.timedelta(days=1))  # not carried out yet
    assert len(await root.list()) == 1
    await root.carry_out()
    await root.drop(site.clock())
    assert len(await root.list()) == 1
    await root.drop(site.clock() + dt.timedelta(seconds=1))
    await village.replace(await root.export(VILLAGE))
    assert await root.list() == await village.list() == []
    await child.db.close()


async def test_lists_and_former_homes_end_with_their_time(site: Site) -> None:
    await attended(site)
    listed = tuple(person_id(number) for number in ("A1", "B1"))
    await Expectations(site.db, site.entropy).set(site.lecture, Expected(people=listed))
    await site.people.leave(["A2"], site.clock())
    await site.people.import_csv("number,name,venue\nA1,张三,V2\n".encode())
    version = await site.people.version(VILLAGE)
    site.clock.move(days=31)
    assert await forget(site) == 1
    left = str([await rows(site, table) for table in (expectation_table, person_home_table)])
    assert not any(person in left for person in listed)
    refs = {str(row["ref"]) for row in await rows(site, expectation_table)}
    there = {str(row["person_id"]) for row in await rows(site, presence_table)}
    assert len(refs - {""}) == len(refs & there) == 1  # who came stays on the list, by the pseudonym
    assert await site.people.get(person_id("A2")) is None
    assert await site.people.get(person_id("A1")) is not None
    assert await site.people.version(VILLAGE) != version
