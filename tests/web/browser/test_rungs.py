"""A lecture published on three rungs by the desk: the screen is moved from one to another and never notices more."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.browser.stage import Stage, state, until
from tests.web.browser.test_screen import FRAMES, go_on_air, watch
from web.policy import Role

WIDTH = "document.getElementById('lecture').videoWidth"
HEARD = "document.getElementById('lecture').currentTime"


async def pin(page: Page, label: str) -> None:
    """On the home page of the venue's node."""
    await page.select_option("#rung", label=label)
    async with page.expect_navigation():
        await page.click("#pin button")
    assert await page.evaluate("document.getElementById('rung').selectedOptions[0].textContent.trim()") == label


async def goes_on(screen: Page, width: int) -> None:
    """A picture of this width moves, and time with it."""
    await until(screen, f"{WIDTH} === {width}")
    seen, heard = await screen.evaluate(FRAMES), await screen.evaluate(HEARD)
    await until(screen, f"{FRAMES} > {seen} + 5 && {HEARD} > {heard}")


async def test_an_operator_chooses_the_rung_of_the_venues_screen(stage: Stage) -> None:
    async with (
        stage.page(user=Role.OPERATOR) as screen,
        stage.page(user=Role.LECTURER) as desk,
        stage.page(user=Role.OPERATOR) as home,
    ):
        await go_on_air(stage, desk)
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "live")
        await goes_on(screen, 1280)
        opened = await watch(screen)
        await home.goto(f"{stage.url}/")
        await pin(home, "Small picture")
        await goes_on(screen, 320)
        await pin(home, "Medium picture")
        await goes_on(screen, 640)
        await pin(home, "Sound only")
        await expect(screen.locator("#flag")).to_have_text("Sound only: the picture stands still")
        seen, heard = await screen.evaluate(FRAMES), await screen.evaluate(HEARD)
        await until(screen, f"{HEARD} > {heard} + 4")  # longer than a page waits for a picture
        assert await screen.evaluate(FRAMES) <= seen + 2
        await pin(home, "Automatic")
        await goes_on(screen, 1280)
        await expect(screen.locator("#flag")).to_be_hidden()
        assert opened == []
        assert set(await screen.evaluate("window.seen")) <= {"live"}
