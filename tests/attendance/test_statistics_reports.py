from __future__ import annotations

import dataclasses
from zoneinfo import ZoneInfo

import pytest

from attendance import Kind, person_id
from attendance.policy import Rules
from attendance.policy_store import PolicyStore
from attendance.record_reports import ORDERS, RecordReports, RecordUnknown
from attendance.statistics import Reliability, VenueSums
from attendance.summary_store import Summaries
from attendance.tables import venue_record
from attendance.years_store import Years
from tests.attendance.test_records_store import rows as told_in_report
from tests.attendance.test_records_store import show
from tests.attendance.test_summary_store import until_judged
from tests.attendance.test_years_store import up_to_date
from tests.attendance.world import CITY, PROVINCE, TOWNSHIP, TOWNSHIP_2, VILLAGE, VILLAGE_2, VILLAGE_3, Site
from venues.store import VenueUnknown

SHANGHAI = ZoneInfo("Asia/Shanghai")


def reports(site: Site) -> RecordReports:
    return RecordReports(site.db, SHANGHAI, site.clock)


async def a_year(site: Site) -> list[str]:
    """Two lectures of 90 minutes: 张三 at home and then away, 李四 late once, 王五 on leave, 赵六 never."""
    lectures = [site.lecture]
    await site.log(VILLAGE).capture(lecture=site.lecture, number="A1")
    await site.log(VILLAGE).capture(lecture=site.lecture, number="A2")
    await site.log(VILLAGE_2, "node-2").capture(lecture=site.lecture, number="B1", kind=Kind.LEAVE, reason="病")
    await site.log(VILLAGE).close(lecture=site.lecture)
    site.clock.move(minutes=90)
    await site.lectures.stop(site.lecture)
    site.clock.move(days=3)
    second = await site.lectures.create("第二讲", PROVINCE)
    await site.lectures.start(second.id)
    await site.log(VILLAGE_2, "node-2").capture(lecture=second.id, number="A1")
    site.clock.move(minutes=90)
    await site.lectures.stop(second.id)
    site.clock.move(days=9)
    await site.log(VILLAGE_2, "node-2").close(lecture=second.id)
    await up_to_date(site)
    return [*lectures, second.id]


def by_id(rows: tuple[VenueSums, ...]) -> dict[int, VenueSums]:
    return {row.venue.id: row for row in rows}


async def test_person_times_and_people_on_both_bases(site: Site) -> None:
    await a_year(site)
    found = await reports(site).statistics(PROVINCE, 2026, 2026)
    rows = by_id(found.rows)
    assert (found.lectures, found.due, found.years) == (2, 0, (2026,))
    total = rows[PROVINCE]
    assert (total.times, total.people, total.came, total.people_at_home) == (3, 2, 3, 2)
    assert (total.expected, total.leave, total.lectures, total.venues) == (12, 1, 2, 10)
    assert total.rate == pytest.approx(3 / 12)
    assert total.credit == 600
    assert total.final == 2
    assert rows[CITY].people == 2
    below = by_id((await reports(site).statistics(TOWNSHIP, 2026, 2026)).rows)
    here, there = below[VILLAGE], below[VILLAGE_2]
    assert (here.times, here.people, here.came, here.people_at_home, here.expected) == (2, 2, 3, 2, 6)
    assert (there.times, there.people, there.came, there.leave, there.expected) == (1, 1, 0, 1, 2)
    assert below[TOWNSHIP].people == 2  # 张三 was in two villages and is one person
    assert (here.final_share, there.final_share) == (0.5, 0.5)


async def test_it_says_when_people_are_still_to_be_counted(site: Site) -> None:
    await a_year(site)
    summaries, years = Summaries(site.db, SHANGHAI), Years(site.db, SHANGHAI)
    assert await summaries.rebuild([site.lecture]) == 0  # the lecture is made anew, and so must be its year
    assert (await reports(site).statistics(PROVINCE, 2026, 2026)).due == 1
    assert (await reports(site).statistics(PROVINCE, 2025, 2025)).due == 0
    await years.refresh()
    assert (await reports(site).statistics(PROVINCE, 2026, 2026)).due == 0


