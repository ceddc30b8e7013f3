"""Which rung of the picture the venue's own screens are to show, as its operator has chosen; kept over restarts."""

from __future__ import annotations

from broadcast import Pin
from venues.database import Database
from venues.store import set_meta
from web.store import remembered

_KEY = "web.screen_rung"


async def pinned(db: Database) -> Pin:
    kept = await remembered(db, _KEY, lambda: Pin.AUTO.value)
    return Pin(kept) if kept in set(Pin) else Pin.AUTO


async def keep(db: Database, pin: Pin) -> None:
    await db.write(lambda connection: set_meta(connection, _KEY, pin.value))
