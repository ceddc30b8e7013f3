from __future__ import annotations

import random

import sqlalchemy as sa

from attendance import Kind, Method, Reports, person_id, report_csv
from attendance.blank_store import blank
from attendance.event import to_wire
from attendance.records_store import record_of
from attendance.report import ReportRow
from attendance.summary_store import Summaries
from attendance.tables import venue_record
from tests.attendance.test_reports import States, read
from tests.attendance.test_summary_store import everything, until_judged
from tests.attendance.world import COUNTY, PROVINCE, TOWNSHIP, VILLAGE, VILLAGE_2, Site


async def show(site: Site, venue: int, minutes: int, *, picture: int, sound: int) -> None:
    """The venue's screen tells of the next minutes, in seconds."""
    at = int(site.clock().timestamp() * 1000)
    site.clock.move(minutes=minutes)
    data = {"from_ms": at, "until_ms": at + 60_000 * minutes, "picture_s": picture, "sound_s": sound}
    await site.log(venue, f"node-{venue}").capture(
        lecture=site.lecture, kind=Kind.PICTURE, method=Method.SCREEN, data=data
    )


async def rows(site: Site, venue: int) -> dict[int, ReportRow]:
    found = await Reports(site.db, States(), site.clock).report(site.lecture, venue)
    return {row.venue_id: row for row in found.rows}


async def kept(site: Site) -> list[object]:
    query = sa.select(venue_record).order_by(venue_record.c.venue_id)
    return [tuple(row) for row in await site.db.read(lambda connection: connection.execute(query).all())]


async def test_one_line_says_how_many_were_there_and_what_they_saw(site: Site) -> None:
    log = site.log(VILLAGE, f"node-{VILLAGE}")
    for number in ("A1", "A2", "A3"):
        await log.capture(lecture=site.lecture, number=number)
    await show(site, VILLAGE, 60, picture=3456, sound=3492)
    await log.capture(lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": 4})
    await log.capture(lecture=site.lecture, kind=Kind.PRESENCE_CHECK)
    await log.capture(lecture=site.lecture, number="A1", kind=Kind.PRESENCE_CHECK)
    seen = await log.capture(lecture=site.lecture, number="A2", kind=Kind.PRESENCE_CHECK)
    row = (await rows(site, TOWNSHIP))[VILLAGE]
    assert (row.present, row.told.picture_percent, row.told.sound_percent) == (3, 96, 97)
    assert (row.told.headcount, row.told.counted_present) == (4, 3)
    assert (row.told.seen, row.told.checked_present) == (2, 3)
    await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=seen.event.id)
    assert (await rows(site, TOWNSHIP))[VILLAGE].told.seen == 1


async def test_a_row_with_venues_below_says_how_many_showed_and_their_mean(site: Site) -> None:
    await show(site, VILLAGE, 10, picture=600, sound=600)
    site.clock.move(minutes=-10)
    await show(site, VILLAGE_2, 10, picture=300, sound=0)
    told = (await rows(site, COUNTY))[TOWNSHIP].told
    assert (told.shown, told.picture_percent, told.sound_percent) == (2, 75, 50)
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    site.clock.move(minutes=10)
    await site.lectures.start(site.lecture)
    await site.lectures.stop(site.lecture)  # it was twice as long
    await until_judged(site)
    assert (await rows(site, COUNTY))[TOWNSHIP].told.picture_percent == 38
    header, line, *_ = read(report_csv(await Reports(site.db, States(), site.clock).report(site.lecture, COUNTY)))
    cells = dict(zip(header, line, strict=True))
    assert (cells["shown"], cells["picture_percent"], cells["headcount"]) == ("2", "38", "")


