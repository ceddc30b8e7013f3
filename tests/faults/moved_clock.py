"""A server whose clock a test moves: the ordinary one, but for the two readings of time that its node is given.

The file that the environment names holds JSON {"passed_s", "set_s"}: how much more time has passed than really has, and
by how much the clock on the wall was set besides. Time that passes moves the wall clock and the machine's uptime alike;
a clock that is set does not touch the uptime.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from venues.settings import Settings

FILE = "FAULTS_CLOCK"


@dataclass
class MovedClock:
    """The test's end. It may serve several nodes at once."""

    file: Path
    passed_s: float = 0.0
    set_s: float = 0.0
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {FILE: str(self.file)}
        self._write()

    def pass_(self, **delta: float) -> None:
        self.passed_s += dt.timedelta(**delta).total_seconds()
        self._write()

    def set(self, **delta: float) -> None:
        """By so much ahead of (or behind) the right time."""
        self.set_s = dt.timedelta(**delta).total_seconds()
        self._write()

    def right(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.passed_s)

    def _write(self) -> None:
        fresh = self.file.with_suffix(".new")
        told = {name: value for name, value in asdict(self).items() if name in ("passed_s", "set_s")}
        fresh.write_text(json.dumps(told))
        os.replace(fresh, self.file)


@dataclass(frozen=True)
class _Read:
    """The node's end."""

    file: Path

    def now(self) -> dt.datetime:
        told = json.loads(self.file.read_text())
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=told["passed_s"] + told["set_s"])

    def running_s(self) -> float:
        from web.machine import running_s

        return running_s() + float(json.loads(self.file.read_text())["passed_s"])


def serve(config: Path, file: Path) -> None:
    """What `tongtang serve --config` does, with this clock, until standard input ends."""
    import uvloop

    from venues.settings import load
    from web import process, serving
    from web.node import Node
    from web.streaming import Streaming

    read = _Read(file)

    def make(settings: Settings) -> Node:
        return Node(settings, make_relay=Streaming, now=read.now, running=read.running_s)

    settings = load(config)
    process.set_up_logging(settings.log.level)
    uvloop.run(serving.serve(settings, print, until_eof=True, make=make))
