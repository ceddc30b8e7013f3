from __future__ import annotations

import dataclasses

from sqlalchemy.engine import Connection

from attendance import Kind, Method, Outcome
from attendance.event import Event, to_wire
from attendance.streams import Stream
from tests.attendance.world import COUNTY, PROVINCE, VILLAGE, Site, an_event
from venues.store import set_meta
from venues.tables import venue, venue_closure

KEY = ("node-9", 7)


async def take(site: Site, *numbers: int) -> None:
    results = await site.log(PROVINCE).ingest([to_wire(of(n)) for n in numbers], COUNTY)
    assert all(result.outcome is not Outcome.QUARANTINED for result in results)


def of(n: int, **changed: object) -> Event:
    return an_event(n, person=None, number=None, name=f"客{n}", **changed)


async def test_the_mark_follows_what_arrives(site: Site) -> None:
    journey = site.log(PROVINCE).journey
    assert await journey.streams([KEY]) == []
    await take(site, 1, 2, 4)
    (one,) = await journey.streams([KEY])
    assert (one.upto, one.beyond, one.root) == (2, ((4, 4),), 0)
    await take(site, 3, 4)
    assert [one.upto for one in await journey.streams([KEY])] == [4]
    assert [one.upto for one in await journey.uncovered(10)] == [4]
    assert await journey.uncovered(10, KEY) == []


async def test_at_the_root_what_is_here_is_at_the_root(site: Site) -> None:
    await take(site, 1, 2)
    journey = site.log(PROVINCE, is_root=True).journey
    assert [one.root for one in await journey.streams([KEY])] == [2]
    assert await journey.uncovered(10) == []


async def test_the_roots_marks_come_down_and_never_beyond_what_is_here(site: Site) -> None:
    journey = site.log(PROVINCE).journey
    await take(site, 1, 2, 3)
    told = Stream(node="node-9", epoch=7, upto=2, root=2)
    assert (await journey.learn([told])).moved == 1
    assert (await journey.learn([told])).moved == 0
    assert [one.root for one in await journey.uncovered(10)] == [2]
    learned = await journey.learn([dataclasses.replace(told, upto=9, root=9)])
    assert (learned.moved, len(learned.lacking)) == (1, 1)
    assert [one.root for one in await journey.streams([KEY])] == [3]


async def test_own_events_count_and_a_disk_that_was_set_back_begins_a_new_epoch(site: Site) -> None:
    log = site.log()
    first = (await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)).event
    assert [one.upto for one in await log.journey.streams([("node-1", first.epoch)])] == [1]
    told = Stream(node="node-1", epoch=first.epoch, upto=1)
    assert not (await log.journey.learn([told])).lacking
    site.clock.move(hours=-3)
    assert (await log.journey.learn([dataclasses.replace(told, upto=5)])).lacking
    second = (await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)).event
    assert (second.epoch > first.epoch, second.seq) == (True, 1)


async def test_a_copied_disk_begins_a_new_epoch(site: Site) -> None:
    log = site.log()
    first = (await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)).event
    await log.journey.learn([Stream(node="node-1", epoch=first.epoch, upto=1, forked_at=1)])
    second = (await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)).event
    assert (second.epoch > first.epoch, second.seq) == (True, 1)


async def test_what_was_sent_before_comes_back(site: Site) -> None:
    await take(site, 1, 2, 3)
    journey = site.log(PROVINCE).journey
    page = await journey.received(COUNTY, 0, 2)
    assert [event.seq for _, event in page] == [1, 2]
    (last,) = await journey.received(COUNTY, page[-1][0], 2)
    assert last[1] == of(3)
    again = site.log(PROVINCE)
    wires = [to_wire(of(n)) for n in (2, 3, 4)]
    assert await again.journey.restore([*wires, None]) == 1
    assert await again.journey.restore(wires) == 0
    assert [event.seq for event in await again.outbox(10)] == [1, 2, 3]  # the fourth need not go up


async def test_the_nodes_below_are_told_of_by_page(site: Site) -> None:
    log = site.log()
    await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)
    assert await log.journey.below(VILLAGE, 10) == []  # no node is enrolled in the table of nodes here


async def test_quarantine_is_judged_anew(site: Site) -> None:
    log = site.log(PROVINCE)
    newer = to_wire(of(1)) | {"later": 1}
    outside = to_wire(of(2, venue=99))
    results = await log.ingest([newer, outside, to_wire(of(3))], COUNTY)
    assert [result.outcome.value for result in results] == ["quarantined", "quarantined", "accepted"]
    assert await log.release() == 0

    def grow(connection: Connection) -> None:
        place = {"id": 99, "code": "X", "name": "X", "level": 4, "parent_id": COUNTY}
        connection.execute(venue.insert().values(**place))
        rows = [{"ancestor": ancestor, "descendant": 99, "depth": 9} for ancestor in (PROVINCE, COUNTY, 99)]
        connection.execute(venue_closure.insert(), rows)
        set_meta(connection, "tree_version", "another")

    await site.db.write(grow)
    assert await log.release() == 1
    assert await log.release() == 0
    assert [event.seq for event in await log.outbox(10)] == [3, 2]
    (result,) = await log.ingest([outside], COUNTY)
    assert result.outcome is Outcome.DUPLICATE


async def test_a_kind_nobody_knows_counts_for_the_mark_too(site: Site) -> None:
    log = site.log(PROVINCE)
    await log.ingest([to_wire(of(1, kind="later")), to_wire(of(2, kind=Kind.SIGN_OUT))], COUNTY)
    assert [one.upto for one in await log.journey.streams([KEY])] == [2]
