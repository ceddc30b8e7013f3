"""A database that keeps nothing: its disk is full, or it is away. How the databases say so, and how it is told."""

from __future__ import annotations

import sqlite3
from typing import ClassVar

import sqlalchemy as sa

from venues.errors import TongtangError

# The first byte is the result code, the others say where it happened (sqlite.org/rescode.html). Beside SQLITE_FULL a
# full disk shows where a file is made or made longer: the WAL, its index, a journal; a quota is an I/O error, too.
_SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
# PostgreSQL, Appendix A, error codes by class.
_FULL = frozenset({"53100", "58030"})  # disk_full, io_error
_AWAY = frozenset({"53300", "57P01", "57P02", "57P03"})  # too_many_connections; shut down, crashed, not up yet


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


def told(error: Exception) -> Exception:
    """What a database said, through SQLAlchemy (which keeps the driver's error in `orig`) or by itself, as DiskFull or
    DatabaseAway; any other error as it is."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return DiskFull() if (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_FULL else error
    state = getattr(cause, "sqlstate", None)
    if state in _FULL:
        return DiskFull()
    return DatabaseAway() if _is_away(error, state) else error


def _is_away(error: Exception, state: str | None) -> bool:
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    if error.connection_invalidated or state in _AWAY:
        return True
    # The driver itself could not reach it (no SQLSTATE), or says so (class 08: connection exceptions).
    return isinstance(error, sa.exc.OperationalError) and (state is None or state.startswith("08"))
