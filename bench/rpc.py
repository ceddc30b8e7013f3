"""A relay in a process of its own, pinned to one core, and calls to it over a pipe (HTTP is not what is measured)."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing as mp
import os
import resource
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from broadcast import Relay

LECTURE = "lecture"


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_mib() -> float:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def pin(core: int) -> None:
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core % os.cpu_count()]})  # type: ignore[operator]


class Served:
    """The relay's side: each call is a (name, arguments) from the pipe."""

    def __init__(self, relay: Relay, extras: dict[str, Callable[..., Any]]) -> None:
        self.relay = relay
        self._extras = extras

    async def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        relay = self.relay
        if name in ("whip", "whep"):
            answer = await getattr(relay, name)(LECTURE, *arguments)
            return answer
        if name == "usage":
            sender = relay.stream(LECTURE).sender
            return cpu_seconds(), time.perf_counter(), sender.sent, sender.dropped, rss_mib()
        if name == "status":
            return relay.status(LECTURE)
        return self._extras[name](relay, *arguments)


async def _serve(connection: Connection, address: str, extras: dict[str, Callable[..., Any]]) -> None:
    relay = Relay(host=address, udp_port=0, addresses=[address], max_sessions=10_000)
    await relay.start()
    served = Served(relay, extras)
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def readable() -> None:
        try:
            name, arguments = connection.recv()
        except EOFError:
            done.set()
            return
        task = loop.create_task(served.call(name, arguments))
        task.add_done_callback(lambda t: connection.send(t.exception() or t.result()))

    loop.add_reader(connection.fileno(), readable)
    connection.send("ready")
    await done.wait()
    loop.remove_reader(connection.fileno())


def _main(connection: Connection, address: str, core: int, extras: dict[str, Callable[..., Any]]) -> None:
    pin(core)
    uvloop.run(_serve(connection, address, extras))


class Server:
    """The bench's side."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    async def call(self, name: str, *arguments: Any) -> Any:
        async with self._lock:
            self._connection.send((name, arguments))
            answer = await asyncio.to_thread(self._connection.recv)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@contextlib.contextmanager
def relay_process(
    address: str = "127.0.0.1", *, core: int = 0, extras: dict[str, Callable[..., Any]] | None = None
) -> Iterator[Server]:
    here, there = mp.Pipe()
    process = mp.get_context("fork").Process(target=_main, args=(there, address, core, extras or {}), daemon=True)
    process.start()
    there.close()
    assert here.recv() == "ready"
    try:
        yield Server(here)
    finally:
        here.close()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
