from __future__ import annotations

from pathlib import Path

import pytest

from attendance import person_id
from attendance.expectation import (
    EVERYBODY,
    Expected,
    ExpectedLevelUnknown,
    ExpectedPersonUnknown,
    ExpectedUnitOutside,
    from_wire,
    to_wire,
)
from attendance.expectation_store import Expectations
from attendance.lectures import LectureElsewhere, LectureUnknown
from tests.attendance.world import CITY, COUNTY, COUNTY_UNDER_PROVINCE, PROVINCE, TOWNSHIP, VILLAGE, Site, below

A1, C1 = person_id("A1"), person_id("C1")


def expectations(site: Site) -> Expectations:
    return Expectations(site.db, site.entropy)


async def test_a_lecture_expects_everybody_until_it_is_told_otherwise(site: Site) -> None:
    store, before = expectations(site), await site.lectures.version(VILLAGE)
    assert await store.get(site.lecture) == EVERYBODY
    wanted = Expected(units=(TOWNSHIP,), levels=(0, 4), people=(A1,))
    held = await store.set(site.lecture, wanted)
    assert (
        held == await store.get(site.lecture) == Expected(units=(TOWNSHIP,), levels=(0, 4), people=(A1,), others=True)
    )
    assert await site.lectures.version(VILLAGE) != before  # the nodes below must hear it
    assert await store.set(site.lecture, Expected()) == EVERYBODY


async def test_what_cannot_be_expected_changes_nothing(site: Site) -> None:
    store = expectations(site)
    city = await site.lectures.create("城市", CITY)
    with pytest.raises(ExpectedUnitOutside):
        await store.set(city.id, Expected(units=(COUNTY, COUNTY_UNDER_PROVINCE)))
    with pytest.raises(ExpectedUnitOutside):
        await store.set(city.id, Expected(units=(PROVINCE,)))
    with pytest.raises(ExpectedLevelUnknown):
        await store.set(city.id, Expected(levels=(0,)))
    for person in (C1, person_id("nobody")):
        with pytest.raises(ExpectedPersonUnknown):
            await store.set(city.id, Expected(people=(A1, person)))
    with pytest.raises(LectureUnknown):
        await store.set("none", Expected())
    assert await store.get(city.id) == EVERYBODY


async def test_a_child_hears_it_and_of_the_list_only_its_own_people(site: Site, tmp_path: Path) -> None:
    store = expectations(site)
    await store.set(site.lecture, Expected(units=(TOWNSHIP,), levels=(4,), people=(A1, C1)))
    child = await below(site, COUNTY, tmp_path)
    there = expectations(child)
    assert await there.get(site.lecture) == Expected(units=(TOWNSHIP,), levels=(4,), people=(A1,), others=True)
    with pytest.raises(LectureElsewhere):
        await there.set(site.lecture, Expected())
    await store.set(site.lecture, Expected(people=(C1,)))
    await child.lectures.replace(await site.lectures.export(COUNTY))
    assert await there.get(site.lecture) == Expected(others=True)  # nobody here, which is not everybody
    version = await child.lectures.version(VILLAGE)
    await child.lectures.replace(await site.lectures.export(COUNTY))
    assert await child.lectures.version(VILLAGE) == version
    await store.set(site.lecture, Expected())
    exported = await site.lectures.export(COUNTY)
    assert isinstance(exported, list)
    assert "expected" not in exported[0]  # as an older node sends it
    await child.lectures.replace(exported)
    assert await there.get(site.lecture) == EVERYBODY
    await child.lectures.replace([])
    await child.db.close()


def test_the_wire_carries_what_is_expected() -> None:
    for expected in (Expected(units=(1, 2)), Expected(levels=(0,)), Expected(people=("x",), others=True)):
        assert from_wire(to_wire(expected)) == expected
    assert from_wire(None) == EVERYBODY
    with pytest.raises(ValueError, match="object"):
        from_wire([])
