"""A database that keeps nothing: its disk is full, or it is away. How it is told, and what the databases say."""

from __future__ import annotations

import sqlite3
from typing import ClassVar

from venues.errors import TongtangError

# The first byte is the result code, the others say where it happened (sqlite.org/rescode.html). Beside SQLITE_FULL a
# full disk shows where a file is made or made longer: the WAL, its index, a journal; a quota is an I/O error, too.
SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
# PostgreSQL, Appendix A, error codes by class.
POSTGRESQL_FULL = frozenset({"53100", "58030"})  # disk_full, io_error
POSTGRESQL_AWAY = frozenset({"53300", "57P01", "57P02", "57P03"})  # too many; shut down, crashed, not up


class DiskFull(TongtangError):
    """Nothing was saved: the disk of this node is full or cannot be written to. Once there is room, it goes on."""

    code: ClassVar[str] = "disk_full"
    status: ClassVar[int] = 503
    retry_after_s: ClassVar[int] = 5


class DatabaseAway(TongtangError):
    """The database of this node does not answer. What was entered is not sure to be saved; once the database is back,
    it goes on by itself."""

    code: ClassVar[str] = "database_away"
    status: ClassVar[int] = 503
    retry_after_s: ClassVar[int] = 2
