from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from attendance import EventLog, Method, Outcome, Result
from attendance.event import Event, to_wire
from attendance.follow import LOOK_S, MOST_S, PAGE, RANGES_MOST, Follower, from_wire, wait_s
from attendance.follow import to_wire as stream_to_wire
from attendance.store import events_of
from attendance.streams import Stream
from attendance.streams_store import Key
from attendance.tables import event as event_table
from tests.attendance.world import COUNTY, PROVINCE, VILLAGE, Entropy, Site, an_event, below
from venues.database import Database


def test_the_wait_grows_to_its_most_and_is_spread() -> None:
    assert [wait_s(5, rounds, 1.0) for rounds in range(6)] == [5, 10, 20, 40, MOST_S, MOST_S]
    assert wait_s(5, 0, 0.0) == 2.5
    assert wait_s(3600, 9, 1.0) == 3600


def test_a_stream_survives_the_wire() -> None:
    one = Stream(node="n", epoch=3, upto=5, beyond=((7, 8), (10, 12)), forked_at=4, root=2)
    wire = stream_to_wire(one)
    assert from_wire(wire) == one
    older = from_wire({key: value for key, value in wire.items() if key != "beyond"})
    assert older == dataclasses.replace(one, beyond=((12, 12),))
    assert (older.last, older.mark) == (one.last, one.mark)
    torn = dataclasses.replace(one, beyond=tuple((n, n) for n in range(7, 7 + 2 * RANGES_MOST + 2, 2)))
    crossed = from_wire(stream_to_wire(torn))
    assert (len(crossed.beyond), crossed.last) == (RANGES_MOST, torn.last)
    with pytest.raises(ValueError, match="-1"):
        from_wire(wire | {"root": -1})
    with pytest.raises(TypeError):
        from_wire(wire | {"beyond": "7-8"})


class Above:
    """The parent's log as its child asks it; `down`: it does not answer."""

    def __init__(self, log: EventLog, child: int) -> None:
        self.log = log
        self.child = child
        self.down = False
        self.life = "first"
        self.asked: list[Sequence[Key]] = []

    async def streams(self, keys: Sequence[Key]) -> list[Stream] | None:
        self.asked.append(keys)
        return None if self.down else _crossed(await self.log.journey.streams(keys))

    async def below(self, after: Key) -> list[Stream] | None:
        known = [("node-1", epoch) for epoch in self.epochs]
        return None if self.down else _crossed(await self.log.journey.streams(known))

    epochs: tuple[int, ...] = ()

    async def sent(self, after: int) -> tuple[list[object], int | None] | None:
        if self.down:
            return None
        page = await self.log.journey.received(self.child, after, 2)
        return [to_wire(event) for _, event in page], page[-1][0] if len(page) == 2 else None


def _crossed(streams: Sequence[Stream]) -> list[Stream]:
    return [from_wire(stream_to_wire(one)) for one in streams]


@pytest.fixture
async def child(site: Site, tmp_path: Path) -> AsyncIterator[Site]:
    found = await below(site, COUNTY, tmp_path)
    yield found
    await found.db.close()


async def hand_up(log: EventLog, above: EventLog) -> None:
    events = await log.outbox(100)
    await log.mark(await above.ingest([to_wire(event) for event in events], COUNTY))


async def held(site: Site) -> list[Event]:
    """All that is here, in order: nothing of it waits at a root."""
    query = sa.select(event_table).order_by(event_table.c.position)
    return await site.db.read(lambda connection: events_of(connection, query))


def follower(log: EventLog, above: Above) -> Follower:
    return Follower(log.journey, above, interval_s=1, random=lambda: 0.0)


async def test_the_roots_mark_is_asked_for_until_it_covers_everything(site: Site, child: Site) -> None:
    log, root = child.log(VILLAGE), site.log(PROVINCE, node="root", is_root=True)
    above = Above(root, COUNTY)
    follow = follower(log, above)
    assert await follow.ask()  # nothing to ask for
    assert above.asked == []
    for _ in range(3):
        await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)
    assert not await follow.ask()  # not there yet
    await hand_up(log, root)
    above.down = True
    assert not await follow.ask()
    above.down = False
    assert await follow.ask()
    assert await log.journey.uncovered(10) == []
    asked = len(above.asked)
    assert await follow.ask()
    assert len(above.asked) == asked


