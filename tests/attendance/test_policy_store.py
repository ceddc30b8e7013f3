from __future__ import annotations

import pytest

from attendance.policy import FIRST, PolicyElsewhere, PolicyInvalid, PolicyUnknown, Rules
from attendance.policy_store import PolicyStore
from tests.attendance.world import VILLAGE, Site


async def test_versions_follow_each_other_and_stay(site: Site) -> None:
    store = PolicyStore(site.db, site.clock, site.entropy, is_root=True)
    assert await store.list() == [FIRST]
    stamp = await store.version(VILLAGE)
    second = await store.add("  2027 办法", Rules(least_percent=80), "organizer")
    third = await store.add("2028", Rules(), "organizer")
    assert (second.version, second.name, third.version) == (2, "2027 办法", 3)
    assert await store.list() == [third, second, FIRST]
    assert await store.get(2) == second
    assert await store.get(1) == FIRST
    assert await store.version(VILLAGE) != stamp
    with pytest.raises(PolicyUnknown):
        await store.get(4)
    with pytest.raises(PolicyInvalid):
        await store.add("", Rules(), "organizer")


async def test_policies_come_from_above(site: Site) -> None:
    store = PolicyStore(site.db, site.clock, site.entropy, is_root=False)
    with pytest.raises(PolicyElsewhere):
        await store.add("2027", Rules(), "organizer")
    with pytest.raises(ValueError, match="list"):
        await store.replace({})
    root = PolicyStore(site.db, site.clock, site.entropy, is_root=True)
    await root.add("2027", Rules(), "organizer")
    content = await root.export(VILLAGE)
    stamp = await store.version(VILLAGE)
    await store.replace(content)
    assert await store.version(VILLAGE) == stamp  # nothing was new


async def test_a_new_lecture_is_judged_under_the_newest(site: Site) -> None:
    store = PolicyStore(site.db, site.clock, site.entropy, is_root=True)
    assert (await site.lectures.create("一", 1)).policy is None
    await store.add("2027", Rules(), "organizer")
    assert (await site.lectures.create("二", 1)).policy == 2
    with pytest.raises(PolicyUnknown):
        await site.lectures.judge_under(site.lecture, 9)
