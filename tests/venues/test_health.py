from __future__ import annotations

import dataclasses
import datetime as dt
import random

import pytest

from tests.venues.world import (
    CITY,
    CITY_2,
    COUNTY,
    PROVINCE,
    START,
    TOWNSHIP,
    VILLAGE,
    VILLAGE_2,
    Clock,
    report,
)
from venues import (
    Database,
    Health,
    NodeReport,
    Presence,
    StatusChange,
    StreamReport,
    StreamState,
    VenueStatus,
    VenueStore,
)
from venues.status import Tally

CONNECTED, SILENT, NEVER_SEEN = Presence.CONNECTED, Presence.SILENT, Presence.NEVER_SEEN


@pytest.fixture
def health(store: VenueStore, database: Database, clock: Clock) -> Health:
    return Health(database, clock, 35)


def change(revision: int, venue_id: int, presence: Presence = CONNECTED, minutes: int = 0) -> StatusChange:
    at = START + dt.timedelta(minutes=minutes)
    return StatusChange(
        revision=revision, venue_id=venue_id, presence=presence, since=at, last_seen=at, report=report()
    )


async def presences(health: Health, *venue_ids: int) -> list[Presence]:
    statuses = await health.statuses(venue_ids)
    return [statuses[venue_id].presence for venue_id in venue_ids]


async def test_connected_then_silent_then_back(health: Health, clock: Clock) -> None:
    assert await health.statuses([CITY]) == {CITY: VenueStatus(venue_id=CITY, presence=NEVER_SEEN)}
    await health.heard(CITY, report(pending_events=3))
    expected = VenueStatus(
        venue_id=CITY, presence=CONNECTED, since=START, last_seen=START, report=report(pending_events=3)
    )
    assert await health.statuses([CITY]) == {CITY: expected}
    clock.move(35)
    assert await presences(health, CITY) == [CONNECTED]
    clock.move(1)
    silent = (await health.statuses([CITY]))[CITY]
    assert silent.presence is SILENT
    assert silent.since == START + dt.timedelta(seconds=35)
    assert silent.last_seen == START
    await health.heard(CITY, report())
    back = (await health.statuses([CITY]))[CITY]
    assert (back.presence, back.since) == (CONNECTED, clock.at)


async def test_everything_below_a_silent_node_is_silent(health: Health, clock: Clock) -> None:
    await health.heard(CITY, report(), [change(1, COUNTY), change(2, TOWNSHIP), change(3, VILLAGE, SILENT)])
    assert await presences(health, CITY, COUNTY, TOWNSHIP, VILLAGE, VILLAGE_2, CITY_2) == [
        CONNECTED,
        CONNECTED,
        CONNECTED,
        SILENT,
        NEVER_SEEN,
        NEVER_SEEN,
    ]
    clock.move(60)
    assert await presences(health, CITY, COUNTY, TOWNSHIP, VILLAGE, VILLAGE_2) == [SILENT] * 4 + [NEVER_SEEN]
    statuses = await health.statuses([COUNTY])
    assert statuses[COUNTY].since == START + dt.timedelta(seconds=35)
    await health.heard(CITY, report(), base=3)
    assert await presences(health, CITY, COUNTY, TOWNSHIP, VILLAGE) == [CONNECTED, CONNECTED, CONNECTED, SILENT]


async def test_a_node_in_between_falls_silent(health: Health) -> None:
    await health.heard(CITY, report(), [change(1, COUNTY), change(2, TOWNSHIP), change(3, VILLAGE)])
    await health.heard(CITY, report(), [change(4, COUNTY, SILENT)], base=3)
    assert await presences(health, CITY, COUNTY, TOWNSHIP, VILLAGE) == [CONNECTED, SILENT, SILENT, SILENT]
    # The township found another way: later news than the county's silence.
    await health.heard(CITY, report(), [change(5, TOWNSHIP, CONNECTED, minutes=1)], base=4)
    assert await presences(health, COUNTY, TOWNSHIP, VILLAGE) == [SILENT, CONNECTED, SILENT]


