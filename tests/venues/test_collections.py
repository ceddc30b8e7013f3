from __future__ import annotations

import asyncio

import pytest

from venues import Changes, Collections
from venues.collections import CollectionUnknown


class Shelf:
    """A collection whose version is set by hand."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.edition = 1

    async def version(self, venue_id: int) -> str:
        return f"{self.edition}@{venue_id}"

    async def export(self, venue_id: int) -> object:
        return [self.edition]

    async def replace(self, content: object) -> None:
        raise NotImplementedError


async def test_changes_wake_every_waiter() -> None:
    changes = Changes()
    waiting = [asyncio.create_task(changes.wait(10)) for _ in range(3)]
    await asyncio.sleep(0)
    changes.notify()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert not await changes.wait(0.01)


async def test_a_change_between_looking_and_waiting_is_not_missed() -> None:
    changes = Changes()
    seen = changes.count
    changes.notify()
    assert await changes.wait(10, seen)
    assert not await changes.wait(0.01, changes.count)


async def test_the_registry() -> None:
    tree, people = Shelf("tree"), Shelf("people")
    collections = Collections([tree, people], Changes())
    assert list(collections) == [tree, people]
    assert collections.get("people") is people
    with pytest.raises(CollectionUnknown, match="films"):
        collections.get("films")
    assert await collections.versions(3) == {"tree": "1@3", "people": "1@3"}


async def test_the_long_poll() -> None:
    tree = Shelf("tree")
    collections = Collections([tree, Shelf("people")], Changes())
    assert (await collections.await_change(3, {"tree": ""}, 10))["tree"] == "1@3"
    same = {"tree": "1@3", "films": "9"}  # a name that is unknown here never differs
    assert await collections.await_change(3, same, 0.01) == {"tree": "1@3", "people": "1@3"}
    waiting = asyncio.create_task(collections.await_change(3, same, 10))
    await asyncio.sleep(0)
    collections.changes.notify()  # something else has changed
    tree.edition = 2
    collections.changes.notify()
    assert (await waiting)["tree"] == "2@3"