async def test_screens_that_showed_nothing_count_as_0_and_venues_without_a_screen_do_not(site: Site) -> None:
    await site.log(VILLAGE_2, f"node-{VILLAGE_2}").capture(
        lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": 2}
    )
    await show(site, VILLAGE, 10, picture=0, sound=0)
    for venue, row in ((TOWNSHIP, VILLAGE), (COUNTY, TOWNSHIP)):
        told = (await rows(site, venue))[row].told
        assert (told.shown, told.picture_percent, told.sound_percent) == (1, 0, 0)
    assert (await rows(site, TOWNSHIP))[VILLAGE_2].told.picture is None
    site.clock.move(minutes=-10)
    await show(site, TOWNSHIP, 10, picture=600, sound=300)
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    told = (await rows(site, COUNTY))[TOWNSHIP].told
    assert (told.shown, told.picture_percent, told.sound_percent) == (2, 50, 25)


async def test_picture_is_cut_to_the_lecture_when_its_times_are_known(site: Site) -> None:
    await show(site, VILLAGE, 10, picture=600, sound=600)
    await site.lectures.stop(site.lecture)
    await show(site, VILLAGE, 10, picture=600, sound=600)  # the screen saw the end a little late
    await until_judged(site)
    record = await record_of(site.db, site.lecture, VILLAGE)
    assert (record.picture_s, record.told_s) == (600, 600)
    assert (await rows(site, TOWNSHIP))[VILLAGE].told.picture_percent == 100


async def test_in_whatever_order_it_came_it_is_what_a_rebuild_says(site: Site) -> None:
    chance, log = random.Random(5), site.log(VILLAGE, f"node-{VILLAGE}")
    for number in ("A1", "A2"):
        await log.capture(lecture=site.lecture, number=number)
    for minute in range(6):
        await show(site, chance.choice([VILLAGE, VILLAGE_2]), 5, picture=chance.randint(0, 300), sound=250)
        site.clock.move(minutes=-minute % 3)
    await log.capture(lecture=site.lecture, kind=Kind.PRESENCE_CHECK)
    seen = await log.capture(lecture=site.lecture, number="A1", kind=Kind.PRESENCE_CHECK)
    counted = await log.capture(lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": 2})
    await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=seen.event.id)
    await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=counted.event.id)
    found, events = await kept(site), await site.log().outbox(500)
    await site.log().rebuild(site.lecture)
    assert await kept(site) == found != []
    wires = [to_wire(event) for event in events]
    chance.shuffle(wires)
    await site.db.write(lambda connection: _empty(connection))
    for start in range(0, len(wires), 3):
        await site.log(PROVINCE, "root").ingest(wires[start : start + 3], PROVINCE)
    assert await kept(site) == found


async def test_the_summary_says_what_the_records_say(site: Site) -> None:
    await show(site, VILLAGE, 30, picture=1700, sound=1750)
    await show(site, PROVINCE, 30, picture=900, sound=1000)
    await site.log(VILLAGE_2, "node-9").capture(lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": 5})
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    computed, summaries = await everything(site), Summaries(site.db)
    while await summaries.refresh():
        pass
    assert await everything(site) == computed
    assert await summaries.rebuild([site.lecture]) == 0
    assert (await rows(site, PROVINCE))[PROVINCE].told.shown == 2


async def test_an_erased_person_was_still_seen(site: Site) -> None:
    log = site.log(VILLAGE)
    for number in ("A1", "A2"):
        await log.capture(lecture=site.lecture, number=number)
    await log.capture(lecture=site.lecture, kind=Kind.PRESENCE_CHECK)
    for number in ("A1", "A2"):
        await log.capture(lecture=site.lecture, number=number, kind=Kind.PRESENCE_CHECK)
    await show(site, VILLAGE, 10, picture=600, sound=600)
    before = await kept(site)
    names = {person_id("A1"): "9b8f7b0e-0000-4000-8000-000000000001"}
    await site.db.write(lambda connection: blank(connection, site.lecture, names, lambda *_: True))
    assert await kept(site) == before
    await site.log().rebuild(site.lecture)
    assert await kept(site) == before


def _empty(connection: sa.Connection) -> None:
    for name in ("event", "stream", "presence", "venue_record"):
        connection.execute(sa.text(f"DELETE FROM {name}"))  # a disk that is new
