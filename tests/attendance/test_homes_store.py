"""Who is expected at a lecture, and where people were at home when it was: the same in figures, lists and summaries."""

from __future__ import annotations

import pytest

from attendance import Reports, Which, person_id
from attendance.expectation import Expected
from attendance.expectation_store import Expectations
from attendance.summary_store import Summaries
from tests.attendance.test_reports import States
from tests.attendance.test_summary_store import everything, until_judged
from tests.attendance.world import CITY, COUNTY, PROVINCE, TOWNSHIP, VILLAGE, VILLAGE_2, VILLAGE_3, Site

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
