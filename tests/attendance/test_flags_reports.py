from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from attendance import Kind, Method, person_id
from attendance.event import Event, to_wire
from attendance.flags import PHONE, Sign
from attendance.flags_reports import FlagReports
from attendance.lectures import LectureUnknown
from attendance.tables import stream
from tests.attendance.test_plans import statements
from tests.attendance.world import (
    CITY,
    CITY_2,
    COUNTY_UNDER_PROVINCE,
    PROVINCE,
    VILLAGE,
    VILLAGE_2,
    VILLAGE_3,
    Site,
    an_event,
    below,
)

ZHANG, LI = person_id("A1"), person_id("A2")


async def scan(site: Site, number: str, phone: str, venue: int = VILLAGE, lecture: str | None = None) -> Event:
    """By a node of the venue; ten seconds later it is ready for the next one."""
    known = await site.people.get(person_id(number))
    done = await site.log(venue, f"node-{venue}").capture(
        lecture=lecture or site.lecture,
        number=number,
        name=known.name if known else f"客{number}",
        method=Method.CODE,
        device=f"{PHONE}{phone}" if phone else "Mozilla/5.0",
    )
    site.clock.move(seconds=10)
    return done.event


async def signs(site: Site, venue: int = PROVINCE) -> list[tuple[Sign, int]]:
    found = await FlagReports(site.db, site.clock).find(site.lecture, venue)
    return [(flag.sign, flag.number) for flag in found.flags]


async def test_nothing_odd(site: Site) -> None:
    await scan(site, "A1", "one")
    await scan(site, "A2", "two")
    await scan(site, "A3", "")  # a node of an older version: the browser's name, which many bear
    await scan(site, "B1", "", VILLAGE_2)
    assert await signs(site) == []


async def test_a_number_with_the_name_of_somebody_else(site: Site, tmp_path: Path) -> None:
    away = await below(site, VILLAGE_3, tmp_path)  # which does not know A1 and A2
    for number, name in (("A1", "钱八"), ("A2", "李 四")):
        log = away.log(VILLAGE_3, "node-3")
        event = (await log.capture(lecture=site.lecture, number=number, name=name, method=Method.WALK_IN)).event
        await site.log(PROVINCE, "root", is_root=True).ingest([to_wire(event)], VILLAGE_3)
    found = await FlagReports(site.db, site.clock).find(site.lecture, COUNTY_UNDER_PROVINCE)
    assert [(flag.sign, flag.number) for flag in found.flags] == [(Sign.OTHER_NAME, 1)]
    assert [(who.subject, who.name, who.venue) for who in found.flags[0].people] == [
        (ZHANG, "钱八", VILLAGE_3), (ZHANG, "张三", VILLAGE),
    ]  # fmt: skip
    assert {found.venues[id_].code for id_ in (VILLAGE, VILLAGE_3)} == {"V1", "V3"}
    assert await signs(site, CITY) == []  # where nobody of them was
    await away.db.close()


async def test_one_phone_in_one_lecture_and_across(site: Site) -> None:
    other = await site.lectures.create("昨天", PROVINCE)
    await site.lectures.start(other.id)
    await scan(site, "B1", "grandson", VILLAGE, other.id)
    await scan(site, "A1", "grandson")
    await scan(site, "A2", "grandson")
    await scan(site, "A3", "grandson")
    found = await FlagReports(site.db, site.clock).find(site.lecture, VILLAGE)
    assert [(flag.sign, flag.number) for flag in found.flags] == [(Sign.QUICK_PHONE, 3), (Sign.PHONE_BEFORE, 4)]
    assert found.flags[0].people[0].subject == ZHANG
    assert [who.lecture for who in found.flags[1].people] == [other.id, None, None, None]
    assert found.titles == {other.id: "昨天"}
    assert found.venues[VILLAGE].code == "V1"
    assert await signs(site, VILLAGE_2) == []
    assert await signs(site, CITY) == [(Sign.QUICK_PHONE, 3), (Sign.PHONE_BEFORE, 4)]
    assert await signs(site, CITY_2) == []


