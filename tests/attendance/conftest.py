"""A small tree of venues in the database, and a node in it."""

from __future__ import annotations

import pytest

from attendance import LectureStore, PeopleStore
from tests.attendance.world import ROSTER, Clock, Entropy, Site, plant
from venues.database import Database


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def site(database: Database, clock: Clock) -> Site:
    """The province's node: the whole tree, a roster, one live lecture for everybody."""
    await plant(database)
    entropy = Entropy()
    await PeopleStore(database, entropy, clock).import_csv(ROSTER.encode())
    lectures = LectureStore(database, clock, entropy)
    lecture = await lectures.create("民法典", 1)
    await lectures.start(lecture.id)
    return Site(database, clock, entropy, lecture.id)
