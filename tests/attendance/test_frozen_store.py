from __future__ import annotations

import asyncio
import dataclasses

import pytest
import sqlalchemy as sa

from attendance import Kind, Reports, person_id
from attendance.frozen import Cause, FrozenUnknown, StillJudging, hash_of, read
from attendance.frozen_store import FrozenReports
from attendance.lectures import LectureElsewhere, LectureUnknown
from attendance.policy import PolicyUnknown, Rules
from attendance.policy_store import PolicyStore
from attendance.rules import ReasonMissing
from attendance.tables import frozen_report
from attendance.tables import lecture as lecture_table
from tests.attendance.test_reports import States
from tests.attendance.test_summary_store import until_judged
from tests.attendance.world import PROVINCE, TOWNSHIP, TREE, VILLAGE, Site


@pytest.fixture
async def policies(site: Site) -> PolicyStore:
    return PolicyStore(site.db, site.clock, site.entropy, is_root=True)


@pytest.fixture
async def frozen(site: Site, policies: PolicyStore) -> FrozenReports:
    """张三 and 李四 ticked in V1, 20 minutes after the beginning."""
    site.clock.move(minutes=20)
    for number in ("A1", "A2"):
        await site.log().capture(lecture=site.lecture, person=person_id(number), venue=VILLAGE)
    await until_judged(site)
    reports = Reports(site.db, States(), site.clock)
    return FrozenReports(site.db, site.clock, site.entropy, reports=reports, lectures=site.lectures, policies=policies)


async def judge(site: Site, frozen: FrozenReports) -> None:
    while await site.log().judge_due():
        pass
    while await frozen.freeze_due():
        pass


async def test_a_version_stays_whatever_comes_later(site: Site, frozen: FrozenReports) -> None:
    one = await frozen.freeze(site.lecture, PROVINCE, "组织者", " 结算 ")
    assert (one.number, one.policy, one.cause, one.reason, one.made_at) == (1, 1, Cause.ASKED, "结算", site.clock.at)
    raw = await frozen.raw(site.lecture, PROVINCE, 1)
    assert hash_of(raw) == one.hash
    await site.log().capture(lecture=site.lecture, person=person_id("B1"), venue=VILLAGE)
    two = await frozen.freeze(site.lecture, PROVINCE, "组织者", "补报后")
    assert await frozen.raw(site.lecture, PROVINCE, 1) == raw
    assert [version.number for version in await frozen.list(site.lecture, PROVINCE)] == [2, 1]
    presents = [(await frozen.get(site.lecture, PROVINCE, n)).report.rows[0].present for n in (1, 2)]
    assert presents == [2, 3]
    assert one.hash != two.hash


async def test_every_venue_below_is_in_it_with_the_figures_of_its_own_report(site: Site, frozen: FrozenReports) -> None:
    await site.log().close(lecture=site.lecture)
    await frozen.freeze(site.lecture, PROVINCE, "x", "y")
    found = await frozen.get(site.lecture, PROVINCE, 1)
    assert {row.code for row in found.report.rows} == {code for code, *_ in TREE}
    reports = Reports(site.db, States(), site.clock)
    for row in found.report.rows:
        live = (await reports.report(site.lecture, row.venue_id)).rows[0]
        assert (row.present, row.home, row.venues.final) == (live.present, live.home, live.venues.final)
        assert row.standing.state is live.standing.state


async def test_versions_are_numbered_venue_by_venue(site: Site, frozen: FrozenReports) -> None:
    made = await asyncio.gather(*(frozen.freeze(site.lecture, venue, "x", "y") for venue in [PROVINCE] * 4 + [VILLAGE]))
    assert sorted(version.number for version in made[:4]) == [1, 2, 3, 4]
    assert made[4].number == 1
    for version in made:
        raw = await frozen.raw(site.lecture, version.venue, version.number)
        assert dataclasses.replace(read(raw).version, made_at=version.made_at) == version
        assert hash_of(raw) == version.hash


async def test_no_name_is_in_it(site: Site, frozen: FrozenReports) -> None:
    await frozen.freeze(site.lecture, PROVINCE, "x", "y")
    raw = (await frozen.raw(site.lecture, PROVINCE, 1)).decode()
    assert not [word for word in ("张三", "李四", "A1", person_id("A1")) if word in raw]


