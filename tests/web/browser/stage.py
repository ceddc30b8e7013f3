"""Real Chromium before a real node with a real relay: what the browser tests share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.web.nodes import HIGH, PASSWORD, add_user, cheap, plant, serving, settings
from venues.tree import Venue
from web.node import Node
from web.policy import Role
from web.streaming import Streaming

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Without these three a browser on the loopback interface never begins with ICE, or has no camera.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
PHONE, PROJECTOR = (390, 844), (1920, 1080)
PATIENCE_S = 60.0
PEOPLE = "number,name,venue\n0001,张秀英,52\n0002,王建国,52\n0003,李桂芳,52\n"


@dataclass
class Stage:
    """A node at the root with people, users (named like their roles) and one lecture that runs."""

    node: Node
    url: str
    browser: Browser
    venues: dict[str, Venue]
    lecture: str
    faults: list[str] = field(default_factory=list)  # what pages threw

    @contextlib.asynccontextmanager
    async def page(
        self, size: tuple[int, int] = PROJECTOR, *, user: Role | None = None, language: str = "en"
    ) -> AsyncIterator[Page]:
        context: BrowserContext = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=language, has_touch=size == PHONE
        )
        try:
            page = await context.new_page()
            page.on("pageerror", lambda fault: self.faults.append(str(fault)))
            if user is not None:
                await self.sign_in(page, user)
            yield page
        finally:
            await context.close()

    async def sign_in(self, page: Page, user: Role) -> None:
        """Not by a click on the page: that would count as the gesture which lets sound begin."""
        who = {"name": user.value, "password": PASSWORD}
        answer = await page.context.request.post(f"{self.url}/api/session", data=who)
        assert answer.ok


@contextlib.asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    configured = settings(folder, media={"host": "127.0.0.1", "udp_port": 0})
    node = Node(configured, make_relay=Streaming, passwords=cheap(), attempt_limits=HIGH)
    async with serving(node) as server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            venues = await plant(node)
            for role in Role:
                await add_user(node, role.value, role, venues["52"].id)
            await node.people.import_csv(PEOPLE.encode())
            lecture = await node.lectures.create("The lecture", venues["52"].id)
            await node.lectures.start(lecture.id)
            stage = Stage(node=node, url=server.url, browser=browser, venues=venues, lecture=lecture.id)
            yield stage
            assert stage.faults == []
        finally:
            await browser.close()


async def until(page: Page, expression: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until JavaScript gives something true. (Playwright's own `wait_for_function` needs eval, which our
    Content-Security-Policy forbids.)"""
    async with asyncio.timeout(patience_s):
        while not await page.evaluate(expression):  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


async def state(page: Page, *wanted: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until the page is in one of these states."""
    await until(page, f"{list(wanted)!r}.includes(document.documentElement.dataset.state)", patience_s)


async def fits(page: Page) -> bool:
    """Nothing sticks out sideways."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
