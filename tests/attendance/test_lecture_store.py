from __future__ import annotations

from pathlib import Path

import pytest

from attendance import LectureState
from attendance.lectures import LectureElsewhere, LectureUnknown
from tests.attendance.world import CITY, CITY_2, COUNTY, LEVELS, PROVINCE, VILLAGE, Site, below
from venues.tree import VenueRow


async def test_create_start_stop(site: Site) -> None:
    made = await site.lectures.create(" 宪法 ", COUNTY, site.clock())
    assert await site.lectures.get(made.id) == made
    assert (made.title, made.state) == ("宪法", LectureState.PLANNED)
    site.clock.move(minutes=1)
    live = await site.lectures.start(made.id)
    assert await site.lectures.start(made.id) == live
    ended = await site.lectures.stop(made.id)
    assert ended.state is LectureState.ENDED
    assert await site.lectures.get(made.id) == ended


async def test_unknown(site: Site) -> None:
    assert await site.lectures.get("x") is None
    with pytest.raises(LectureUnknown):
        await site.lectures.start("x")


async def test_the_list_of_a_venue_holds_those_above_at_and_below_it(site: Site) -> None:
    mine, beside, above = [await site.lectures.create("x", venue) for venue in (COUNTY, CITY_2, PROVINCE)]
    site.clock.move(seconds=1)
    last = await site.lectures.create("x", VILLAGE)
    listed = await site.lectures.list(CITY)
    assert listed[0] == last  # the newest first
    assert {lecture.id for lecture in listed} == {site.lecture, mine.id, above.id, last.id}
    assert beside in await site.lectures.list()


async def test_replication_makes_the_child_equal_and_keeps_what_is_its_own(site: Site, tmp_path: Path) -> None:
    child = await below(site, COUNTY, tmp_path)
    assert await child.lectures.list() == await site.lectures.list(COUNTY)
    own = await child.lectures.create("县里的课", COUNTY)
    version = await child.lectures.version(VILLAGE)
    await child.lectures.replace(await site.lectures.export(COUNTY))
    assert await child.lectures.version(VILLAGE) == version  # nothing changed, nothing to pass on
    await site.lectures.stop(site.lecture)
    await child.lectures.replace(await site.lectures.export(COUNTY))
    assert await child.lectures.version(VILLAGE) != version
    assert {lecture.id for lecture in await child.lectures.list()} == {site.lecture, own.id}
    with pytest.raises(LectureElsewhere):
        await child.lectures.start(site.lecture)
    await child.lectures.start(own.id)
    await child.lectures.replace([])
    assert [lecture.id for lecture in await child.lectures.list()] == [own.id]
    await child.db.close()


async def test_the_version_changes_with_each_change_and_with_the_tree(site: Site) -> None:
    seen = [await site.lectures.version(COUNTY)]
    lecture = await site.lectures.create("x", COUNTY)
    seen.append(await site.lectures.version(COUNTY))
    await site.lectures.start(lecture.id)
    seen.append(await site.lectures.version(COUNTY))
    await site.lectures.start(lecture.id)
    assert await site.lectures.version(COUNTY) == seen[-1]
    await site.venues.import_rows([VenueRow(2, "K2", "新县", "county", "C1")], LEVELS)
    seen.append(await site.lectures.version(COUNTY))
    assert len(set(seen)) == 4
    assert await site.lectures.version(CITY) not in seen
