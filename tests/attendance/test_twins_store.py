from __future__ import annotations

import datetime as dt

from sqlalchemy.engine import Connection

from attendance import streams_store
from attendance.streams import Stream
from attendance.twins_store import Twin, TwinKind, Twins
from tests.attendance.world import CITY_2, COUNTY, PROVINCE, VILLAGE, VILLAGE_2, Site
from venues.tables import node

AT = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)


def enrol(connection: Connection, id_: str, venue: int, *, revoked: bool = False) -> None:
    fields = {"public_key": "k", "enrolled_at": AT, "own": True, "revision": 1, "below_revision": 0}
    gone = AT if revoked else None
    connection.execute(node.insert().values(id=id_, venue_id=venue, revoked_at=gone, **fields))


async def test_a_node_that_gave_numbers_twice_and_a_venue_with_two_nodes(site: Site) -> None:
    twins = Twins(site.db)

    def work(connection: Connection) -> None:
        enrol(connection, "a", VILLAGE)
        enrol(connection, "gone", VILLAGE, revoked=True)
        enrol(connection, "b", VILLAGE_2)
        streams_store.put(connection, [Stream(node="a", epoch=1, upto=3), Stream(node="b", epoch=1, upto=3)])

    await site.db.write(work)
    assert await twins.list(PROVINCE) == []

    def fork(connection: Connection) -> None:
        enrol(connection, "c", VILLAGE_2)
        forked = [Stream(node="a", epoch=epoch, upto=3, forked_at=2) for epoch in (1, 2)]
        streams_store.put(connection, forked)

    await site.db.write(fork)
    copied = Twin(kind=TwinKind.COPIED, venue_id=VILLAGE, venue="V1名", nodes=("a",), times=2)
    two = Twin(kind=TwinKind.TWO_NODES, venue_id=VILLAGE_2, venue="V2名", nodes=("b", "c"))
    assert await twins.list(PROVINCE) == [copied, two]
    assert await twins.list(COUNTY) == [copied, two]
    assert await twins.list(VILLAGE) == [copied]
    assert await twins.list(CITY_2) == []
