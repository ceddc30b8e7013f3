from __future__ import annotations

from pathlib import Path

import pytest

import venues.store
from tests.venues.world import (
    CITY,
    CITY_2,
    COUNTY,
    COUNTY_UNDER_PROVINCE,
    LEVELS,
    PROVINCE,
    TOWNSHIP,
    TREE,
    VILLAGE,
    VILLAGE_2,
    rows,
)
from venues import Database, TreeInvalid, Venue, VenueStore, VenueUnknown, parse_file
from venues.store import TreeContentInvalid

HEADER = TREE.splitlines()[0] + "\n"


def codes(found: list[Venue]) -> list[str]:
    return [venue.code for venue in found]


async def test_questions_about_the_tree(store: VenueStore) -> None:
    root = await store.root()
    assert root == Venue(id=PROVINCE, code="P", name="贵州省", level=0, parent_id=None)
    assert await store.get(VILLAGE) == await store.by_code("V1")
    assert codes(await store.children(PROVINCE)) == ["C1", "C2", "K9"]
    assert codes(await store.path(VILLAGE)) == ["P", "C1", "K1", "T1", "V1"]
    assert codes(await store.subtree(COUNTY)) == ["K1", "T1", "V1", "V2"]
    assert await store.count_by_level(PROVINCE) == {1: 2, 2: 2, 3: 1, 4: 2}
    assert await store.count_by_level(VILLAGE) == {}
    assert await store.is_within(VILLAGE, CITY)
    assert await store.is_within(CITY, CITY)
    assert not await store.is_within(CITY, VILLAGE)
    assert not await store.is_within(VILLAGE, CITY_2)


async def test_unknown_venues(store: VenueStore) -> None:
    with pytest.raises(VenueUnknown, match="no venue 99"):
        await store.get(99)
    with pytest.raises(VenueUnknown):
        await store.by_code("nothing")
    assert await store.path(99) == await store.children(99) == await store.subtree(99) == []
    assert not await store.is_within(99, 99)


async def test_search(store: VenueStore) -> None:
    assert codes(await store.search("羊角", PROVINCE)) == ["V1", "V2"]
    assert codes(await store.search("市", PROVINCE)) == ["C1", "C2", "K9"]
    assert codes(await store.search("市", CITY)) == ["C1"]
    assert codes(await store.search(" V1 ", PROVINCE)) == ["V1"]
    assert codes(await store.search("羊", PROVINCE, limit=1)) == ["V1"]
    assert await store.search("%", PROVINCE) == await store.search(" ", PROVINCE) == []


async def test_an_empty_tree(database: Database) -> None:
    store = VenueStore(database)
    assert await store.root() is None
    assert await store.version() == ""


async def test_a_second_import_keeps_ids_and_adds_updates_moves(store: VenueStore) -> None:
    before = await store.version()
    addition = HEADER + "V3,新村,village,T1\nV2,牛角村,village,T1\nT1,永乐镇,township,K9\n"
    summary = await store.import_rows(rows(addition), LEVELS)
    assert (summary.added, summary.changed, summary.unchanged) == (1, 2, 0)
    assert (await store.by_code("V2")).name == "牛角村"
    assert (await store.by_code("V2")).id == VILLAGE_2
    assert (await store.by_code("V3")).id == 9
    assert codes(await store.path(VILLAGE)) == ["P", "K9", "T1", "V1"]
    assert not await store.is_within(VILLAGE, COUNTY)
    assert await store.is_within(VILLAGE, COUNTY_UNDER_PROVINCE)
    assert await store.version() != before


async def test_the_same_import_changes_nothing(store: VenueStore) -> None:
    before = await store.version()
    summary = await store.import_rows(rows(), LEVELS)
    assert (summary.added, summary.changed, summary.unchanged) == (0, 0, 8)
    assert await store.version() == before


@pytest.mark.parametrize(
    ("addition", "problem"),
    [
        ("X,另一省,province,\n", "second_root"),
        ("X,村,village,nowhere\n", "unknown_parent"),
        ("T1,永乐乡,village,K1\n", "level_order"),  # its villages would be level with it
        ("P,贵州省,province,V1\n", "cycle"),
        ("V3,,village,T1\n", "empty_name"),
    ],
)
async def test_a_bad_import_changes_nothing(store: VenueStore, addition: str, problem: str) -> None:
    before = await store.version(), await store.subtree(PROVINCE)
    with pytest.raises(TreeInvalid) as refused:
        await store.import_rows(rows(HEADER + "V9,好村,village,T1\n" + addition), LEVELS)
    assert problem in {found.code for found in refused.value.problems}
    assert (await store.version(), await store.subtree(PROVINCE)) == before


async def test_an_empty_import_is_refused(store: VenueStore) -> None:
    with pytest.raises(TreeInvalid) as refused:
        await store.import_rows([], LEVELS)
    assert [problem.code for problem in refused.value.problems] == ["no_rows"]


async def test_a_child_takes_over_its_part(store: VenueStore, tmp_path: Path) -> None:
    child = VenueStore(db := Database(f"sqlite:///{tmp_path / 'child.db'}"))
    await db.create_tables()
    try:
        await child.replace(await store.export(COUNTY))
        root = await child.root()
        assert root is not None
        assert codes(await child.subtree(root.id)) == ["P", "C1", "K1", "T1", "V1", "V2"]
        assert await child.get(VILLAGE) == await store.get(VILLAGE)
        first = await child.version()

        await child.replace(await store.export(COUNTY))
        assert await child.version() == first

        # V1 is gone, V2 is another one's code now: every unique code is free before it is given again.
        moved = [row for row in await store.export(COUNTY) if row["code"] != "V1"]
        next(row for row in moved if row["code"] == "V2")["code"] = "V1"
        await child.replace(moved)
        assert (await child.by_code("V1")).id == VILLAGE_2
        with pytest.raises(VenueUnknown):
            await child.get(VILLAGE)
        assert not await child.is_within(VILLAGE, PROVINCE)
        assert await child.version() != first
    finally:
        await db.close()


@pytest.mark.parametrize(
    "content",
    [
        None,
        {"id": 1},
        ["P"],
        [{"id": "1", "code": "P", "name": "省", "level": 0, "parent": None}],
        [{"id": 1, "code": "P", "name": "省", "level": 0, "parent": 7}],
        [{"id": 1, "code": "P", "name": "省", "level": 0, "parent": 1}],
        [{"id": i, "code": "P", "name": "省", "level": 0, "parent": None} for i in (1, 2)],
    ],
)
async def test_unusable_content_changes_nothing(store: VenueStore, content: object) -> None:
    before = await store.version()
    with pytest.raises(TreeContentInvalid):
        await store.replace(content)
    assert await store.version() == before
    assert (await store.get(TOWNSHIP)).code == "T1"


async def test_the_real_province(database: Database) -> None:
    store = VenueStore(database)
    data = (Path(venues.store.__file__).parent / "data" / "guizhou_venues.csv").read_bytes()
    progress: list[tuple[int, int]] = []
    summary = await store.import_rows(parse_file(data), LEVELS, lambda done, total: progress.append((done, total)))
    assert summary.added == 19572
    assert progress[-1] == (19572, 19572)
    assert progress == sorted(progress)
    root = await store.root()
    assert root is not None
    assert root.name == "贵州省"
    assert await store.count_by_level(root.id) == {1: 9, 2: 88, 3: 1510, 4: 17964}
    city = (await store.children(root.id))[0]
    assert len(await store.export(city.id)) == 1 + len(await store.subtree(city.id))
