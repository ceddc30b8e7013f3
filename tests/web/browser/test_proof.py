"""What the screen tells of its picture and sound is what a real Chromium really had."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from playwright.async_api import Page, Route

from attendance import picture_store
from tests.web.browser.stage import Stage, state, until
from tests.web.browser.test_screen import FRAMES, go_on_air
from web.policy import Role

LOOK = """([last, page, now]) => import('/static/proof.js').then(({ judged }) => judged(last, page, now))"""
MOVED = """([before, counters, now]) => import('/static/proof.js').then(({ moved }) => moved(before, counters, now))"""


async def told(stage: Stage) -> tuple[int, int, int]:
    """Seconds of picture, of sound, and until when."""
    record = await stage.node.pictures.so_far(stage.lecture)
    return record.picture_s, record.sound_s, record.told_s


async def frames(stage: Stage) -> int:
    """That the screens have told of and no event holds yet."""
    return (await stage.node.db.read(lambda connection: picture_store.load(connection, stage.lecture))).frames


async def until_told(stage: Stage, seconds: int) -> tuple[int, int, int]:
    """Wait until the screen has told of so much more of the lecture."""
    before = (await told(stage))[2]
    async with asyncio.timeout(60):
        while (await told(stage))[2] < before + seconds:  # noqa: ASYNC110 - the browser tells
            await asyncio.sleep(0.1)
    return await told(stage)


async def in_a_hurry(route: Route) -> None:
    """The page's own program, but it tells every two seconds instead of ten."""
    answer = await route.fetch()
    program = await answer.text()
    assert "PERIOD_MS = 10_000" in program
    await route.fulfill(response=answer, body=program.replace("PERIOD_MS = 10_000", "PERIOD_MS = 2_000"))


async def test_the_node_learns_what_was_seen_and_heard_and_no_more(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as desk:
        await screen.route("**/static/proof.js*", in_a_hurry)
        await go_on_air(stage, desk)
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "live")
        if await screen.is_visible("#unmute"):
            await screen.click("#unmute")
        await until(screen, "!document.getElementById('lecture').muted")
        begun, first = time.monotonic(), await told(stage)
        last = await until_told(stage, 10)
        passed = time.monotonic() - begun
        assert passed - 6 <= last[0] - first[0] <= passed + 6  # it tells every two seconds
        assert last[1] - first[1] >= 5
        counted = await frames(stage)
        assert 0 < counted <= await screen.evaluate(FRAMES) + 30  # it decodes a moment before it shows

        await screen.evaluate("document.getElementById('lecture').muted = true")
        muted = await until_told(stage, 3)  # the period in which it was muted is over
        silent = await until_told(stage, 8)
        assert silent[1] == muted[1]
        assert silent[0] >= muted[0] + 5

        await desk.click("#stop")
        await state(screen, "waiting")
        stopped = await until_told(stage, 7)  # the last frame is a picture for three seconds
        assert (await until_told(stage, 6))[0] == stopped[0]


async def test_a_tab_that_is_closed_tells_its_last_seconds(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as desk:
        await go_on_air(stage, desk)
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "live")
        seen = "document.getElementById('lecture').getVideoPlaybackQuality().totalVideoFrames"
        await until(screen, f"{seen} > 100")
        await screen.goto("about:blank")
        async with asyncio.timeout(10):
            while (await told(stage))[0] < 2:  # noqa: ASYNC110 - the browser tells
                await asyncio.sleep(0.1)


async def _judged(page: Page, last: dict[str, float], **known: bool) -> Any:
    shown = {"visible": True, "camera": False, "slides": False, "audible": True} | known
    return await page.evaluate(LOOK, [{name: {"count": 1, "at": at} for name, at in last.items()}, shown, 100_000])


async def test_what_counts_as_picture_and_sound(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as page:
        await page.goto(f"{stage.url}/lectures")
        camera = {"cameraDecoded": 99_000, "cameraShown": 99_500, "sound": 99_000}
        assert await _judged(page, camera, camera=True) == {"picture": True, "sound": True}
        assert await _judged(page, camera, camera=True, visible=False) == {"picture": False, "sound": True}
        assert await _judged(page, camera, camera=True, audible=False) == {"picture": True, "sound": False}
        assert await _judged(page, camera) == {"picture": False, "sound": True}  # sound alone
        assert not (await _judged(page, camera | {"cameraShown": 90_000}, camera=True))["picture"]
        assert not (await _judged(page, camera | {"cameraDecoded": 90_000}, camera=True))["picture"]
        slides = {"slidesDecoded": 80_000, "slidesShown": 75_000}
        assert await _judged(page, slides, slides=True) == {"picture": True, "sound": False}  # they stand still
        assert not (await _judged(page, slides | {"slidesShown": 60_000}, slides=True))["picture"]
        first = await page.evaluate(MOVED, [{}, {"sound": 0}, 5])
        assert first["sound"]["count"] == 0
        later = await page.evaluate(MOVED, [{"sound": {"count": 9, "at": 1}}, {"sound": 12, "new": 7}, 5])
        assert later == {"sound": {"count": 12, "more": 3, "at": 5}, "new": {"count": 7, "more": 0, "at": 5}}
        again = await page.evaluate(MOVED, [{"sound": {"count": 9, "at": 1}}, {"sound": 4}, 5])
        assert again["sound"] == {"count": 4, "more": 4, "at": 5}  # another session
