from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from attendance import LectureStore, Method, person_id
from attendance.erasure import Reason
from attendance.policy import FIRST, Policy, Rules
from attendance.privacy_store import Privacy
from attendance.retention import Keep
from attendance.retention_store import Retention
from attendance.summary_store import Summaries
from attendance.tables import person_year, presence
from attendance.years import bounds, shares, target_policy, year_of
from attendance.years_store import Years
from tests.attendance.test_summary_store import some_history, until_judged
from tests.attendance.world import CITY, PROVINCE, VILLAGE, VILLAGE_2, Site
from venues.ids import uuid7

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_year_begins_on_the_calendar_on_the_wall() -> None:
    eve = dt.datetime(2026, 12, 31, 16, 0, tzinfo=dt.UTC)
    assert (year_of(eve, dt.UTC), year_of(eve, SHANGHAI)) == (2026, 2027)
    assert bounds(2027, 2027, SHANGHAI)[0] == eve


def test_the_shares_leave_nobody_out_and_nobody_twice() -> None:
    parts = shares(2026)
    early, late = (
        uuid7(int(dt.datetime(2026, 3, day, tzinfo=dt.UTC).timestamp() * 1000), bytes(10)) for day in (2, 20)
    )
    for subject in ("", "0", "019a", early, late, "04", "5220", "fc", "card:12", "zz"):
        here = [1 for low, high in parts if (low is None or subject >= low) and (high is None or subject < high)]
        assert here == [1], subject
    assert [early < start <= late for start, _ in parts if start].count(True) >= 2  # guests of a year are not one share


def test_a_years_target_is_that_of_the_last_policy_made_before_it_was_over() -> None:
    def made(version: int, year: int) -> Policy:
        at = dt.datetime(year, 6, 1, tzinfo=dt.UTC)
        return Policy(version=version, name="x", rules=Rules(), made_at=at, made_by="x")

    known = [made(4, 2028), made(3, 2027), made(2, 2027)]
    assert target_policy(known, 2026, SHANGHAI) == FIRST
    assert target_policy(known, 2027, SHANGHAI).version == 3
    assert target_policy([*known, FIRST], 2030, SHANGHAI).version == 4


async def up_to_date(site: Site) -> Years:
    await until_judged(site)
    summaries, years = Summaries(site.db, SHANGHAI), Years(site.db, SHANGHAI)
    while await summaries.refresh():
        pass
    await years.refresh()
    return years


async def kept(site: Site) -> list[sa.Row[tuple[object, ...]]]:
    order = [person_year.c.person_id, person_year.c.venue_id, person_year.c.home_id]
    query = sa.select(person_year).order_by(*order)
    return await site.db.read(lambda connection: list(connection.execute(query)))


@pytest.mark.parametrize("seed", range(3))
async def test_a_year_follows_what_changes_in_its_lectures(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    await some_history(site, chance, 15)
    await site.lectures.stop(site.lecture)
    years = await up_to_date(site)
    assert await kept(site)
    assert await years.rebuild() == 0
    await some_history(site, chance, 4)
    years = await up_to_date(site)
    assert await years.rebuild() == 0


async def test_person_times_add_up_and_the_tree_stands_beside_them(site: Site) -> None:
    second = await LectureStore(site.db, site.clock, site.entropy).create("第二讲", 1)
    for lecture, venue in ((site.lecture, VILLAGE), (second.id, VILLAGE_2)):
        await site.lectures.start(lecture)
        await site.log(venue, f"node-{venue}").capture(lecture=lecture, number="A1")
        site.clock.move(hours=1)
        await site.lectures.stop(lecture)
    await up_to_date(site)
    first, other = await kept(site)
    assert [(row.venue_id, row.home_id, row.lectures) for row in (first, other)] == [
        (VILLAGE, VILLAGE, 1),
        (VILLAGE_2, VILLAGE, 1),
    ]
    assert (first.l1, first.l2, first.l5) == (PROVINCE, CITY, VILLAGE)
    assert (other.h2, other.h5, other.year) == (CITY, VILLAGE, 2026)


async def test_the_rebuild_finds_and_heals_what_is_wrong(site: Site) -> None:
    await site.log().capture(lecture=site.lecture, number="A1")
    await site.lectures.stop(site.lecture)
    years = await up_to_date(site)
    await site.db.write(lambda c: c.execute(person_year.update().values(lectures=9)) and None)
    assert await years.rebuild() == 1
    assert [row.lectures for row in await kept(site)] == [1]
    await site.db.write(lambda c: c.execute(presence.delete()) and None)
    assert await years.rebuild() == 6  # the row, and how many people the five venues had
    assert await kept(site) == []
    assert await years.rebuild() == 0


async def test_a_lecture_on_air_is_not_in_its_year_yet(site: Site) -> None:
    await site.log().capture(lecture=site.lecture, number="A1")
    years = await up_to_date(site)
    assert await kept(site) == []
    assert await years.rebuild() == 0


async def test_who_is_erased_stands_in_no_year_any_more(site: Site) -> None:
    await site.log().capture(lecture=site.lecture, number="A1")
    await site.lectures.stop(site.lecture)
    years = await up_to_date(site)
    privacy = Privacy(site.db, site.clock, site.entropy)
    await privacy.request("A1", None, by="chen", reason=Reason.REQUEST)
    while await privacy.carry_out():
        pass
    assert await kept(site) == []
    await up_to_date(site)
    (row,) = await kept(site)
    assert (row.person_id != person_id("A1"), row.lectures) == (True, 1)
    assert await years.rebuild() == 0


async def test_what_is_forgotten_of_one_year_leaves_the_others_as_they_are(site: Site) -> None:
    await site.log().capture(lecture=site.lecture, number="A1")
    await site.lectures.stop(site.lecture)
    site.clock.move(days=365)
    second = await site.lectures.create("第二年", PROVINCE)
    await site.lectures.start(second.id)
    await site.log().capture(lecture=second.id, number="A1")
    await site.lectures.stop(second.id)
    years = await up_to_date(site)
    assert sorted(row.year for row in await kept(site)) == [2026, 2027]
    await Retention(site.db, site.entropy).forget(Keep(people_days=30, device_days=7), site.clock())
    assert [(row.year, row.person_id) for row in await kept(site)] == [(2027, person_id("A1"))]
    await up_to_date(site)
    assert sorted((row.year, row.lectures) for row in await kept(site)) == [(2026, 1), (2027, 1)]
    assert await years.rebuild() == 0


async def test_who_is_erased_and_comes_anew_stands_in_the_year_again(site: Site) -> None:
    await site.log().capture(lecture=site.lecture, number="A1")
    privacy = Privacy(site.db, site.clock, site.entropy)
    await privacy.request("A1", None, by="chen", reason=Reason.REQUEST)
    second = await site.lectures.create("后来", PROVINCE)
    await site.lectures.start(second.id)
    await site.log().capture(lecture=second.id, number="A1", name="张三", method=Method.WALK_IN)
    for lecture in (site.lecture, second.id):
        await site.lectures.stop(lecture)
    await up_to_date(site)
    while await privacy.carry_out():
        pass
    await up_to_date(site)
    assert sorted(row.lectures for row in await kept(site) if row.person_id == person_id("A1")) == [1]