async def test_what_cannot_be_frozen_or_found(site: Site, frozen: FrozenReports) -> None:
    with pytest.raises(ReasonMissing):
        await frozen.freeze(site.lecture, PROVINCE, "x", " ")
    with pytest.raises(LectureUnknown):
        await frozen.freeze("nonsense", PROVINCE, "x", "y")
    with pytest.raises(FrozenUnknown):
        await frozen.raw(site.lecture, PROVINCE, 1)


async def test_judging_anew_keeps_what_was_and_what_is(
    site: Site, frozen: FrozenReports, policies: PolicyStore
) -> None:
    strict = Rules(late_after_minutes=5, tick_counts_whole=False, least_percent=100)
    await policies.add("从严", strict, "x")
    site.clock.move(minutes=60)
    await site.lectures.stop(site.lecture)
    await judge(site, frozen)
    assert await frozen.list(site.lecture, PROVINCE) == []
    assert (await frozen.judge_under(site.lecture, 2, "组织者")).policy == 2
    (before,) = await frozen.list(site.lecture, PROVINCE)
    assert (before.number, before.policy, before.cause) == (1, 1, Cause.BEFORE)
    await judge(site, frozen)
    after, first = await frozen.list(site.lecture, PROVINCE)
    assert first == before
    assert (after.number, after.policy, after.cause, after.made_by) == (2, 2, Cause.AFTER, "组织者")
    lates = [(await frozen.get(site.lecture, PROVINCE, n)).report.rows[0].late for n in (1, 2)]
    assert lates == [0, 2]
    assert (await frozen.get(site.lecture, PROVINCE, 2)).policy.rules == strict


async def test_nothing_is_frozen_that_is_half_judged(site: Site, frozen: FrozenReports, policies: PolicyStore) -> None:
    await policies.add("从严", Rules(late_after_minutes=5, tick_counts_whole=False), "x")
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    await site.lectures.judge_under(site.lecture, 2)
    freezing = asyncio.ensure_future(frozen.freeze(site.lecture, PROVINCE, "x", "y"))
    await until_judged(site)
    assert (await freezing).policy == 2
    assert (await frozen.get(site.lecture, PROVINCE, 1)).report.rows[0].late == 2
    await site.lectures.judge_under(site.lecture, 1)
    with pytest.raises(StillJudging):  # nobody judges here
        await frozen.freeze(site.lecture, PROVINCE, "x", "y")


async def test_what_is_frozen_already_is_not_frozen_again(
    site: Site, frozen: FrozenReports, policies: PolicyStore
) -> None:
    await policies.add("从严", Rules(late_after_minutes=5), "x")
    await site.lectures.stop(site.lecture)
    await judge(site, frozen)
    await frozen.freeze(site.lecture, PROVINCE, "x", "结算")
    await frozen.judge_under(site.lecture, 2, "x")
    await judge(site, frozen)
    assert [version.cause for version in await frozen.list(site.lecture, PROVINCE)] == [Cause.AFTER, Cause.ASKED]
    await frozen.judge_under(site.lecture, 2, "x")  # nothing changes
    await judge(site, frozen)
    assert len(await frozen.list(site.lecture, PROVINCE)) == 2


async def test_a_lecture_on_air_or_of_another_node_or_under_no_policy(
    site: Site, frozen: FrozenReports, policies: PolicyStore
) -> None:
    await policies.add("从严", Rules(late_after_minutes=5), "x")
    with pytest.raises(PolicyUnknown):
        await frozen.judge_under(site.lecture, 7, "x")
    await frozen.judge_under(site.lecture, 2, "x")
    await judge(site, frozen)
    assert await frozen.list(site.lecture, PROVINCE) == []
    elsewhere = lecture_table.update().values(local=False)
    await site.db.write(lambda connection: connection.execute(elsewhere))
    with pytest.raises(LectureElsewhere):
        await frozen.judge_under(site.lecture, 1, "x")


async def test_it_is_small(site: Site, frozen: FrozenReports) -> None:
    await site.log().capture(lecture=site.lecture, kind=Kind.LEAVE, person=person_id("B1"), reason="病")
    await frozen.freeze(site.lecture, TOWNSHIP, "x", "y")
    packed = await site.db.read(lambda connection: connection.scalar(sa.select(frozen_report.c.content)))
    assert packed is not None
    assert len(packed) < len(await frozen.raw(site.lecture, TOWNSHIP, 1))
