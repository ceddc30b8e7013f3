from __future__ import annotations

from pathlib import Path

import pytest

from attendance import PeopleImportRefused, Person, person_id
from tests.attendance.world import COUNTY, LEVELS, ROSTER, VILLAGE, VILLAGE_2, VILLAGE_3, Site, below
from tests.venues.books import book
from venues.tree import VenueRow


async def test_import_adds_changes_and_removes_nobody(site: Site) -> None:
    done = await site.people.import_csv("number,name,venue\nA1,张三,V1\nA2,李四,V2\nZ1,新人,V3\n".encode())
    assert (done.added, done.changed, done.unchanged) == (1, 1, 1)
    assert await site.people.get(person_id("a2")) == Person(
        id=person_id("A2"), number="A2", name="李四", home=VILLAGE_2
    )
    assert await site.people.get(person_id("B1")) is not None
    assert await site.people.get("x") is None


async def test_one_mistake_and_nothing_is_imported(site: Site) -> None:
    with pytest.raises(PeopleImportRefused) as caught:
        await site.people.import_csv("number,name,venue\nZ1,新人,V3\nZ1,新人,V9\n,x,V9\n".encode())
    assert [(problem.line, problem.code) for problem in caught.value.problems] == [
        (3, "number_twice"),
        (3, "venue_unknown"),
        (4, "number_missing"),
        (4, "venue_unknown"),
    ]
    assert caught.value.message == "Nothing was imported; mistakes in the list: 4, the first in line 3."
    assert await site.people.get(person_id("Z1")) is None


async def test_replication_gives_a_venue_the_people_of_its_subtree(site: Site, tmp_path: Path) -> None:
    child = await below(site, COUNTY, tmp_path)
    assert {one["number"] for one in await child.people.export(COUNTY)} == {"A1", "A2", "A3", "B1"}
    village = await site.people.export(VILLAGE)
    assert {one["number"] for one in village} == {"A1", "A2", "A3"}
    version = await child.people.version(VILLAGE)
    await child.people.replace(await site.people.export(COUNTY))
    assert await child.people.version(VILLAGE) == version  # nothing changed, nothing to pass on
    await child.people.replace([{"number": "A1", "name": "张三丰", "home": VILLAGE}])
    assert await child.people.export(COUNTY) == [{"number": "A1", "name": "张三丰", "home": VILLAGE}]
    assert await child.people.version(VILLAGE) != version
    await child.db.close()


async def test_the_version_changes_with_the_people_and_with_the_tree(site: Site) -> None:
    seen = [await site.people.version(VILLAGE_3)]
    await site.people.import_csv(ROSTER.encode())
    assert await site.people.version(VILLAGE_3) == seen[-1]
    await site.people.import_csv(ROSTER.replace("张三", "张山").encode())
    seen.append(await site.people.version(VILLAGE_3))
    await site.venues.import_rows([VenueRow(2, "V1", "V1名", "village", "T2")], LEVELS)
    seen.append(await site.people.version(VILLAGE_3))
    assert len(set(seen)) == 3


async def test_a_workbook_is_a_list_like_any_other_and_units_may_be_named(site: Site) -> None:
    rows = [
        ["人员名单"],
        ["编号", "姓名", "所属场所"],
        [12, "新人", "V3"],
        ["A2", "李四", "V2名"],
        ["A1", "张三", "P名/V1名"],
    ]
    done = await site.people.import_csv(book(rows))
    assert (done.added, done.changed, done.unchanged) == (1, 1, 1)
    assert await site.people.get(person_id("12")) == Person(
        id=person_id("12"), number="12", name="新人", home=VILLAGE_3
    )


async def test_a_name_that_several_units_bear_lists_them(site: Site) -> None:
    rows = [VenueRow(2, f"S{number}", "同名村", "village", "T2") for number in range(7)]
    await site.venues.import_rows(rows, LEVELS)
    with pytest.raises(PeopleImportRefused) as caught:
        await site.people.import_csv(book([["number", "name", "venue"], [520102199001011234, "甲", "同名村"]]))
    assert [problem.code for problem in caught.value.problems] == ["digits_lost", "venue_ambiguous_more"]
    assert "(S4) … 2 more" in caught.value.problems[1].message


async def test_a_preview_says_what_would_change_and_writes_nothing(site: Site) -> None:
    text = "number,name,venue\nA1,张三,V2\nA2,李司,V1\nZ1,张 三,V2\nB1,王五,V2\n"
    seen = await site.people.preview(text.encode())
    assert [person.number for person in seen.plan.added] == ["Z1"]
    assert [change.after.number for change in seen.plan.moved] == ["A1"]
    assert [(twin.person.number, [one.number for one in twin.others]) for twin in seen.plan.twins] == [("Z1", ["A1"])]
    assert set(seen.paths) >= {VILLAGE, VILLAGE_2}
    person = await site.people.get(person_id("A1"))
    assert person is not None
    assert person.home == VILLAGE
