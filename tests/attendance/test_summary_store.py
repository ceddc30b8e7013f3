from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from attendance import Kind, Reports
from attendance.figures_reports import clean
from attendance.summary_store import Summaries, changed
from attendance.tables import presence, summary
from tests.attendance.test_reports import States
from tests.attendance.world import PROVINCE, TREE, VILLAGE, VILLAGE_2, VILLAGE_3, Site

NUMBERS = ["A1", "A2", "A3", "B1", "C1", "D1"]


async def until_judged(site: Site) -> None:
    while await site.log().judge_due():
        pass


async def everything(site: Site) -> list[object]:
    reports = Reports(site.db, States(), site.clock)
    return [(await reports.report(site.lecture, venue)).rows for venue in range(1, len(TREE) + 1)]


async def is_clean(site: Site) -> bool:
    return await site.db.read(lambda connection: clean(connection, site.lecture))


async def some_history(site: Site, chance: random.Random, steps: int) -> None:
    for _ in range(steps):
        site.clock.move(minutes=chance.randint(0, 9))
        venue = chance.choice([VILLAGE, VILLAGE_2, VILLAGE_3, PROVINCE])
        log, number = site.log(venue, f"node-{venue}"), chance.choice(NUMBERS)
        match chance.randint(0, 9):
            case 0 if not await log.closed(site.lecture):
                await log.capture(lecture=site.lecture, number=number, kind=Kind.LEAVE, reason="病")
            case 1:
                state = chance.choice(["present", "absent", "leave", "makeup"])
                await log.capture(
                    lecture=site.lecture, number=number, kind=Kind.CORRECTION, reason="查", data={"state": state}
                )
            case 2 if not await log.closed(site.lecture):
                await log.close(lecture=site.lecture)
            case 3 if await log.closed(site.lecture):
                await log.reopen(lecture=site.lecture, reason="再开")
            case _ if not await log.closed(site.lecture):
                await log.capture(lecture=site.lecture, number=number)


@pytest.mark.parametrize("seed", range(3))
async def test_the_summary_says_what_the_presences_say(site: Site, seed: int) -> None:
    chance, summaries = random.Random(seed), Summaries(site.db)
    await some_history(site, chance, 25)
    assert not await summaries.refresh()  # on air it would not last
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    computed = await everything(site)
    while await summaries.refresh():
        pass
    assert await is_clean(site)
    assert await everything(site) == computed
    assert await summaries.rebuild([site.lecture]) == 0
    await some_history(site, chance, 3)
    assert not await is_clean(site)
    computed = await everything(site)
    while await summaries.refresh():
        pass
    assert await everything(site) == computed


async def test_a_summary_is_what_a_finished_lecture_is_read_from(site: Site) -> None:
    summaries = Summaries(site.db)
    await site.log().capture(lecture=site.lecture, number="A1")
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    while await summaries.refresh():
        pass
    await site.db.write(lambda connection: connection.execute(summary.update().values(present=77)) and None)
    found = await Reports(site.db, States(), site.clock).report(site.lecture, PROVINCE)
    assert found.rows[0].present == 77
    assert await summaries.rebuild([site.lecture]) == 1  # and the rebuild tells that it was wrong
    found = await Reports(site.db, States(), site.clock).report(site.lecture, PROVINCE)
    assert found.rows[0].present == 1


async def test_a_lecture_that_changes_all_the_time_keeps_no_other_from_its_turn(site: Site) -> None:
    summaries = Summaries(site.db)
    await site.lectures.stop(site.lecture)
    other = (await site.lectures.create("党课二", PROVINCE)).id
    await until_judged(site)
    busy, quiet = sorted([site.lecture, other])
    await site.db.write(lambda connection: changed(connection, [busy, quiet]))
    for _ in range(2):
        assert await summaries.refresh()
        await site.db.write(lambda connection: changed(connection, [busy]))
    assert await site.db.read(lambda connection: clean(connection, quiet))


async def test_another_roster_or_tree_makes_it_anew(site: Site) -> None:
    summaries = Summaries(site.db)
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    while await summaries.refresh():
        pass
    assert await is_clean(site)
    await site.people.import_csv("编号,姓名,所属场所\nE1,周八,V1\n".encode())
    assert not await is_clean(site)
    while await summaries.refresh():
        pass
    await summaries.tree_is("another")
    assert not await is_clean(site)
    while await summaries.refresh():
        pass
    await summaries.tree_is("another")
    assert await is_clean(site)
    assert await site.db.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(presence))) == 0
