"""Who is expected at a lecture, and where people were at home when it was: the same in figures, lists and summaries."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from attendance import LectureStore, Method, Reports, Which, person_id
from attendance.event import to_wire
from attendance.expectation import Expected
from attendance.expectation_store import Expectations
from attendance.people_store import PeopleUnknown
from attendance.summary_store import Summaries
from attendance.tables import person_home, summary_due
from tests.attendance.test_reports import States
from tests.attendance.test_summary_store import everything, until_judged
from tests.attendance.world import (
    CITY,
    COUNTY,
    PROVINCE,
    ROSTER,
    TOWNSHIP,
    VILLAGE,
    VILLAGE_2,
    VILLAGE_3,
    Clock,
    Entropy,
    Site,
    below,
    plant,
)
from venues.database import Database

NUMBERS = ("A1", "A2", "A3", "B1", "C1", "D1")


def reports(site: Site) -> Reports:
    return Reports(site.db, States(), site.clock)


async def expected(site: Site, venue: int, lecture: str | None = None) -> tuple[int, str]:
    """How many are expected, and the numbers of those of whom nothing is known."""
    store, lecture = reports(site), lecture or site.lecture
    row = (await store.report(lecture, venue)).rows[0]
    names = await store.names(lecture, venue, Which.ABSENT_SO_FAR)
    known = row.home.came + row.home.leave + row.home.makeup
    assert row.home.expected == known + row.home.absent + row.home.not_reported
    assert names.total == row.home.absent + row.home.not_reported
    return row.home.expected, " ".join(str(one.number) for one in names.names)


async def roll_call(site: Site, venue: int, lecture: str | None = None) -> str:
    found = await reports(site).roll_call(lecture or site.lecture, venue)
    return " ".join(f"{one.number}{'*' if one.guest else ''}" for one in found.entries)


async def summary_is_direct(site: Site, lecture: str) -> None:
    await site.lectures.stop(lecture)
    await until_judged(site)
    computed, summaries = await everything(site), Summaries(site.db)
    while await summaries.refresh():
        pass
    assert await everything(site) == computed
    assert await summaries.audit(lecture)
    assert await summaries.rebuild([lecture]) == 0


@pytest.mark.parametrize(
    ("wanted", "whole", "village"),
    [
        (Expected(), "A1 A2 A3 B1 C1 D1", "A1 A2 A3"),
        (Expected(units=(TOWNSHIP,)), "A1 A2 A3 B1", "A1 A2 A3"),
        (Expected(units=(VILLAGE_2, VILLAGE_3)), "B1 C1", ""),
        (Expected(levels=(0,)), "D1", ""),
        (Expected(levels=(4,), units=(CITY,)), "A1 A2 A3 B1", "A1 A2 A3"),
        (Expected(levels=(0,), units=(CITY,)), "", ""),
        (Expected(people=(person_id("A2"), person_id("D1"))), "A2 D1", "A2"),
        (Expected(units=(VILLAGE_3,), people=(person_id("A2"),)), "A2 C1", "A2"),
        (Expected(others=True), "", ""),
    ],
)
async def test_unit_level_and_list_say_who_is_expected(site: Site, wanted: Expected, whole: str, village: str) -> None:
    await Expectations(site.db, site.entropy).set(site.lecture, wanted)
    assert await expected(site, PROVINCE) == (len(whole.split()), whole)
    assert await expected(site, VILLAGE) == (len(village.split()), village)
    assert await roll_call(site, VILLAGE) == village


async def test_those_who_come_unexpected_hide_nobody(site: Site) -> None:
    await Expectations(site.db, site.entropy).set(site.lecture, Expected(people=(person_id("A2"), person_id("A3"))))
    for number in ("A1", "A3"):
        await site.log().capture(lecture=site.lecture, number=number)
    assert await expected(site, VILLAGE) == (2, "A2")
    row = (await reports(site).report(site.lecture, VILLAGE)).rows[0]
    assert (row.present, row.guests, row.home.came) == (2, 0, 1)
    came = await reports(site).names(site.lecture, COUNTY, Which.CAME)
    assert [one.number for one in came.names] == ["A3"]
    assert await roll_call(site, VILLAGE) == "A2 A3 A1*"
    await summary_is_direct(site, site.lecture)


async def due(site: Site) -> set[str]:
    query = sa.select(summary_due.c.lecture_id)
    return set(await site.db.read(lambda connection: connection.scalars(query).all()))


async def another(site: Site) -> str:
    """The lecture of next day, on air."""
    await site.lectures.stop(site.lecture)
    site.clock.move(hours=12)
    await until_judged(site)
    while await Summaries(site.db).refresh():
        pass
    site.clock.move(hours=12)
    return site.lecture


async def begin(site: Site) -> str:
    lecture = await site.lectures.create("下一讲", PROVINCE)
    await site.lectures.start(lecture.id)
    return lecture.id


async def import_(site: Site, *rows: str) -> None:
    await site.people.import_csv("\n".join(["number,name,venue", *rows]).encode())


async def test_a_transfer_leaves_the_lectures_before_it_as_they_were(site: Site) -> None:
    await site.log().capture(lecture=site.lecture, number="A1")
    first = await another(site)
    before = await everything(site)
    await import_(site, "A1,张三,V3", "A2,李四,V3", "B1,王五,V2")
    assert await due(site) == set()  # of the past nothing changes
    assert await everything(site) == before
    assert await expected(site, VILLAGE, first) == (3, "A2 A3")
    assert await expected(site, VILLAGE_3, first) == (1, "C1")
    site.clock.move(hours=1)
    second = await begin(site)
    await site.log(VILLAGE_3, "node-3").capture(lecture=second, number="A1")
    assert await expected(site, VILLAGE, second) == (1, "A3")
    assert await expected(site, VILLAGE_3, second) == (3, "A2 C1")
    assert await expected(site, PROVINCE, second) == (6, "A2 A3 B1 C1 D1")
    assert await roll_call(site, VILLAGE, first) == "A1 A2 A3"
    assert await roll_call(site, VILLAGE_3, second) == "A1 A2 C1"
    await site.lectures.stop(second)
    await until_judged(site)
    assert await Summaries(site.db).rebuild([first]) == 0
    await summary_is_direct(site, second)
    assert await everything(site) == before


async def test_a_person_moves_again_and_again(site: Site) -> None:
    lectures = [await another(site)]
    for venue in ("V2", "V3", "V1"):
        await import_(site, f"A1,张三,{venue}")
        site.clock.move(hours=1)
        lectures.append(await begin(site))
        site.clock.move(hours=1)
    homes = [VILLAGE, VILLAGE_2, VILLAGE_3, VILLAGE]
    for lecture, home in zip(lectures, homes, strict=True):
        for venue in (VILLAGE, VILLAGE_2, VILLAGE_3):
            assert ("A1" in (await expected(site, venue, lecture))[1]) == (venue == home)


async def test_who_came_later_is_not_expected_before_and_who_left_not_after(site: Site) -> None:
    first = await another(site)
    await import_(site, "Z1,新人,V1")
    assert await site.people.leave(["a2", "C1"], site.clock()) == 2
    assert await site.people.leave(["A2"], site.clock()) == 0  # a repeat
    with pytest.raises(PeopleUnknown):
        await site.people.leave(["A3", "X9"], site.clock())
    assert await due(site) == set()
    assert await expected(site, VILLAGE, first) == (3, "A1 A2 A3")
    site.clock.move(hours=1)
    second = await begin(site)
    assert await expected(site, VILLAGE, second) == (3, "A1 A3 Z1")
    assert await expected(site, PROVINCE, second) == (5, "A1 A3 B1 D1 Z1")
    assert await roll_call(site, VILLAGE, first) == "A1 A2 A3"
    await site.log().capture(lecture=second, number="A2")  # comes all the same: a guest
    assert await roll_call(site, VILLAGE, second) == "A1 A3 Z1 A2*"
    assert (await reports(site).report(second, VILLAGE)).rows[0].guests == 1
    site.clock.move(hours=1)
    assert await site.people.come_back(["A2"], site.clock()) == 1
    await import_(site, "C1,赵六,V2")  # back by the list, and elsewhere
    site.clock.move(hours=1)
    third = await begin(site)
    assert await expected(site, VILLAGE, third) == (4, "A1 A2 A3 Z1")
    assert await expected(site, VILLAGE_2, third) == (2, "B1 C1")
    assert await expected(site, PROVINCE, second) == (5, "A1 A3 B1 D1 Z1")
    assert await expected(site, VILLAGE_3, first) == (1, "C1")
    await summary_is_direct(site, second)


async def test_leaving_in_the_past_is_judged_anew(site: Site) -> None:
    await site.log().capture(lecture=site.lecture, number="A1")
    before = site.clock()
    first = await another(site)
    await site.people.leave(["A1"], before.replace(hour=1))
    assert await due(site) == {first}
    await until_judged(site)
    row = (await reports(site).report(first, VILLAGE)).rows[0]
    assert (row.present, row.guests, row.home.came, row.home.expected) == (1, 1, 0, 2)


async def test_a_child_keeps_the_figures_of_those_who_moved_away(site: Site, tmp_path: Path) -> None:
    await site.log().capture(lecture=site.lecture, number="A1")
    first = await another(site)
    await import_(site, "A1,张三,V3", "A2,李四,V2", "C1,赵六,V1", "Z1,新人,V1")
    await site.people.leave(["A3"], site.clock())
    site.clock.move(hours=1)
    second = await begin(site)
    child = await below(site, COUNTY, tmp_path)
    for lecture in (first, second):
        for venue in (COUNTY, VILLAGE, VILLAGE_2):
            wanted = await expected(site, venue, lecture)
            assert (await expected(child, venue, lecture))[0] == wanted[0]
    assert await expected(child, VILLAGE, second) == (2, "C1 Z1")
    people = await site.people.export(COUNTY)
    assert isinstance(people, list)
    assert {one["number"] for one in people} == {"A2", "B1", "C1", "Z1"}  # what an old child takes for all there is
    grandchild = await below(child, VILLAGE, tmp_path)
    assert await expected(grandchild, VILLAGE, second) == (2, "C1 Z1")
    assert (await expected(grandchild, VILLAGE, first))[0] == 3
    homes = await child.homes.export(VILLAGE)
    assert homes == await site.homes.export(VILLAGE)
    assert str(VILLAGE_3) not in str([one["homes"] for one in homes])  # type: ignore[attr-defined]
    version = await child.homes.version(VILLAGE)
    await child.people.replace(people)
    await child.homes.replace(await site.homes.export(COUNTY))
    assert await child.homes.version(VILLAGE) == version  # nothing new
    site.clock.move(hours=1)
    await import_(site, "A1,张三,V1")
    await child.people.replace(await site.people.export(COUNTY))
    await child.homes.replace(await site.homes.export(COUNTY))
    for lecture in (first, second):
        assert (await expected(child, VILLAGE, lecture))[0] == (await expected(site, VILLAGE, lecture))[0]
    await child.homes.replace([])
    kept = sa.select(sa.func.count()).select_from(person_home)
    assert await child.db.read(lambda connection: connection.scalar(kept)) == 0
    await grandchild.db.close()
    await child.db.close()


async def test_who_came_before_there_was_a_list_is_at_home_once_there_is_one(
    database: Database, tmp_path: Path
) -> None:
    clock, entropy = Clock(), Entropy()
    await plant(database)
    lectures = LectureStore(database, clock, entropy)
    lecture = await lectures.create("民法典", 1)
    await lectures.start(lecture.id)
    site = Site(database, clock, entropy, lecture.id)
    child = await below(site, VILLAGE, tmp_path)
    event = (await child.log().capture(lecture=site.lecture, number="A1", name="张三", method=Method.WALK_IN)).event
    await site.log(node="root", is_root=True).ingest([to_wire(event)], VILLAGE)
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    await import_(site, *ROSTER.splitlines()[1:])
    await child.people.replace(await site.people.export(VILLAGE))
    for each in (site, child):
        await until_judged(each)
        row = (await reports(each).report(site.lecture, VILLAGE)).rows[0]
        assert (row.present, row.guests, row.home.expected, row.home.came) == (1, 0, 3, 1)
        assert await expected(each, VILLAGE) == (3, "A2 A3")
    await child.db.close()
