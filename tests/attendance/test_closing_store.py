from __future__ import annotations

import random

import pytest

from attendance import Kind, Method, closing, person_id
from attendance.closing import VenueState, standing
from attendance.closing_store import Closings
from attendance.event import Event, to_wire
from tests.attendance.world import COUNTY, PROVINCE, VILLAGE, Site, below
from venues.status import Presence


async def closed_day(site: Site, child: Site) -> list[Event]:
    """A village's day: two people, a headcount, closed."""
    log = child.log(VILLAGE)
    for number in ("A1", "A2"):
        await log.capture(lecture=site.lecture, person=person_id(number))
    await log.capture(lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": 2})
    await log.close(lecture=site.lecture)
    return await log.outbox(10)


@pytest.mark.parametrize("seed", range(3))
async def test_a_venue_is_final_when_everything_that_it_closed_is_here(
    site: Site, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    child = await below(site, VILLAGE, tmp_path_factory.mktemp("child"))
    events = await closed_day(site, child)
    random.Random(seed).shuffle(events)
    parent, closings = site.log(PROVINCE), Closings(site.db)
    for count, event in enumerate(events, 1):
        await parent.ingest([to_wire(event)], COUNTY)
        found = (await closings.of(site.lecture, [VILLAGE])).get(VILLAGE, [])
        here = standing(Presence.CONNECTED, 0, found)
        if count == len(events):
            assert (here.state, here.behind) == (VenueState.FINAL, 0)
        else:
            assert here.state is (VenueState.BEHIND if found else VenueState.CONNECTED)
            assert here.behind == (len(events) - count if found else 0)
    await child.db.close()


async def test_opened_again_it_is_not_final_until_closed_again(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    child = await below(site, VILLAGE, tmp_path_factory.mktemp("child"))
    await closed_day(site, child)
    log = child.log(VILLAGE)
    await log.reopen(lecture=site.lecture, reason="还有人")
    await site.log(PROVINCE).ingest([to_wire(event) for event in await log.outbox(10)], COUNTY)
    found = await Closings(site.db).of(site.lecture)
    assert standing(Presence.SILENT, 0, found[VILLAGE]).state is VenueState.SILENT
    await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)
    await log.close(lecture=site.lecture)
    await site.log(PROVINCE).ingest([to_wire(event) for event in await log.outbox(10)], COUNTY)
    (one,) = (await Closings(site.db).of(site.lecture))[VILLAGE]
    assert (one.complete, one.count, one.here) == (True, 6, 6)
    own = (await Closings(child.db).of(site.lecture))[VILLAGE]
    assert own == [one]  # at the venue's own node it is the same
    await child.db.close()


def test_the_states_of_a_venue() -> None:
    assert standing(Presence.NEVER_SEEN, 0, []).state is VenueState.NEVER_SEEN
    assert standing(Presence.SILENT, 0, []).state is VenueState.SILENT
    assert standing(Presence.CONNECTED, 0, []).state is VenueState.CONNECTED
    assert standing(Presence.CONNECTED, 3, []) == closing.Standing(state=VenueState.BEHIND, behind=3)
