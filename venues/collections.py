"""What a parent keeps its children supplied with: named collections, each replicated whole when its version differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from venues.errors import TongtangError


class CollectionUnknown(TongtangError):
    """There is no collection {name} here."""

    code = "collection_unknown"
    status = 404


class Collection(Protocol):
    """`version` is cheap and changes whenever `export` for that venue would; "" is a version like any other."""

    name: str

    async def version(self, venue_id: int) -> str: ...

    async def export(self, venue_id: int) -> object:
        """What the node of that venue must have, as JSON."""

    async def replace(self, content: object) -> None:
        """Make the local content equal to what a parent exported."""


class Changes:
    """A broadcast "something has changed" within one event loop: not what has, waiters look for themselves."""

    def __init__(self) -> None:
        self._count = 0
        self._event = asyncio.Event()

    @property
    def count(self) -> int:
        """How often `notify` was called: read it before you look, hand it to `wait`, and you miss nothing."""
        return self._count

    def notify(self) -> None:
        self._count += 1
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, timeout: float, since: int | None = None) -> bool:
        """True as soon as there is a `notify` (after `count` was `since`), False after `timeout` seconds without."""
        if since is not None and since != self._count:
            return True
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class Collections:
    """The collections of one node, in the order in which a child takes them over."""

    def __init__(self, collections: Iterable[Collection], changes: Changes) -> None:
        self._collections = {collection.name: collection for collection in collections}
        self.changes = changes

    def __iter__(self) -> Iterator[Collection]:
        return iter(self._collections.values())

    def get(self, name: str) -> Collection:
        """Raises CollectionUnknown."""
        try:
            return self._collections[name]
        except KeyError:
            raise CollectionUnknown(name=name) from None

    async def versions(self, venue_id: int) -> dict[str, str]:
        return {collection.name: await collection.version(venue_id) for collection in self}

    async def await_change(self, venue_id: int, known: Mapping[str, str], timeout: float) -> dict[str, str]:
        """The versions, as soon as one of the names in `known` has another one, at the latest after `timeout` seconds.

        This is the long poll of GET /api/node/changes. A name that is unknown here is passed over.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            since = self.changes.count
            versions = await self.versions(venue_id)
            remaining = deadline - loop.time()
            if remaining <= 0 or any(versions.get(name, version) != version for name, version in known.items()):
                return versions
            await self.changes.wait(remaining, since)
