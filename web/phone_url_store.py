"""Where phones on their own mobile signal reach a node above: set at one node, told to all below it."""

from __future__ import annotations

from urllib.parse import urlsplit

import sqlalchemy as sa

from venues.database import Database
from venues.store import set_meta
from venues.tables import meta

_ABOVE = "web.phone_url"
_LONGEST = 200  # a QR code that people scan from their seats holds no more


class PhoneUrl:
    """Also the collection "phones" (venues.collections). `own` is what this node's settings say, "" for nothing."""

    name = "phones"

    def __init__(self, db: Database, own: str) -> None:
        self._db = db
        self._own = own

    async def get(self) -> str:
        """This node's own, else what the parent told; "" where there is none."""
        return self._own or await self.above()

    async def above(self) -> str:
        """Where a node above this one takes codes, which is for this venue's screen."""
        query = sa.select(meta.c.value).where(meta.c.key == _ABOVE)
        return await self._db.read(lambda connection: connection.scalar(query) or "")

    async def version(self, venue_id: int) -> str:
        return await self.get()

    async def export(self, venue_id: int) -> object:
        return {"url": await self.get()}

    async def replace(self, content: object) -> None:
        match content:
            case {"url": str(url)} if not url or _is_usable(url):
                await self._db.write(lambda connection: set_meta(connection, _ABOVE, url))
            case _:
                raise ValueError("phones must hold a url")


def _is_usable(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= _LONGEST
