from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Collection

import pytest

from attendance import Kind, Method, Reports, VenueState, Which, names_csv, person_id, report_csv
from attendance.lectures import LectureUnknown
from attendance.report import Count, VenueCounts
from tests.attendance.world import (
    CITY,
    CITY_2,
    COUNTY,
    COUNTY_UNDER_PROVINCE,
    PROVINCE,
    TOWNSHIP,
    TREE,
    VILLAGE,
    VILLAGE_2,
    VILLAGE_3,
    Site,
)
from venues.status import Presence, Tally
from venues.store import VenueUnknown


class States:
    """V1 is connected and holds three events, T1 is silent, nobody else was ever seen."""

    async def tallies(self, venue_ids: Collection[int]) -> dict[int, Tally]:
        both = Tally(connected=1, silent=1, behind=1, pending_below=3)
        alone = Tally(presence=Presence.CONNECTED, pending=3, connected=1, behind=1, pending_below=3)
        known = dict.fromkeys((PROVINCE, CITY, COUNTY), both) | {VILLAGE: alone}
        known[TOWNSHIP] = dataclasses.replace(both, presence=Presence.SILENT)
        return {id_: known.get(id_, Tally()) for id_ in venue_ids}


@pytest.fixture
async def reports(site: Site) -> Reports:
    """张三 at home in V1, 王五 of V2 in V1 too, 李四 of V1 at the township, 赵六 of V3 at home, a stranger in V3."""
    log = site.log()
    for number, venue in (("A1", VILLAGE), ("B1", VILLAGE), ("A2", TOWNSHIP), ("C1", VILLAGE_3)):
        site.clock.move(minutes=1)
        await log.capture(lecture=site.lecture, person=person_id(number), venue=venue)
    site.clock.move(minutes=1)
    await log.capture(lecture=site.lecture, name="=钱八", venue=VILLAGE_3, method=Method.WALK_IN)
    return Reports(site.db, States(), site.clock)


async def figures(reports: Reports, lecture: str, venue: int) -> dict[str, tuple[int, int, int]]:
    found = await reports.report(lecture, venue)
    return {row.code: (row.expected, row.present, row.guests) for row in found.rows}


async def test_the_figures_level_by_level(site: Site, reports: Reports) -> None:
    assert await figures(reports, site.lecture, PROVINCE) == {
        "P": (6, 5, 1),
        "C1": (4, 3, 0),
        "C2": (0, 0, 0),
        "K9": (1, 2, 1),
    }
    assert await figures(reports, site.lecture, CITY) == {"C1": (4, 3, 0), "K1": (4, 3, 0)}
    # 3 = 2 in V1 and 1 in the township's own hall
    assert await figures(reports, site.lecture, TOWNSHIP) == {"T1": (4, 3, 0), "V1": (3, 2, 1), "V2": (1, 0, 0)}
    assert await figures(reports, site.lecture, VILLAGE_3) == {"V3": (1, 2, 1)}
    assert await figures(reports, site.lecture, CITY_2) == {"C2": (0, 0, 0)}


async def test_the_venues_behind_the_figures(site: Site, reports: Reports) -> None:
    found = await reports.report(site.lecture, COUNTY)
    assert [venue.code for venue in found.path] == ["P", "C1", "K1"]
    county, township = found.rows
    assert county.venues == VenueCounts(total=4, connected=1, silent=1, never_seen=2, behind=1)
    assert (county.pending, county.presence, county.has_children) == (3, Presence.NEVER_SEEN, True)
    assert (township.presence, township.level, township.has_children) == (Presence.SILENT, 3, True)
    village = (await reports.report(site.lecture, TOWNSHIP)).rows[1]
    assert (village.venue_id, village.has_children) == (VILLAGE, False)


