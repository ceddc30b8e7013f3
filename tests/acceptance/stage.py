"""The demonstration as a test drives it: five real node processes, and real Chromium with a known camera picture."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import Error as PageError

CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
# Two halves, so that colour and geometry are both known: BT.601 limited-range red and blue.
LEFT, RIGHT = (81, 90, 240), (41, 240, 110)


async def until(what: str, condition: Callable[[], Awaitable[object]], timeout_s: float = 60.0) -> None:
    """Wait until `condition` is true; a TimeoutError says for what."""
    try:
        async with asyncio.timeout(timeout_s):
            while not await condition():  # noqa: ASYNC110 (it happens in other processes)
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"waited {timeout_s:.0f} s for {what}") from None


@dataclass(frozen=True)
class Demo:
    """What `tongtang demo --json` printed, and where it keeps its data."""

    shown: dict[str, Any]
    folder: Path

    def url(self, level: str) -> str:
        return str(next(node["url"] for node in self.shown["nodes"] if node["level"] == level))

    def pid(self, level: str) -> int:
        return int(next(node["pid"] for node in self.shown["nodes"] if node["level"] == level))

    def user(self, role: str) -> tuple[str, str]:
        user = next(user for user in self.shown["users"] if user["role"] == role)
        return user["name"], user["password"]

    def config(self, level: str) -> Path:
        (found,) = (self.folder / level).glob("*.y*ml")
        return found

    async def api(self, path: str) -> Any:
        """GET from the root's API as the organizer's script would."""
        headers = {"Authorization": f"Bearer {self.shown['api']['token']}"}
        url = self.url("province") + path
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
            assert response.status == 200, await response.text()
            return await response.json()


@contextlib.asynccontextmanager
async def demonstrating(folder: Path, *arguments: str) -> AsyncIterator[Demo]:
    """`tongtang demo --json` as a process of its own; SIGINT at the end, which must end it and all its children."""
    command = (sys.executable, "-m", "web", "demo", "--json", "--data-dir", str(folder), *arguments)
    with (folder / "demo.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=log)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(90):
                line = await process.stdout.readline()
            assert line, (folder / "demo.log").read_text()
            demo = Demo(json.loads(line), folder)
            yield demo
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(30):
                assert await process.stdout.read() == b"", "stdout must be exactly one line"
                assert await process.wait() == 0, (folder / "demo.log").read_text()
            for node in demo.shown["nodes"]:
                assert not _is_running(node["pid"])
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def draw_camera(path: Path, width: int = 640, height: int = 360) -> None:
    """A YUV4MPEG2 film for Chromium's fake camera: left half red, right half blue, a bright square that moves."""
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{width} H{height} F20:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(20):
            luma = bytearray()
            for row in range(height):
                line = bytearray([LEFT[0]] * (width // 2) + [RIGHT[0]] * (width // 2))
                if row < 40:
                    line[number * 30 : number * 30 + 40] = b"\xeb" * 40
                luma += line
            chroma = [
                bytes([LEFT[plane]] * (width // 4) + [RIGHT[plane]] * (width // 4)) * (height // 2) for plane in (1, 2)
            ]
            film.write(b"FRAME\n" + bytes(luma) + chroma[0] + chroma[1])


@contextlib.asynccontextmanager
async def browsing(camera: Path | None = None) -> AsyncIterator[Browser]:
    """Chromium; `camera` is the film that its fake camera shows."""
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-features=WebRtcHideLocalIpsWithMdns",
        "--allow-loopback-in-peer-connection",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
    ]
    if camera is not None:
        arguments.append(f"--use-file-for-fake-video-capture={camera}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


async def signed_in(
    browser: Browser, url: str, user: tuple[str, str], to: str, *, width: int = 1920, height: int = 1080
) -> Page:
    """A page of a window of its own, signed in at the node `url` and standing at the path `to`."""
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    page = await context.new_page()
    await page.goto(f"{url}/sign-in?next={to}")
    await page.fill("input[name=name]", user[0])
    await page.fill("input[name=password]", user[1])
    async with page.expect_navigation(url=f"**{to}"):
        await page.keyboard.press("Enter")
    return page


async def shows(page: Page, expression: str, timeout_s: float = 60.0) -> None:
    """Wait until the expression is true in the page (Playwright's own wait needs eval, which our policy forbids)."""

    async def holds() -> bool:
        with contextlib.suppress(PageError):  # a page that is being replaced
            return bool(await page.evaluate(expression))
        return False

    await until(f"{expression} at {page.url}", holds, timeout_s)
