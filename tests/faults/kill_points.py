"""Dying at one exact step of the database's work, in a server that knows nothing of it: SQLAlchemy's events tell."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import Pool

_SEEN, _COMMITTING = "fault_seen", "fault_committing"


@dataclass(frozen=True, kw_only=True)
class KillPoint:
    """At the `nth` transaction with a statement that begins as `statement` (a regular expression) says, and with none
    that begins as `without` says, SIGKILL at its `phase`: "before" or "after" that statement, at "commit" (the moment
    before COMMIT is sent) or when it is "committed" (COMMIT has succeeded, nobody has been told)."""

    statement: str
    phase: str
    without: str = "(?!)"  # matches nothing
    nth: int = 1


def arm(point: KillPoint) -> None:
    """From now on every engine of this process is watched."""
    wanted, unwanted, count = re.compile(point.statement), re.compile(point.without), 0

    def die(phase: str) -> None:
        nonlocal count
        if phase != point.phase:
            return
        count += 1
        if count == point.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def begin(connection: Connection) -> None:
        connection.info[_SEEN] = []

    def before(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if wanted.match(statement):
            die("before")
        connection.info.setdefault(_SEEN, []).append(statement)

    def after(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if wanted.match(statement):
            die("after")

    def commit(connection: Connection) -> None:
        seen = connection.info.pop(_SEEN, [])
        if any(wanted.match(each) for each in seen) and not any(unwanted.match(each) for each in seen):
            die("commit")
            connection.info[_COMMITTING] = True

    def checked_in(_connection: Any, record: Any) -> None:
        if record is not None and record.info.pop(_COMMITTING, False):
            die("committed")

    sa.event.listen(Engine, "begin", begin)
    sa.event.listen(Engine, "before_cursor_execute", before)
    sa.event.listen(Engine, "after_cursor_execute", after)
    sa.event.listen(Engine, "commit", commit)
    sa.event.listen(Pool, "checkin", checked_in)