async def test_every_figure_opens_to_its_names(site: Site, reports: Reports) -> None:
    for venue in range(1, len(TREE) + 1):
        count = await reports.count(site.lecture, venue)
        row = (await reports.report(site.lecture, venue)).rows[0]
        assert count == Count(expected=row.expected, present=row.present, guests=row.guests)
        for which, figure in (
            (Which.EXPECTED, count.expected),
            (Which.PRESENT, count.present),
            (Which.GUESTS, count.guests),
        ):
            names = await reports.names(site.lecture, venue, which)
            assert names.total == len(names.names) == figure


async def test_every_figure_of_the_home_basis_opens_to_its_names(site: Site, reports: Reports) -> None:
    await site.log().close(lecture=site.lecture)
    await site.log(TOWNSHIP, "node-2").capture(lecture=site.lecture, kind=Kind.LEAVE, number="B1", reason="病")
    await late_and_early(site)
    for venue in range(1, len(TREE) + 1):
        one = (await reports.report(site.lecture, venue)).rows[0].home
        for which, figure in (
            (Which.EXPECTED, one.expected),
            (Which.CAME, one.came),
            (Which.CAME_LATE, one.late),
            (Which.CAME_EARLY, one.early),
            (Which.LEAVE, one.leave),
            (Which.ABSENT, one.absent),
            (Which.NOT_REPORTED, one.not_reported),
        ):
            assert (await reports.names(site.lecture, venue, which)).total == figure, (venue, which)


async def late_and_early(site: Site) -> None:
    """李四 of V1 came late to the township, 王五 of V2 came late to V1 and left early."""
    for number, early in (("A2", False), ("B1", True)):
        data = {"state": "present", "late": True, "early": early}
        await site.log().capture(lecture=site.lecture, kind=Kind.CORRECTION, number=number, reason="查证", data=data)


async def test_late_and_early_open_to_names_where_people_were_and_where_they_are_at_home(
    site: Site, reports: Reports
) -> None:
    await late_and_early(site)
    for which, venue, numbers in (
        (Which.LATE, VILLAGE, ["B1"]),
        (Which.CAME_LATE, VILLAGE, ["A2"]),
        (Which.LATE, VILLAGE_2, []),
        (Which.CAME_LATE, VILLAGE_2, ["B1"]),
        (Which.EARLY, VILLAGE, ["B1"]),
        (Which.CAME_EARLY, VILLAGE, []),
        (Which.CAME_EARLY, VILLAGE_2, ["B1"]),
        (Which.CAME_LATE, TOWNSHIP, ["B1", "A2"]),
    ):
        found = await reports.names(site.lecture, venue, which)
        assert [one.number for one in found.names] == numbers, (which, venue)


async def test_the_csv_has_late_and_early_on_both_bases(site: Site, reports: Reports) -> None:
    await late_and_early(site)
    text = report_csv(await reports.report(site.lecture, TOWNSHIP)).decode("utf-8-sig")
    lines = {line["code"]: line for line in csv.DictReader(io.StringIO(text))}
    columns = ("late", "early", "came", "came_late", "came_early")
    assert [lines["V1"][column] for column in columns] == ["1", "1", "2", "1", "0"]
    assert [lines["V2"][column] for column in columns] == ["0", "0", "1", "1", "1"]


async def test_names(site: Site, reports: Reports) -> None:
    present = await reports.names(site.lecture, PROVINCE, Which.PRESENT)
    assert [one.name for one in present.names] == ["张三", "王五", "李四", "赵六", "=钱八"]
    wang, stranger = present.names[1], present.names[4]
    assert wang.home is not None
    assert wang.attended is not None
    assert (wang.person, wang.home.id, wang.attended.id) == (person_id("B1"), VILLAGE_2, VILLAGE)
    assert (stranger.person, stranger.number, stranger.home) == (None, None, None)
    guests = await reports.names(site.lecture, VILLAGE, Which.GUESTS)
    assert [one.name for one in guests.names] == ["王五"]
    absent = await reports.names(site.lecture, PROVINCE, Which.ABSENT_SO_FAR)
    assert [(one.number, one.attended, one.at) for one in absent.names] == [("A3", None, None), ("D1", None, None)]
    expected = await reports.names(site.lecture, TOWNSHIP, Which.EXPECTED, limit=2, offset=1)
    assert expected.total == 4
    assert [one.number for one in expected.names] == ["A2", "A3"]