async def test_a_disk_that_was_set_back_gets_everything_again(
    site: Site, child: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log, root = child.log(VILLAGE), site.log(PROVINCE, node="root", is_root=True)
    events = [(await log.capture(lecture=site.lecture, name=f"客{n}", method=Method.WALK_IN)).event for n in range(5)]
    await hand_up(log, root)
    # The node comes back with its identity and an older state of its disk: nothing at all, then one event.
    fresh = await below(site, COUNTY, tmp_path_factory.mktemp("older"))
    fresh.entropy = Entropy(99)
    again = fresh.log(VILLAGE)
    above = Above(root, COUNTY)
    above.epochs = (events[0].epoch,)
    above.down = True
    assert not await follower(again, above).look_back()
    above.down = False
    fresh.clock.move(seconds=-1)
    early = (await again.capture(lecture=site.lecture, name="早", method=Method.WALK_IN)).event
    assert await follower(again, above).look_back()
    assert await again.outbox(10) == [early]  # what came back need not go up again
    await hand_up(again, root)
    assert {event.id for event in await held(site)} == {event.id for event in [*events, early]}
    assert await again.journey.restore([to_wire(event) for event in events]) == 0
    await fresh.db.close()


async def walk_in(log: EventLog, lecture: str, name: str) -> str:
    return (await log.capture(lecture=lecture, name=name, method=Method.WALK_IN)).event.id


async def test_what_the_parent_has_lost_goes_up_again(
    site: Site, child: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log, root = child.log(VILLAGE), site.log(PROVINCE, node="root", is_root=True)
    ids = [await walk_in(log, site.lecture, f"客{n}") for n in range(3)]
    await hand_up(log, root)
    older = await below(site, PROVINCE, tmp_path_factory.mktemp("backup"))
    backup = older.log(PROVINCE, node="root", is_root=True)
    await backup.ingest([to_wire(event) for event in (await held(site))[:2]], COUNTY)
    more = [await walk_in(log, site.lecture, f"客{n}") for n in range(3, 5)]
    await hand_up(log, root)
    assert await follower(log, Above(root, COUNTY)).look_back()
    assert await follower(log, Above(root, COUNTY)).ask()
    assert (await log.outbox(100), await log.journey.uncovered(9)) == ([], [])
    child.changes = 0
    above = Above(backup, COUNTY)
    above.down = True
    assert not await follower(log, above).look_back()
    above.down = False
    assert await follower(log, above).look_back()
    assert [event.id for event in await log.outbox(100)] == [ids[2], *more]
    assert child.changes == 1  # the uploader is woken
    assert [one.root for one in await log.journey.uncovered(9)] == [2]
    await hand_up(log, backup)
    assert {event.id for event in await held(older)} == {*ids, *more}
    assert await follower(log, above).look_back()
    assert await follower(log, above).ask()
    assert (await log.outbox(100), await log.journey.uncovered(9)) == ([], [])
    await older.db.close()


async def test_what_the_parent_keeps_aside_does_not_go_up_for_ever(site: Site, child: Site) -> None:
    log, root = child.log(VILLAGE), site.log(PROVINCE, node="root", is_root=True)
    ids = [await walk_in(log, site.lecture, f"客{n}") for n in range(3)]
    events = await log.outbox(100)
    results = await root.ingest([to_wire(event) for event in (events[0], events[2])], COUNTY)
    await log.mark([*results, Result(id=ids[1], outcome=Outcome.QUARANTINED, code="venue_outside")])
    assert await follower(log, Above(root, COUNTY)).look_back()
    assert await log.outbox(100) == []


async def test_what_nobody_can_be_sure_of_goes_up_once_in_each_life_of_the_parent(site: Site, child: Site) -> None:
    log, root = child.log(VILLAGE), site.log(PROVINCE, node="root", is_root=True)
    for n in range(3):
        await walk_in(log, site.lecture, f"客{n}")
    events = await log.outbox(100)
    twin = an_event(9, node=events[1].node, epoch=events[1].epoch, seq=events[1].seq, lecture=site.lecture)
    await root.ingest([to_wire(twin)], COUNTY)
    await hand_up(log, root)
    above = Above(root, COUNTY)
    follow = follower(log, above)
    assert await follow.look_back()
    assert [event.seq for event in await log.outbox(100)] == [2, 3]
    await hand_up(log, root)
    assert await follow.look_back()
    assert await log.outbox(100) == []
    above.life = "second"
    assert await follow.look_back()
    assert [event.seq for event in await log.outbox(100)] == [2, 3]


async def test_it_looks_back_at_each_start_of_the_parent_and_each_hour(site: Site, child: Site) -> None:
    log, root = child.log(VILLAGE), site.log(PROVINCE, node="root", is_root=True)
    await walk_in(log, site.lecture, "客")
    await hand_up(log, root)
    above, slept = Above(root, COUNTY), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 5:
            above.life = "second"
        if sum(slept) > LOOK_S * 1.1:
            raise EndOfTest

    with pytest.raises(EndOfTest):
        await Follower(log.journey, above, interval_s=60, random=lambda: 0.0, sleep=sleep).run()
    looked = [keys for keys in above.asked if len(keys) == 1]
    assert len(looked) == 4  # the first, the mark, the second life, an hour later


async def test_a_disk_that_counted_on_after_it_was_set_back_gets_its_events_back(
    site: Site, child: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log, root = child.log(VILLAGE), site.log(PROVINCE, node="root", is_root=True)
    lost = [await walk_in(log, site.lecture, f"客{n}") for n in range(2)]
    epoch = (await log.outbox(1))[0].epoch
    await hand_up(log, root)
    fresh = await below(site, COUNTY, tmp_path_factory.mktemp("older"))
    fresh.entropy = Entropy(99)
    again, above = fresh.log(VILLAGE), Above(root, COUNTY)
    above.epochs = (epoch,)
    new = [await walk_in(again, site.lecture, f"又{n}") for n in range(3)]  # numbers 1 to 3, of which two were given
    await hand_up(again, root)
    follow = follower(again, above)
    assert not await follow.ask()
    known = {event.id for event in await again.outbox(100)}
    assert known == set()
    found = await again.journey.received(PROVINCE, 0, 100)
    assert {event.id for _, event in found} == set(lost)
    asked = len(above.asked)
    assert not await follow.ask()  # the fork stays; nothing is taken back twice
    assert len(above.asked) == asked + 1
    later = (await again.capture(lecture=site.lecture, name="后", method=Method.WALK_IN)).event
    assert (later.epoch > epoch, later.seq) == (True, 1)
    assert await follow.look_back()
    assert {event.id for event in await again.outbox(100)} >= {
        *new,
        later.id,
    }  # nobody knows which of two the parent has
    await hand_up(again, root)
    assert {event.id for event in await held(site)} == {*lost, *new, later.id}
    await fresh.db.close()


class EndOfTest(Exception):
    pass


async def test_many_streams_are_asked_for_by_page(site: Site, database: Database) -> None:
    log = site.log(COUNTY)
    told = [Stream(node=f"n{n:04}", epoch=1, upto=1) for n in range(PAGE + 3)]
    from attendance import streams_store

    await database.write(lambda connection: streams_store.put(connection, told))
    above = Above(site.log(PROVINCE, is_root=True), COUNTY)
    assert await follower(log, above).ask()
    assert [len(keys) for keys in above.asked] == [PAGE, 3]


async def test_news_end_a_long_wait(site: Site, child: Site) -> None:
    log, root = child.log(VILLAGE), site.log(PROVINCE, node="root", is_root=True)
    slept: list[float] = []
    sleeps = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) != 2:  # the one after the news is over at once, the others never are
            sleeps.set()
            await asyncio.Event().wait()

    follow = Follower(log.journey, Above(root, COUNTY), interval_s=1, random=lambda: 0.0, sleep=sleep)
    await walk_in(log, site.lecture, "客")
    task = asyncio.create_task(follow.run())
    try:
        async with asyncio.timeout(30):
            await sleeps.wait()
            sleeps.clear()
            await hand_up(log, root)
            follow.expect()
            await sleeps.wait()
        assert await log.journey.uncovered(10) == []
        assert slept == [1.0, 0.5, 0.5]  # in vain, soon, after a success
    finally:
        task.cancel()
        await asyncio.wait([task])
