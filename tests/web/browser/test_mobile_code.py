"""Two codes side by side on the venue's screen, and the phone that scanned the one for mobile data."""

from __future__ import annotations

from playwright.async_api import async_playwright, expect

from tests.web.browser.stage import ARGUMENTS, CHROMIUM, PATIENCE_S, PHONE, PROJECTOR, fits
from tests.web.browser.test_screen import APART
from tests.web.nodes import PASSWORD
from tests.web.test_mobile_code import STUDY, Scene, scene

__all__ = ["scene"]


async def test_the_screen_shows_both_and_a_phone_checks_in_at_the_root(scene: Scene) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            room = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
            await room.request.post(f"{scene.county.url}/api/session", data={"name": "operator", "password": PASSWORD})
            screen = await room.new_page()
            await screen.goto(f"{scene.county.url}/screen")
            await expect(screen.locator("#mobile-qr svg")).to_be_visible(timeout=PATIENCE_S * 1000)
            await expect(screen.locator("#qr svg")).to_be_visible()
            await expect(screen.locator("#mobile")).to_contain_text("用手机流量")
            assert await fits(screen)
            for width, height in (PHONE, (1366, 768), PROJECTOR):
                await screen.set_viewport_size({"width": width, "height": height})
                for shown in ("live", "waiting"):
                    for large in ("remove", "add"):
                        set_ = f"document.documentElement.dataset.state = '{shown}', code.classList.{large}('big')"
                        assert await screen.evaluate(f"{set_}, ({APART})()") == [], (width, shown, large)

            size = {"width": PHONE[0], "height": PHONE[1]}
            phone = await browser.new_context(viewport=size, locale="zh-CN", has_touch=True)  # type: ignore[arg-type]
            page = await phone.new_page()
            address = str((await scene.operator("GET", "/api/screen")).body["mobile_url"])
            await page.goto(address.replace(STUDY, scene.phone.url))
            await expect(page.locator("#intro")).to_contain_text("南明区")
            await page.fill("#number", "1")
            await page.fill("#name", "张伟")
            await page.locator("#check-in button").tap()
            await expect(page.locator("#who")).to_have_text("张伟")
            await expect(page.locator("#success")).to_contain_text("南明区")
            assert await fits(page)
        finally:
            await browser.close()
    assert len(await scene.events()) == 1