async def test_counts(health: Health, clock: Clock) -> None:
    nothing = {CONNECTED: 0, SILENT: 0, NEVER_SEEN: 0}
    assert await health.counts(VILLAGE) == {}
    assert await health.counts(TOWNSHIP) == {4: nothing | {NEVER_SEEN: 2}}
    await health.heard(CITY, report(), [change(1, COUNTY), change(2, TOWNSHIP), change(3, VILLAGE)])
    await health.heard(CITY_2, report())
    assert await health.counts(PROVINCE) == {
        1: nothing | {CONNECTED: 2},
        2: nothing | {CONNECTED: 1, NEVER_SEEN: 1},
        3: nothing | {CONNECTED: 1},
        4: nothing | {CONNECTED: 1, NEVER_SEEN: 1},
    }
    clock.move(30)
    await health.heard(CITY_2, report())
    clock.move(10)
    assert await health.counts(PROVINCE) == {
        1: nothing | {CONNECTED: 1, SILENT: 1},
        2: nothing | {SILENT: 1, NEVER_SEEN: 1},
        3: nothing | {SILENT: 1},
        4: nothing | {SILENT: 1, NEVER_SEEN: 1},
    }
    assert (await health.counts(TOWNSHIP))[4] == nothing | {SILENT: 1, NEVER_SEEN: 1}


async def test_only_news_goes_up(health: Health, clock: Clock) -> None:
    await health.heard(COUNTY, report(), [change(1, TOWNSHIP)])
    first = await health.changes_since(0)
    assert [(each.venue_id, each.presence) for each in first] == [(COUNTY, CONNECTED), (TOWNSHIP, CONNECTED)]
    known = first[-1].revision
    clock.move(10)
    seen = health.changed.count
    await health.heard(COUNTY, report(oldest_pending_s=3.0), base=1)
    assert await health.changes_since(known) == []
    assert health.changed.count == seen
    await health.heard(COUNTY, report(pending_events=1), base=1)
    assert [each.venue_id for each in await health.changes_since(known)] == [COUNTY]
    assert health.changed.count == seen + 1
    clock.move(40)
    silent = await health.changes_since(known)
    assert [(each.venue_id, each.presence) for each in silent] == [(COUNTY, SILENT)]
    assert health.changed.count == seen + 2
    assert await health.changes_since(silent[-1].revision) == []


async def test_changes_come_in_batches(health: Health) -> None:
    await health.heard(CITY, report(), [change(1, COUNTY), change(2, TOWNSHIP)])
    first = await health.changes_since(0, 2)
    rest = await health.changes_since(first[-1].revision, 2)
    assert [each.venue_id for each in first + rest] == [CITY, COUNTY, TOWNSHIP]


async def test_acknowledging_gaps_and_repeats(health: Health) -> None:
    assert await health.heard(CITY, report(), [change(4, COUNTY), change(9, TOWNSHIP)]) == 9
    known = (await health.changes_since(0))[-1].revision
    assert await health.heard(CITY, report(), [], base=9) == 9
    # The child knows more than was ever heard here: it must send all of it again.
    assert await health.heard(CITY_2, report(), [change(21, VILLAGE)], base=20) == 0
    # The child started again and repeats itself: no news.
    assert await health.heard(CITY, report(), [change(4, COUNTY), change(9, TOWNSHIP)], base=0) == 9
    news = await health.changes_since(known)
    assert [each.venue_id for each in news] == [CITY_2]


async def test_a_child_speaks_for_its_own_subtree_only(health: Health) -> None:
    below = [change(1, CITY_2), change(2, PROVINCE), change(3, COUNTY, SILENT), change(4, VILLAGE), change(5, 99)]
    assert await health.heard(COUNTY, report(), below) == 5
    assert await presences(health, PROVINCE, CITY_2, COUNTY, VILLAGE) == [NEVER_SEEN, NEVER_SEEN, CONNECTED, CONNECTED]


