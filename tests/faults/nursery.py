"""Starts `tongtang serve` processes quickly: a process that has loaded the program forks for each of them.

What runs in a fork is the ordinary command with its own pid, session and log; only the second and a half of imports is
saved, two hundred times. Lines of JSON on standard input {"config", "log", "environment", "kill"} ask for a process; on
standard output stand {"pid"} for each, in order, and {"ended", "status"} once one is gone. All of them stop when this
process does. `kill` arms a kill point (kill_points.py).
"""

from __future__ import annotations

import importlib
import json
import os
import selectors
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from tests.faults import kill_points, moved_clock

_LOADED = ("web.cli", "web.serving", "uvloop", "sqlalchemy.dialects.sqlite.pysqlite", "psycopg", "alembic.command")


def main() -> None:
    for name in _LOADED:
        importlib.import_module(name)
    lives, held = os.pipe()  # the children's standard input: it ends when we do
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ours = (held, woken, wake)
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        asked = b""
        while True:
            for key, _ in selector.select():
                if key.fd == woken:
                    os.read(woken, 4096)
                    _tell_ended()
                    continue
                if not (more := os.read(0, 65536)):
                    return
                *lines, asked = (asked + more).split(b"\n")
                for line in lines:
                    _start(json.loads(line), lives, ours)


def _start(wanted: dict[str, Any], lives: int, ours: tuple[int, ...]) -> None:
    pid = os.fork()
    if pid == 0:
        _become(wanted, lives, ours)
    _say({"pid": pid})


def _become(wanted: dict[str, Any], lives: int, ours: tuple[int, ...]) -> NoReturn:
    """The forked process turns into the command and never returns."""
    status = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(lives, 0)
        log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for each in (*ours, lives, log):
            os.close(each)
        os.environ.update(wanted["environment"])
        if wanted["kill"]:
            kill_points.arm(kill_points.KillPoint(**wanted["kill"]))
        if moved_clock.FILE in os.environ:
            moved_clock.serve(Path(wanted["config"]), Path(os.environ[moved_clock.FILE]))
            status = 0
            return
        from web.cli import main as command

        command(["serve", "--config", wanted["config"], "--until-eof"], prog_name="tongtang", standalone_mode=False)
        status = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _tell_ended() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say({"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _say(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
