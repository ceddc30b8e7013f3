"""The main job as three people do it: a lecturer on air, a village that watches, a phone, an organizer who counts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Browser, Page

from tests.acceptance.stage import Demo, browsing, demonstrating, draw_camera, shows, signed_in, until

LEVELS = ("province", "city", "county", "township", "village")
_PIXELS = """() => {
  const video = document.getElementById("lecture"), canvas = document.createElement("canvas");
  canvas.width = 64; canvas.height = 36;
  const ink = canvas.getContext("2d");
  ink.drawImage(video, 0, 0, 64, 36);
  return [[16, 24], [48, 24]].map(([x, y]) => Array.from(ink.getImageData(x, y, 1, 1).data.slice(0, 3)));
}"""
_FRAMES = "() => document.getElementById('lecture').getVideoPlaybackQuality().totalVideoFrames"


@pytest.mark.timeout(240)
async def test_a_lecture_reaches_the_village_and_the_attendance_comes_back(tmp_path: Path) -> None:
    camera = tmp_path / "camera.y4m"
    draw_camera(camera)
    async with demonstrating(tmp_path, "--no-publisher") as demo, browsing(camera) as browser:
        await publish(demo, browser)
        screen = await watch(demo, browser)
        await check_in_by_phone(demo, browser, screen)
        await count_at_every_level(demo, browser)


async def publish(demo: Demo, browser: Browser) -> None:
    path = f"/lectures/{demo.shown['lecture']}/desk"
    desk = await signed_in(browser, demo.url("province"), demo.user("lecturer"), path)
    await shows(desk, "document.getElementById('preview').videoWidth > 0")
    await desk.click("#go")
    await shows(desk, "document.documentElement.dataset.state === 'live'")
    await shows(desk, "/\\d/.test(document.getElementById('kbits').textContent)")


async def watch(demo: Demo, browser: Browser) -> Page:
    screen = await signed_in(browser, demo.url("village"), demo.user("operator"), "/screen")
    await shows(screen, "document.documentElement.dataset.state === 'live'")
    before = await screen.evaluate(_FRAMES)

    async def goes_on() -> bool:
        return bool(await screen.evaluate(_FRAMES) > before + 20)

    await until("twenty more decoded frames", goes_on)
    (red, _, blue), (red_right, _, blue_right) = await screen.evaluate(_PIXELS)
    assert red > 180
    assert blue < 90
    assert red_right < 90
    assert blue_right > 180
    return screen


async def check_in_by_phone(demo: Demo, browser: Browser, screen: Page) -> None:
    """By the code that stands on the screen, read from the picture as a phone's camera would."""

    async def code_url() -> str:
        picture = Image.open(io.BytesIO(await screen.screenshot()))
        found = zxingcpp.read_barcodes(picture)
        return found[0].text if found else ""

    await until("a readable code on the screen", code_url)
    url = await code_url()
    assert url.startswith(demo.url("village") + "/c/")
    phone = await (await browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")).new_page()
    await phone.goto(url)
    await phone.fill("#number", "YS001")
    await phone.fill("#name", "陈秀英")
    await phone.click("#check-in button")
    await phone.wait_for_selector("#success:not([hidden])")
    assert await phone.inner_text("#who") == "陈秀英"
    await shows(screen, "document.body.innerText.includes('已到 1 人')")


async def count_at_every_level(demo: Demo, browser: Browser) -> None:
    path = f"/lectures/{demo.shown['lecture']}/report"
    page = await signed_in(browser, demo.url("province"), demo.user("organizer"), path)
    codes = {node["level"]: node["venue"] for node in demo.shown["nodes"]}
    for level in LEVELS:
        if level != "province":
            await page.click(f"th[scope=row] a:text-is('{codes[level]}')")
        await shows(page, "document.getElementById('present').textContent.trim() === '1'")
    await page.click("#present a")
    await page.wait_for_selector("text=陈秀英")
