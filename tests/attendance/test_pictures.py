from __future__ import annotations

import asyncio

import pytest

from attendance import Kind
from attendance.closing import VenueState, standing
from attendance.closing_store import Closings
from attendance.event import Event
from attendance.lectures import LectureUnknown
from attendance.picture import Period, PictureAbsurd
from attendance.pictures import Pictures
from attendance.records_store import record_of
from tests.attendance.world import VILLAGE, Site, an_event
from venues.status import Presence


def pictures(site: Site) -> Pictures:
    return Pictures(site.db, site.log(), VILLAGE, site.clock)


def period(number: int, picture: int = 10_000, sound: int = 10_000, ago: int = 0) -> Period:
    return Period(number=number, ago_ms=ago, span_ms=10_000, picture_ms=picture, sound_ms=sound)


async def play(site: Site, seconds: int, first: int = 1, screen: str = "screen-1") -> None:
    for number in range(first, first + seconds // 10):
        site.clock.move(seconds=10)
        await pictures(site).told(site.lecture, screen, [period(number)])


async def events(site: Site) -> list[Event]:
    return [event for event in await site.log().outbox(100) if event.kind == Kind.PICTURE]


async def test_what_is_told_is_known_at_once_and_written_now_and_then(site: Site) -> None:
    await play(site, 50)
    assert await events(site) == []
    assert (await pictures(site).so_far(site.lecture)).picture_s == 50
    await play(site, 60, first=6)
    (event,) = await events(site)
    assert (event.method, event.device, event.operator, event.subject) == ("screen", None, None, f"venue:{VILLAGE}")
    assert (event.data or {})["picture_s"] == 60
    found = await pictures(site).so_far(site.lecture)
    assert (found.picture_s, found.sound_s, found.told_s) == (110, 110, 110)
    site.clock.move(seconds=40)
    await pictures(site).settle()  # nobody tells anything more
    assert len(await events(site)) == 2
    assert (await record_of(site.db, site.lecture, VILLAGE)).picture_s == 110
    site.clock.move(minutes=20)
    await pictures(site).settle()
    await pictures(site).settle()
    assert (await pictures(site).so_far(site.lecture)).picture_s == 110


async def test_handing_in_takes_the_last_seconds_along(site: Site) -> None:
    await play(site, 30)
    closed = await site.log().close(lecture=site.lecture)
    assert (closed.event.data or {})["count"] == 1
    assert (await record_of(site.db, site.lecture, VILLAGE)).picture_s == 30
    await play(site, 20, first=4)  # and what is told afterwards is not lost
    site.clock.move(minutes=1)
    await pictures(site).settle()
    assert (await record_of(site.db, site.lecture, VILLAGE)).picture_s == 50
    found = (await Closings(site.db).of(site.lecture, [VILLAGE]))[VILLAGE]
    assert standing(Presence.CONNECTED, 0, found).state is VenueState.FINAL


async def test_a_node_that_begins_anew_goes_on_where_it_was(site: Site) -> None:
    await play(site, 30)
    await pictures(site).told(site.lecture, "screen-1", [period(3)])  # the answer was lost
    await play(site, 20, first=4)
    assert (await pictures(site).so_far(site.lecture)).picture_s == 50


async def test_what_is_told_while_the_old_is_forgotten_is_kept(site: Site) -> None:
    await play(site, 30)
    site.clock.move(minutes=1)
    await pictures(site).settle()
    site.clock.move(minutes=20)
    await asyncio.gather(pictures(site).settle(), pictures(site).told(site.lecture, "screen-2", [period(1)]))
    assert (await pictures(site).so_far(site.lecture)).picture_s == 40


async def test_what_cannot_be_is_refused_and_changes_nothing(site: Site) -> None:
    await play(site, 10)
    with pytest.raises(PictureAbsurd):
        await pictures(site).told(site.lecture, "screen-1", [period(2, picture=60_000)])
    with pytest.raises(LectureUnknown):
        await pictures(site).told(an_event().id, "screen-1", [period(2)])
    assert (await pictures(site).so_far(site.lecture)).picture_s == 10
