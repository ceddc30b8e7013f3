"""A lecture published on three rungs by the desk: the screen is moved from one to another and never notices more."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.browser.stage import PATIENCE_S, Stage, state, until
from tests.web.browser.test_screen import FRAMES, go_on_air
from web.policy import Role

WIDTH = "document.getElementById('lecture').videoWidth"
HELD = "Sound only: the picture stands still"
HEARD = "document.getElementById('lecture').currentTime"


async def pin(page: Page, label: str) -> None:
    """On the home page of the venue's node."""
    await page.select_option("#rung", label=label)
    async with page.expect_navigation():
        await page.click("#pin button")
    assert await page.evaluate("document.getElementById('rung').selectedOptions[0].textContent.trim()") == label


async def goes_on(screen: Page, wide: str) -> int:
    """A picture whose width is so moves, and time with it; the width. (How many pixels a rung has is the browser's
    business: on a busy machine it sends smaller ones.)"""
    await until(screen, f"{WIDTH} {wide}")
    seen, heard = await screen.evaluate(FRAMES), await screen.evaluate(HEARD)
    await until(screen, f"{FRAMES} > {seen} + 5 && {HEARD} > {heard} && {WIDTH} {wide}")
    return int(await screen.evaluate(WIDTH))


async def test_an_operator_chooses_the_rung_of_the_venues_screen(stage: Stage) -> None:
    async with (
        stage.page(user=Role.OPERATOR) as screen,
        stage.page(user=Role.LECTURER) as desk,
        stage.page(user=Role.OPERATOR) as home,
    ):
        await go_on_air(stage, desk)
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "live")
        best = await goes_on(screen, "> 320")
        await home.goto(f"{stage.url}/")
        await pin(home, "Small picture")
        small = await goes_on(screen, f"< {best}")
        await pin(home, "Medium picture")
        medium = await goes_on(screen, f"> {small}")
        await pin(home, "Sound only")
        flag = screen.locator("#flag")
        await expect(flag).to_have_text(HELD, timeout=PATIENCE_S * 1000)
        seen, heard = await screen.evaluate(FRAMES), await screen.evaluate(HEARD)
        await until(screen, f"{HEARD} > {heard} + 4")  # longer than a page waits for a picture that it misses
        assert await screen.evaluate(FRAMES) <= seen + 2
        await expect(flag).to_have_text(HELD, timeout=PATIENCE_S * 1000)
        await pin(home, "Automatic")
        await goes_on(screen, f"> {medium}")
        await expect(flag).to_be_hidden(timeout=PATIENCE_S * 1000)