async def test_who_beats_here_itself_is_judged_here(health: Health, clock: Clock) -> None:
    await health.heard(VILLAGE, report(pending_events=7))
    await health.heard(COUNTY, report(), [change(1, VILLAGE, SILENT), change(2, TOWNSHIP)])
    assert await presences(health, VILLAGE) == [CONNECTED]
    clock.move(30)
    await health.heard(VILLAGE, report())
    clock.move(10)
    assert await presences(health, COUNTY, TOWNSHIP, VILLAGE) == [SILENT, SILENT, CONNECTED]
    clock.move(30)
    await health.heard(COUNTY, report(), [change(3, VILLAGE, CONNECTED, minutes=1)], base=2)
    assert await presences(health, VILLAGE) == [CONNECTED]


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_counted_is_what_the_venues_say_one_by_one(
    health: Health, store: VenueStore, clock: Clock, seed: int
) -> None:
    chance = random.Random(seed)
    told: dict[int, int] = {CITY: 0, CITY_2: 0}
    await health.heard(PROVINCE, report())
    everybody = await store.subtree(PROVINCE)
    for _ in range(12):
        clock.move(chance.choice([5, 5, 40]))
        child = chance.choice([CITY, CITY, CITY_2])
        below = chance.choice([COUNTY, TOWNSHIP, VILLAGE, VILLAGE_2])
        news = change(told[child] + 1, below, chance.choice([CONNECTED, SILENT]))
        waiting = report(pending_events=chance.choice([0, 0, 2]))
        news = dataclasses.replace(news, report=waiting)
        told[child] = await health.heard(child, waiting, [news], base=told[child])
    statuses = await health.statuses([venue.id for venue in everybody])
    tallies = await health.tallies([venue.id for venue in everybody])
    for venue in everybody:
        parts = [statuses[one.id] for one in await store.subtree(venue.id)]
        pending = [one.report.pending_events for one in parts if one.report]
        own = statuses[venue.id]
        assert tallies[venue.id] == Tally(
            presence=own.presence,
            pending=own.report.pending_events if own.report else 0,
            connected=sum(one.presence is CONNECTED for one in parts),
            silent=sum(one.presence is SILENT for one in parts),
            behind=sum(count > 0 for count in pending),
            pending_below=sum(pending),
        )


async def test_many_venues_at_once(health: Health) -> None:
    statuses = await health.statuses(range(1, 40_001))
    assert len(statuses) == 40_000
    assert {status.presence for status in statuses.values()} == {NEVER_SEEN}


async def test_which_hop_is_the_worst(health: Health, clock: Clock) -> None:
    def flowing(loss: float, round_trip_ms: float | None, lecture: str = "l") -> NodeReport:
        stream = StreamReport(lecture=lecture, kbit_s=1.0, loss=loss, viewers=0, round_trip_ms=round_trip_ms)
        return report(stream_state=StreamState.LIVE, stream=stream)

    def told(revision: int, venue_id: int, said: NodeReport) -> StatusChange:
        return dataclasses.replace(change(revision, venue_id), report=said)

    assert await health.worst_hops(PROVINCE, "l", 3) == []
    await health.heard(PROVINCE, flowing(0.0, None))
    below = [
        told(1, COUNTY, flowing(0.10, 20.0)),
        told(2, TOWNSHIP, flowing(0.11, 30.0)),
        told(3, VILLAGE, flowing(0.11, 700.0)),
        told(4, VILLAGE_2, flowing(0.9, 900.0, lecture="another")),
    ]
    await health.heard(CITY, flowing(0.0, 10.0), below)
    await health.heard(CITY_2, flowing(0.0, None))
    found = await health.worst_hops(PROVINCE, "l", 3)
    assert [(each.venue_id, each.above_id, round(each.loss, 3)) for each in found] == [
        (COUNTY, CITY, 0.1),
        (VILLAGE, TOWNSHIP, 0.0),
        (TOWNSHIP, COUNTY, 0.011),
    ]
    assert [each.round_trip_ms for each in found] == [20.0, 700.0, 30.0]
    assert [each.venue_id for each in await health.worst_hops(TOWNSHIP, "l", 9)] == [VILLAGE, TOWNSHIP]
    assert [each.venue_id for each in await health.worst_hops(PROVINCE, "another", 9)] == [VILLAGE_2]
    clock.move(60)  # the city has fallen silent, and everything below it
    await health.heard(CITY_2, flowing(0.0, None))
    assert [each.venue_id for each in await health.worst_hops(PROVINCE, "l", 9)] == [CITY_2]