async def test_a_lecture_for_few_wants_a_hand_in_of_these_alone(site: Site) -> None:
    site.clock.move(minutes=90)
    await site.lectures.stop(site.lecture)
    few = await site.lectures.create("乡镇课", TOWNSHIP)
    await site.lectures.start(few.id)
    await site.log(VILLAGE).close(lecture=few.id)
    await site.lectures.stop(few.id)
    await up_to_date(site)
    rows = by_id((await reports(site).statistics(PROVINCE, 2026, 2026)).rows)
    assert (rows[PROVINCE].lectures, rows[PROVINCE].wanted, rows[PROVINCE].final) == (2, 10 + 3, 1)
    assert rows[PROVINCE].final_share == pytest.approx(1 / 13)
    rows = by_id((await reports(site).statistics(TOWNSHIP, 2026, 2026)).rows)
    assert [(rows[id_].wanted, rows[id_].final) for id_ in (TOWNSHIP, VILLAGE, VILLAGE_2)] == [(6, 1), (2, 1), (2, 0)]


async def test_another_year_has_nothing_and_an_unknown_venue_is_told(site: Site) -> None:
    await a_year(site)
    found = await reports(site).statistics(PROVINCE, 2025, 2025)
    assert (found.lectures, found.rows[0].times, found.rows[0].people, found.rows[0].rate) == (0, 0, 0, None)
    both = await reports(site).statistics(PROVINCE, 2025, 2026)
    assert (both.lectures, both.rows[0].people) == (2, 2)
    with pytest.raises(VenueUnknown):
        await reports(site).statistics(999, 2026, 2026)


@pytest.mark.parametrize("venue", [PROVINCE, VILLAGE])
async def test_a_trend_has_each_lecture_that_concerned_anybody(site: Site, venue: int) -> None:
    first, second = await a_year(site)
    points = await reports(site).trend(venue, 2026, 2026)
    assert [point.lecture.id for point in points] == [first, second]
    assert [(point.present, point.came) for point in points] == (
        [(2, 2), (1, 1)] if venue == PROVINCE else [(2, 2), (0, 1)]
    )


async def test_check_ins_minute_by_minute(site: Site) -> None:
    for number, minutes in (("A1", 0), ("A2", 0), ("A3", 3)):
        site.clock.move(minutes=minutes)
        await site.log(VILLAGE).capture(lecture=site.lecture, number=number)
    found = await reports(site).minutes(site.lecture, PROVINCE)
    assert [one.check_ins for one in found] == [2, 1]
    assert (found[1].at - found[0].at).total_seconds() == 180
    assert await reports(site).minutes(site.lecture, TOWNSHIP_2) == []


async def test_a_person_has_every_lecture_and_the_hours_of_each_year(site: Site) -> None:
    first, second = await a_year(site)
    record = await reports(site).record(person_id("A1"))
    assert (record.number, record.name, record.home and record.home.id) == ("A1", "张三", VILLAGE)
    assert [one.lecture.id for one in record.lectures] == [second, first]
    assert [one.venue and one.venue.id for one in record.lectures] == [VILLAGE_2, VILLAGE]
    (year,) = record.years
    assert (year.year, year.lectures, year.credit, year.target, year.reached) == (2026, 2, 400, 3200, False)
    excused = await reports(site).record(person_id("B1"))
    assert [(one.status, one.credit) for one in excused.lectures] == [("leave", 0)]
    assert [(one.year, one.lectures) for one in (await reports(site).record(person_id("C1"))).years] == [(2026, 0)]
    with pytest.raises(RecordUnknown):
        await reports(site).record("nobody")


