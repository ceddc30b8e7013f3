"""A village without uplink goes on, survives kill -9, and hands in everything once when the link is back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import yaml

from tests.acceptance.stage import Demo, demonstrating, until


class Cable:
    """A TCP cable between the village and its parent that can be cut and mended."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for end in list(self._ends):
            end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            ends = {writer, there_writer}
            self._ends |= ends
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer), return_exceptions=True)
            self._ends -= ends
            for end in ends:
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def village(config: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with config.with_suffix(".log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "web", "serve", "--config", str(config), stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class Operator:
    """The village's operator at the node's own API, as the roll-call page uses it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url, self._csrf = session, url, ""

    async def sign_in(self, name: str, password: str) -> None:
        async with self._session.post(
            f"{self._url}/api/session", json={"name": name, "password": password}
        ) as response:
            assert response.status in (200, 201), await response.text()
            self._csrf = (await response.json())["csrf"]

    async def get(self, path: str) -> dict[str, object]:
        async with self._session.get(self._url + path) as response:
            assert response.status == 200, await response.text()
            return dict(await response.json())

    async def check_in(self, lecture: str, number: int) -> str:
        """One walk-in; the id of the event that is saved when this returns."""
        body = {"number": f"X{number:03}", "name": f"来宾{number}"}
        async with self._session.post(
            f"{self._url}/api/lectures/{lecture}/check-ins", json=body, headers={"X-CSRF-Token": self._csrf}
        ) as response:
            assert response.status == 201, await response.text()
            return str((await response.json())["event"])


@pytest.mark.timeout(240)
async def test_twenty_check_ins_without_uplink_survive_kill_9_and_arrive_once(tmp_path: Path) -> None:
    async with demonstrating(tmp_path, "--no-publisher") as demo:
        os.kill(demo.pid("village"), signal.SIGKILL)
        cable = Cable(demo.url("township"))
        await cable.mend()
        config = demo.config("village")
        settings = yaml.safe_load(config.read_text())
        settings["parent"]["urls"] = [cable.url]
        config.write_text(yaml.safe_dump(settings, allow_unicode=True))
        lecture = str(demo.shown["lecture"])
        async with village(config), operator(demo) as person:
            await until("the village's link", lambda: linked(person, True))
            await cable.cut()
            await until("the village to notice", lambda: linked(person, False))
            ids = [await person.check_in(lecture, number) for number in range(20)]
            assert len(set(ids)) == 20
        # kill -9, by the end of the block above; then again without a link
        async with village(config), operator(demo) as person:
            state = await person.get("/api/node")
            assert state["pending_events"] == 20
            assert await present(demo, lecture) == 0
            await cable.mend()
            await until("the root to have all", lambda: has(demo, lecture, 20))
            await until("nothing to be pending", lambda: handed_in(person))
            found = await names_at_root(demo, lecture)
            assert sorted(found) == sorted((event, f"来宾{number}") for number, event in enumerate(ids))
            await cable.cut()


@contextlib.asynccontextmanager
async def operator(demo: Demo) -> AsyncIterator[Operator]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        person = Operator(session, demo.url("village"))

        async def signs_in() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                await person.sign_in(*demo.user("operator"))
                return True
            return False

        await until("the village's node", signs_in)
        yield person


async def linked(person: Operator, wanted: bool) -> bool:
    link = (await person.get("/api/node"))["link"]
    assert isinstance(link, dict)
    return (link["state"] == "connected") is wanted


async def handed_in(person: Operator) -> bool:
    return (await person.get("/api/node"))["pending_events"] == 0


async def present(demo: Demo, lecture: str) -> int:
    return int((await demo.api(f"/api/lectures/{lecture}/report"))["rows"][0]["present"])


async def has(demo: Demo, lecture: str, count: int) -> bool:
    return await present(demo, lecture) == count


async def names_at_root(demo: Demo, lecture: str) -> list[tuple[str, str]]:
    report = await demo.api(f"/api/lectures/{lecture}/report")
    venue = report["venue"]["id"]
    found = await demo.api(f"/api/lectures/{lecture}/names?venue={venue}&which=present&limit=100")
    return [(row["event"], row["name"]) for row in found["names"]]