async def test_a_lecture_for_one_county_expects_its_people_only(site: Site, reports: Reports) -> None:
    lecture = await site.lectures.create("县里的课", COUNTY_UNDER_PROVINCE)
    await site.log().capture(lecture=lecture.id, person=person_id("A1"), venue=VILLAGE)
    assert await figures(reports, lecture.id, PROVINCE) == {
        "P": (1, 1, 0),
        "C1": (0, 1, 0),
        "C2": (0, 0, 0),
        "K9": (1, 0, 0),
    }
    assert (await reports.names(lecture.id, PROVINCE, Which.ABSENT_SO_FAR)).total == 1


async def test_unknown_lecture_and_venue(site: Site, reports: Reports) -> None:
    with pytest.raises(LectureUnknown):
        await reports.report("x", PROVINCE)
    with pytest.raises(VenueUnknown):
        await reports.names(site.lecture, 99, Which.PRESENT)


async def test_the_roll_call(site: Site, reports: Reports) -> None:
    entries = (await reports.roll_call(site.lecture, VILLAGE)).entries
    assert [(one.number, one.name, one.present, one.guest) for one in entries] == [
        ("A1", "张三", True, False),
        ("A2", "李四", False, False),
        ("A3", "阿依·古丽", False, False),
        ("B1", "王五", True, True),
    ]
    zhang, li = entries[0], entries[1]
    assert (zhang.method, zhang.elsewhere) == ("roll_call", None)
    assert li.elsewhere is not None
    assert (li.elsewhere.id, li.event) == (TOWNSHIP, None)
    await site.log().capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=zhang.event)
    assert not (await reports.roll_call(site.lecture, VILLAGE)).entries[0].present
    # 李四 walks over: ticked here, although the township counts
    await site.log().capture(lecture=site.lecture, person=person_id("A2"))
    li = (await reports.roll_call(site.lecture, VILLAGE)).entries[1]
    assert (li.present, li.elsewhere) == (True, None)


async def test_an_undo_takes_out_of_every_level(site: Site, reports: Reports) -> None:
    await site.log().capture(lecture=site.lecture, kind=Kind.UNDO, person=person_id("A1"))
    for venue, present in ((PROVINCE, 4), (CITY, 2), (VILLAGE, 1)):
        assert (await reports.count(site.lecture, venue)).present == present


async def home(reports: Reports, lecture: str, venue: int) -> dict[str, tuple[int, ...]]:
    """By venue: expected, came, leave, makeup, absent, not reported."""
    found = await reports.report(lecture, venue)
    counted = {row.code: row.home for row in found.rows}
    return {
        code: (one.expected, one.came, one.leave, one.makeup, one.absent, one.not_reported)
        for code, one in counted.items()
    }


async def test_people_count_at_home_wherever_they_were(site: Site, reports: Reports) -> None:
    """王五 of V2 was in V1, 李四 of V1 at the township."""
    assert await home(reports, site.lecture, TOWNSHIP) == {
        "T1": (4, 3, 0, 0, 0, 1),
        "V1": (3, 2, 0, 0, 0, 1),
        "V2": (1, 1, 0, 0, 0, 0),
    }
    county = (await reports.report(site.lecture, COUNTY)).rows[0]
    assert county.home.rate == 0.75


async def test_absent_is_said_when_the_venue_has_handed_in_and_not_before(site: Site, reports: Reports) -> None:
    await site.log().close(lecture=site.lecture)
    assert (await home(reports, site.lecture, TOWNSHIP))["V1"] == (3, 2, 0, 0, 1, 0)
    row = (await reports.report(site.lecture, TOWNSHIP)).rows[1]
    assert (row.standing.state, row.venues.final) == (VenueState.FINAL, 1)
    absent = await reports.names(site.lecture, PROVINCE, Which.ABSENT)
    assert [one.number for one in absent.names] == ["A3"]
    await site.log().reopen(lecture=site.lecture, reason="漏了一人")
    assert (await home(reports, site.lecture, TOWNSHIP))["V1"] == (3, 2, 0, 0, 0, 1)


