"""Cards for browser tests: issued by a stage's node, typed by a scanner, shown in a film to Chromium's camera."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from playwright.async_api import CDPSession, Page, async_playwright

from attendance import badge_reports
from tests.attendance.test_camera import HIGH, WIDE, seen
from tests.web.browser.stage import ARGUMENTS, CHROMIUM, Stage

FRAMES_A_SECOND = 10
NO_CAMERA = [each for each in ARGUMENTS if "fake" not in each]


async def issue(stage: Stage) -> dict[str, str]:
    """A card for everybody: what it says, by name."""
    root = stage.venues["52"].id
    await stage.node.badges.issue(by="organizer", venue_id=root)
    return {card.name: card.payload for card in await badge_reports.to_print(stage.node.db, venue_id=root, limit=100)}


@contextlib.asynccontextmanager
async def with_browser(stage: Stage, arguments: Sequence[str]) -> AsyncIterator[Stage]:
    """The same stage before another Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(arguments))
        try:
            yield replace(stage, browser=browser)
        finally:
            await browser.close()


def draw_film(path: Path, payloads: Sequence[str]) -> None:
    """A YUV4MPEG2 film: a second of nothing, then each card held up for two seconds, round and round."""
    nothing = bytes([190]) * (WIDE * HIGH)
    shots = [(nothing, 1)] + [(seen(payload, turned=0.1, noise=8), 2) for payload in payloads]
    grey = bytes([128]) * (WIDE * HIGH // 2)
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDE} H{HIGH} F{FRAMES_A_SECOND}:1 Ip A1:1 C420jpeg\n".encode())
        for luma, seconds in shots:
            film.write((b"FRAME\n" + luma + grey) * (seconds * FRAMES_A_SECOND))


async def scan(page: Page, digits: str, *, end: str = "Enter") -> None:
    """As a scanner types: nothing between the keys, and the return key."""
    await page.keyboard.type(digits)
    await page.keyboard.press(end)


async def scan_through_input_method(keys: CDPSession, digits: str) -> None:
    """As the keys arrive while a Chinese input method is at work: each is called "Process" and has the code 229."""
    for code in [*(f"Digit{digit}" for digit in digits), "Enter"]:
        about = {"key": "Process", "code": code, "windowsVirtualKeyCode": 229, "nativeVirtualKeyCode": 229}
        await keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **about})
        await keys.send("Input.dispatchKeyEvent", {"type": "keyUp", **about})
