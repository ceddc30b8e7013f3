"""What any long-running command does with its process: signals, the end of standard input, the log."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM set the event; a second one of them ends the process at once."""
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)


@contextlib.asynccontextmanager
async def watching_stdin(stop: asyncio.Event) -> AsyncIterator[None]:
    """The end of standard input sets the event: a child process learns so that its parent is gone, however it went."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )

    async def watch() -> None:
        while await reader.read(1024):
            pass
        stop.set()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        transport.close()


def take_short_turns() -> None:
    """A thread that has much to compute (a batch of attendance, a report) lets others in after 1 ms instead of Python's
    5: the event loop, which forwards the lecture and answers pages, waits for a turn many times a request."""
    sys.setswitchinterval(0.001)


def collect_garbage_in_short_turns() -> None:
    """What is loaded by now stays for good, so the garbage collector need not look through it again and again: a full
    collection of it all stops the event loop for a tenth of a second, and with it the lecture."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)  # a request makes thousands of objects, and hardly a cycle


def set_up_logging(level: str) -> None:
    """One line per event on standard error."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    for chatty in ("aioice", "aiortc"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