async def test_when_the_time_is_up_everybody_of_whom_nothing_is_known_is_absent(site: Site, reports: Reports) -> None:
    await site.lectures.stop(site.lecture)
    site.clock.move(hours=71)
    assert (await home(reports, site.lecture, PROVINCE))["P"] == (6, 4, 0, 0, 0, 2)
    site.clock.move(hours=2)
    assert (await home(reports, site.lecture, PROVINCE))["P"] == (6, 4, 0, 0, 2, 0)
    assert (await reports.names(site.lecture, PROVINCE, Which.ABSENT)).total == 2


async def test_leave_and_corrections_count_at_home_and_in_no_room(site: Site, reports: Reports) -> None:
    log = site.log()
    await log.capture(lecture=site.lecture, kind=Kind.LEAVE, number="A3", reason="生病")
    for number, state in (("D1", "makeup"), ("B1", "absent")):
        await log.capture(
            lecture=site.lecture, kind=Kind.CORRECTION, number=number, reason="查证", data={"state": state}
        )
    assert (await home(reports, site.lecture, PROVINCE))["P"] == (6, 3, 1, 1, 1, 0)
    assert (await figures(reports, site.lecture, TOWNSHIP))["V1"] == (3, 1, 0)  # 王五 was not there after all
    for which, number in ((Which.LEAVE, "A3"), (Which.MAKEUP, "D1"), (Which.ABSENT, "B1")):
        found = await reports.names(site.lecture, PROVINCE, which)
        assert [one.number for one in found.names] == [number]
        assert found.names[0].attended is None


async def test_all_venues_of_a_level_below(site: Site, reports: Reports) -> None:
    found = await reports.report(site.lecture, PROVINCE, 4)
    assert {row.code: row.present for row in found.rows} == {"P": 5, "V1": 2, "V2": 0, "V3": 2}
    found = await reports.report(site.lecture, PROVINCE, 2)
    assert {row.code: (row.present, row.venues.total) for row in found.rows} == {
        "P": (5, 10),
        "K1": (3, 4),
        "K9": (2, 3),
    }


def read(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


async def test_csv(site: Site, reports: Reports) -> None:
    header, county, _ = read(report_csv(await reports.report(site.lecture, COUNTY)))
    assert dict(zip(header, county, strict=True)) == {
        "code": "K1",
        "name": "K1名",
        "level": "2",
        "state": "never_seen",
        "present": "3",
        "guests": "0",
        "late": "0",
        "early": "0",
        "expected": "4",
        "came": "3",
        "came_late": "0",
        "came_early": "0",
        "leave": "0",
        "makeup": "0",
        "absent": "0",
        "not_reported": "1",
        "venues": "4",
        "final": "0",
        "behind": "1",
        "connected": "1",
        "silent": "1",
        "never_seen": "2",
        "pending": "3",
        "shown": "0",
        "picture_percent": "",
        "sound_percent": "",
        "headcount": "",
        "counted_present": "",
        "seen_at_check": "",
        "checked_present": "",
    }
    names = await reports.names(site.lecture, VILLAGE_3, Which.PRESENT)
    chinese = ["编号", "姓名", "单位代码", "单位", "会场代码", "会场", "时间", "签退", "分钟", "状态", "迟到", "早退"]
    lines = read(names_csv(names.names, header=chinese))
    assert lines[1] == [
        "C1",
        "赵六",
        "V3",
        "V3名",
        "V3",
        "V3名",
        "2026-11-22T02:04:00.123Z",
        "",
        "0",
        "present",
        "",
        "",
    ]
    assert lines[2][:4] == ["", "'=钱八", "", ""]
