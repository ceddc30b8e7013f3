from __future__ import annotations

import pytest

from tests.venues.world import LEVELS, Clock, Entropy, rows
from venues import Database, VenueStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def entropy() -> Entropy:
    return Entropy()


@pytest.fixture
async def store(database: Database) -> VenueStore:
    """The small tree of world.TREE."""
    store = VenueStore(database)
    await store.import_rows(rows(), LEVELS)
    return store