async def test_the_hours_of_a_unit_against_the_target(site: Site) -> None:
    await a_year(site)
    rules = dataclasses.replace(Rules(), year_hours_target=3)
    await PolicyStore(site.db, site.clock, site.entropy, is_root=True).add("三学时", rules, "wang")
    hours = await reports(site).hours(TOWNSHIP, 2026, order="-hours")
    assert (hours.total, hours.reached, hours.target) == (4, 1, 300)
    assert [(one.number, one.credit, one.lectures) for one in hours.people][:2] == [("A1", 400, 2), ("A2", 200, 1)]
    page = await reports(site).hours(TOWNSHIP, 2026, page=(2, 2))
    assert [one.number for one in page.people] == ["A3", "B1"]
    for order in ORDERS:
        assert len((await reports(site).hours(PROVINCE, 2026, order=order)).people) == 6


async def test_who_hands_in_least_comes_first(site: Site) -> None:
    first, _second = await a_year(site)
    told = {"lecture_id": first, "venue_id": VILLAGE_3, "picture_s": 2700, "told_s": 5400}
    await site.db.write(lambda c: c.execute(venue_record.insert().values(**told)) and None)
    found = await reports(site).reliability(PROVINCE, 2026, 2026)
    assert len(found) == 10
    at: dict[int, Reliability] = {one.venue.id: one for one in found}
    assert {one.venue.id for one in found[-2:]} == {VILLAGE, VILLAGE_2}
    assert found[-1].venue.id == VILLAGE  # the other one was late
    assert (at[VILLAGE].final, at[VILLAGE].late, at[VILLAGE].silent) == (1, 0, 1)
    assert (at[VILLAGE_2].final, at[VILLAGE_2].late) == (1, 1)
    assert (at[VILLAGE_3].open, at[VILLAGE_3].silent, at[VILLAGE_3].picture) == (1, 1, 0.5)
    assert at[CITY].silent == 2
    assert [one.venue.id for one in await reports(site).reliability(VILLAGE, 2026, 2026)] == [VILLAGE]


async def test_a_screen_that_went_off_early_has_the_same_part_as_in_the_reports(site: Site) -> None:
    await show(site, VILLAGE, 30, picture=1800, sound=1800)
    site.clock.move(minutes=90)
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    assert (await told_in_report(site, TOWNSHIP))[VILLAGE].told.picture == 0.25
    await up_to_date(site)
    for venue in (PROVINCE, TOWNSHIP, VILLAGE):
        assert (await reports(site).statistics(venue, 2026, 2026)).rows[0].picture_share == 0.25
    assert (await reports(site).reliability(VILLAGE, 2026, 2026))[0].picture == 0.25
    site.lecture = (await site.lectures.create("第二讲", PROVINCE)).id
    await site.lectures.start(site.lecture)
    await show(site, VILLAGE, 30, picture=1800, sound=1800)
    await site.lectures.stop(site.lecture)
    await up_to_date(site)  # an hour of picture in two and a half of lectures
    for venue in (PROVINCE, TOWNSHIP, VILLAGE):
        assert (await reports(site).statistics(venue, 2026, 2026)).rows[0].picture_share == 0.4
    assert (await reports(site).reliability(VILLAGE, 2026, 2026))[0].picture == 0.4


async def test_check_ins_are_heard_of_without_a_hand_in_or_a_screen(site: Site) -> None:
    for number in ("A1", "A2", "A3"):
        await site.log(VILLAGE).capture(lecture=site.lecture, number=number)
    site.clock.move(minutes=90)
    await site.lectures.stop(site.lecture)
    at = {one.venue.id: one for one in await reports(site).reliability(PROVINCE, 2026, 2026)}
    assert (at[VILLAGE].open, at[VILLAGE].silent) == (1, 0)
    assert (at[VILLAGE_2].open, at[VILLAGE_2].silent) == (0, 1)
