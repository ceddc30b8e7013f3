"""The venues above each venue, remembered for as long as the tree stays as it is."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues.tables import meta, venue, venue_closure

Path = Mapping[int, int]  # level counted from 1 -> the venue's ancestor (or itself) there
_CHUNK = 500


class Paths:
    """May be asked from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: str | None = None
        self._paths: dict[int, Path] = {}

    def of(self, connection: Connection, venues: Iterable[int]) -> Mapping[int, Path]:
        """Path by venue; a venue that the tree does not have is missing or empty."""
        with self._lock:
            return self._of(connection, venues)

    def _of(self, connection: Connection, venues: Iterable[int]) -> Mapping[int, Path]:
        version = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "tree_version"))
        if version != self._version:
            self._version, self._paths = version, {}
        missing = sorted(set(venues) - self._paths.keys())
        for start in range(0, len(missing), _CHUNK):
            chunk = missing[start : start + _CHUNK]
            query = (
                sa.select(venue_closure.c.descendant, venue.c.level, venue.c.id)
                .join(venue, venue.c.id == venue_closure.c.ancestor)
                .where(venue_closure.c.descendant.in_(chunk))
            )
            found: dict[int, dict[int, int]] = {}
            for descendant, level, ancestor in connection.execute(query):
                found.setdefault(descendant, {})[level + 1] = ancestor
            self._paths.update(found)
        return self._paths