async def test_a_venue_too_quick(site: Site) -> None:
    log = site.log()
    for number in range(9):
        site.clock.move(milliseconds=200)
        await log.capture(
            lecture=site.lecture, number=f"N{number}", name="某人", method=Method.CODE, device=f"{PHONE}{number}"
        )
    assert await signs(site) == [(Sign.QUICK_VENUE, 9)]


async def test_one_person_at_two_venues(site: Site) -> None:
    await scan(site, "A1", "one")
    await scan(site, "A1", "one", VILLAGE_3)
    await scan(site, "A2", "two")
    await site.log().capture(lecture=site.lecture, person=LI, kind=Kind.SIGN_OUT)
    site.clock.move(minutes=1)
    await scan(site, "A2", "two", VILLAGE_3)
    assert await signs(site) == [(Sign.TWO_VENUES, 1)]
    assert await signs(site, COUNTY_UNDER_PROVINCE) == [(Sign.TWO_VENUES, 1)]
    assert await signs(site, VILLAGE_2) == []


async def test_what_was_kept_aside_and_who_has_a_twin(site: Site) -> None:
    event = await scan(site, "A1", "one")
    await site.log(PROVINCE, "root").ingest([to_wire(event) | {"name": "别人"}, {"lecture": "another"}], CITY)
    found = await FlagReports(site.db, site.clock).find(site.lecture, PROVINCE)
    assert (found.kept_aside, found.forked, found.count) == (1, (), 1)
    twin = sa.update(stream).where(stream.c.node == event.node).values(forked_at=1)
    await site.db.write(lambda connection: connection.execute(twin) and None)
    found = await FlagReports(site.db, site.clock).find(site.lecture, PROVINCE)
    assert ([venue.code for venue in found.forked], found.count) == (["V1"], 2)
    assert (await FlagReports(site.db, site.clock).find(site.lecture, CITY_2)).count == 0


async def test_people_by_mobile_code_alone_are_counted(site: Site) -> None:
    root = site.log(PROVINCE, "root", is_root=True)
    for number, name in (("A1", "张三"), ("A2", "李四")):
        await root.capture(lecture=site.lecture, venue=VILLAGE, number=number, name=name, method=Method.ROOT_CODE)
    at_the_village = an_event(lecture=site.lecture, person=LI, number="A2", name="李四", method=Method.CODE)
    await root.ingest([to_wire(at_the_village)], VILLAGE)
    reports = FlagReports(site.db, site.clock)
    assert (await reports.find(site.lecture, PROVINCE)).by_mobile_code == 1
    assert (await reports.find(site.lecture, VILLAGE_2)).by_mobile_code == 0


async def test_counts_are_half_a_minute_old_at_most(site: Site) -> None:
    reports = FlagReports(site.db, site.clock)
    assert await reports.counts(site.lecture, PROVINCE) == (0, 0)
    await scan(site, "A1", "one")
    await scan(site, "A2", "one")
    assert await reports.counts(site.lecture, PROVINCE) == (0, 0)
    site.clock.move(seconds=30)
    assert await reports.counts(site.lecture, PROVINCE) == (1, 0)
    site.clock.at -= dt.timedelta(hours=1)  # the clock was set back
    assert await reports.counts(site.lecture, PROVINCE) == (1, 0)
    with pytest.raises(LectureUnknown):
        await reports.counts("?", PROVINCE)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_phones_are_found_by_their_own_index(site: Site) -> None:
    await scan(site, "A1", "one")
    await scan(site, "A2", "one")
    with statements(site.db) as seen:
        await signs(site)
    plans = await site.db.read(
        lambda connection: [
            [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in seen
            if "FROM event" in statement
        ]
    )
    assert not [line for plan in plans for line in plan if line.startswith(("SCAN event", "SCAN presence"))], plans
    assert "event_by_phone" in json.dumps(plans)
