"""A disk that takes nothing more: how the databases say it, and how it is told."""

from __future__ import annotations

import sqlite3
from typing import ClassVar

from venues.errors import TongtangError

# The first byte is the result code, the others say where it happened (sqlite.org/rescode.html). Beside SQLITE_FULL a
# full disk shows where a file is made or made longer: the WAL, its index, a journal; a quota is an I/O error, too.
_SQLITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
_POSTGRESQL = frozenset({"53100", "58030"})  # disk_full, io_error


class DiskFull(TongtangError):
    """Nothing was saved: the disk of this node is full or cannot be written to. Once there is room, it goes on."""

    code: ClassVar[str] = "disk_full"
    status: ClassVar[int] = 503
    retry_after_s: ClassVar[int] = 5


def is_disk_full(error: BaseException) -> bool:
    """Whether a database says so, through SQLAlchemy (which keeps the driver's error in `orig`) or by itself."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in _SQLITE
    return getattr(cause, "sqlstate", None) in _POSTGRESQL
