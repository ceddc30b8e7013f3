from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from attendance import Kind, Method
from attendance.outbox_store import DAMAGED
from attendance.quarantine_store import Quarantine
from attendance.tables import event as table
from tests.attendance.world import PROVINCE, VILLAGE, Site


@pytest.mark.parametrize("damage", [{"data": '{"people":1'}, {"data": "7"}, {"name": "李四"}, {"seq": 9}])
async def test_a_damaged_row_is_kept_aside_and_holds_up_nothing(site: Site, damage: dict[str, object]) -> None:
    log = site.log(VILLAGE)
    events = [
        (await log.capture(lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": n})).event for n in range(3)
    ]
    spoil = table.update().where(table.c.id == events[1].id).values(damage)
    await site.db.write(lambda connection: connection.execute(spoil) and None)
    assert await log.outbox(10) == [events[0], events[2]]
    assert await log.outbox(1) == [events[0]]
    assert (await log.pending())[0] == 2
    code = sa.select(table.c.upload_code).where(table.c.id == events[1].id)
    assert await site.db.read(lambda connection: connection.scalar(code)) == DAMAGED
    (kept,) = await Quarantine(site.db).entries(PROVINCE)
    assert (kept.code, kept.venue_id, kept.event) == (DAMAGED, VILLAGE, events[1].id)
    assert json.loads(kept.raw)["lecture"] == site.lecture
    assert await log.release() == 0


async def test_figures_that_cannot_be_read_take_nobody_out(site: Site) -> None:
    log = site.log(VILLAGE)
    event = (await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN, data={"x": 1})).event
    spoil = table.update().where(table.c.id == event.id).values(data="{")
    await site.db.write(lambda connection: connection.execute(spoil) and None)
    await log.rebuild(site.lecture)
    found = await log.event(event.id)
    assert found is not None
    assert (found.name, found.data) == ("客", None)
