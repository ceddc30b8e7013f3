from __future__ import annotations

import asyncio
import logging

import pytest

from venues.outages import DiskFull
from web.supervisor import Supervisor, pause


def test_the_pause_grows_and_is_spread() -> None:
    assert pause(0, 0.0) == 0.25
    assert pause(3, 0.0) == 2.0
    assert pause(3, 0.999) == pytest.approx(4.0, rel=0.01)
    assert pause(50, 0.999) <= 30.0


async def test_a_service_that_fails_is_started_again_and_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    starts = 0
    well = asyncio.Event()

    async def run() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError("broken")
        well.set()
        await asyncio.Event().wait()

    supervisor = Supervisor(lambda: 0.0, first_pause_s=0.001)
    with caplog.at_level(logging.ERROR):
        supervisor.start("service", run)
        async with asyncio.timeout(5):
            await well.wait()
    assert len(caplog.records) == 2
    assert supervisor.running == ("service",)
    await supervisor.stop()
    assert supervisor.running == ()


async def test_services_stop_in_reverse_order() -> None:
    stopped: list[str] = []
    started = asyncio.Semaphore(0)

    async def run(name: str) -> None:
        started.release()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(name)

    supervisor = Supervisor(lambda: 0.0)
    for name in ("first", "second"):
        supervisor.start(name, lambda name=name: run(name))  # type: ignore[misc]
        async with asyncio.timeout(5):
            await started.acquire()
    await supervisor.stop()
    assert stopped == ["second", "first"]


async def test_one_that_returns_is_finished() -> None:
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1

    supervisor = Supervisor(lambda: 0.0)
    supervisor.start("once", run)
    async with asyncio.timeout(5):
        while supervisor.running:  # noqa: ASYNC110 - the supervisor has no event for it
            await asyncio.sleep(0)
    assert runs == 1
    await supervisor.stop()


async def test_a_service_that_replaces_others_does_not_survive_a_stop_in_the_middle_of_it() -> None:
    supervisor = Supervisor(lambda: 0.0)
    replacing = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            replacing.set()
            await asyncio.sleep(0.05)

    async def replacer() -> None:
        while True:
            await supervisor.end("other")
            supervisor.start("other", slow_to_end)
            await asyncio.sleep(0)

    supervisor.start("other", slow_to_end)
    await asyncio.sleep(0)
    supervisor.start("replacer", replacer)
    async with asyncio.timeout(5):
        await replacing.wait()
        await supervisor.stop()
    assert supervisor.running == ()
    supervisor.start("late", slow_to_end)
    assert supervisor.running == ()


async def test_what_has_a_sentence_of_its_own_is_noted_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    well, failed = asyncio.Event(), False

    async def run() -> None:
        nonlocal failed
        if not failed:
            failed = True
            raise DiskFull
        well.set()
        await asyncio.Event().wait()

    supervisor = Supervisor(lambda: 0.0, first_pause_s=0.001)
    with caplog.at_level(logging.ERROR):
        supervisor.start("service", run)
        async with asyncio.timeout(5):
            await well.wait()
    (record,) = caplog.records
    assert (record.exc_info, "disk of this node is full" in record.getMessage()) == (None, True)
    await supervisor.stop()
