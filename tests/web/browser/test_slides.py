"""Camera and slides: two streams of one lecture, published by the desk and laid out by the screen."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

from PIL import Image
from playwright.async_api import Page, Response, expect

from broadcast import slides_of
from tests.web.browser.stage import PATIENCE_S, PHONE, Stage, state, until
from tests.web.browser.test_screen import FRAMES, go_on_air
from web.policy import Role

SLIDE = (200, 40, 160)  # far from all colours of the fake camera, also after coding
SHARE = """() => {
  // What getDisplayMedia would give: a page of one colour that changes seldom.
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [1280, 720];
  const paper = canvas.getContext("2d");
  const draw = () => { paper.fillStyle = "rgb(200 40 160)"; paper.fillRect(0, 0, 1280, 720); };
  draw();
  window.turning = setInterval(draw, 1000);
  navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream(5);
}"""


async def colour(page: Page, x: float, y: float) -> tuple[int, int, int]:
    """Of what is seen at this place; 0…1 of the window."""
    shot = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    pixel: Any = shot.getpixel((int(x * (shot.width - 1)), int(y * (shot.height - 1))))
    return pixel[0], pixel[1], pixel[2]


def is_slide(seen: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 60 for a, b in zip(seen, SLIDE, strict=True))


async def shows_slide(page: Page, x: float, y: float, *, yes: bool = True) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while is_slide(await colour(page, x, y)) is not yes:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.1)


async def layout(page: Page, wanted: str) -> None:
    await until(page, f"document.documentElement.dataset.layout === {wanted!r}")


async def test_slides_go_out_beside_the_camera_and_each_screen_lays_them_out(stage: Stage) -> None:
    middle, corner = (0.39, 0.5), (0.9, 0.15)
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as desk:
        await go_on_air(stage, desk)
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "live")
        await layout(screen, "camera")
        await expect(screen.locator("#layout")).to_be_hidden()
        await desk.evaluate(SHARE)
        await desk.click("#share")
        await expect(desk.locator("#slides-state")).to_have_text("The slides are on air.")
        await layout(screen, "both")
        await shows_slide(screen, *middle)
        await shows_slide(screen, *corner, yes=False)
        video, code = [await screen.locator(name).bounding_box() for name in ("#lecture", "#code")]
        assert video is not None
        assert code is not None
        assert video["y"] + video["height"] < code["y"]  # the camera does not cover the code

        # The lecturer's wish reaches the screen, the venue's own goes before it.
        await desk.select_option("#layout", "slides")
        await layout(screen, "slides")
        await shows_slide(screen, *middle)
        await desk.select_option("#layout", "camera")
        await layout(screen, "camera")
        await shows_slide(screen, *middle, yes=False)
        await screen.mouse.move(500, 500)
        await screen.click("#layout")
        await expect(screen.locator("#layout")).to_have_text("Layout: slides and camera")
        await layout(screen, "both")

        # A page that does not change at all is no fault.
        await desk.evaluate("clearInterval(window.turning)")
        sessions: list[str] = []
        screen.on("request", lambda request: sessions.append(request.url) if "/whep/" in request.url else None)
        async with stage.page(PHONE, user=Role.OPERATOR) as late:
            await late.goto(f"{stage.url}/screen")
            await layout(late, "camera")
            await desk.select_option("#layout", "auto")
            await layout(late, "both")
            await shows_slide(late, 0.5, 0.28)
        seen = await screen.evaluate(FRAMES)
        await until(screen, f"{FRAMES} > {seen} + 30")
        assert sessions == []
        assert stage.node.relay.status(slides_of(stage.lecture)).live

        await desk.click("#share")
        await layout(screen, "camera")
        await shows_slide(screen, *middle, yes=False)
        assert await screen.evaluate("document.documentElement.dataset.state") == "live"


WIDTH = "document.getElementById('slides').videoWidth"
SLOW = """() => {
  // A machine so busy that it hears of a track's first packet when all its frames have been decoded.
  const add = MediaStreamTrack.prototype.addEventListener;
  MediaStreamTrack.prototype.addEventListener = function (name, listener, options) {
    const late = (event) => setTimeout(() => listener(event), 3000);
    return add.call(this, name, name === "unmute" ? late : listener, options);
  };
}"""


async def test_slides_that_stand_still_are_seen_on_a_busy_machine(stage: Stage) -> None:
    middle = (0.39, 0.5)
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as desk:
        await go_on_air(stage, desk)
        await desk.evaluate(SHARE)
        await desk.click("#share")
        await expect(desk.locator("#slides-state")).to_have_text("The slides are on air.")
        await desk.evaluate("clearInterval(window.turning)")
        await screen.add_init_script(f"({SLOW})()")
        sessions: list[str] = []

        def note(response: Response) -> None:
            if response.request.method == "POST" and response.url.endswith("/slides") and response.status == 201:
                sessions.append(response.headers["location"].rsplit("/", 1)[-1])

        screen.on("response", note)
        await screen.goto(f"{stage.url}/screen")
        await layout(screen, "both")
        await shows_slide(screen, *middle)
        # And when a session breaks, whose last picture stays until the next one has another.
        stage.node.relay.delete(sessions[-1])
        await _until(lambda: len(sessions) > 2)  # the second was blind, too
        await until(screen, f"{WIDTH} > 0")
        await shows_slide(screen, *middle)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.1)


async def test_slides_without_a_camera_fill_the_screen(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as desk:
        await desk.goto(f"{stage.url}/lectures/{stage.lecture}/desk")
        await until(desk, "document.getElementById('preview').videoWidth > 0")
        await desk.select_option("#camera", "none")
        await desk.evaluate(SHARE)
        await desk.click("#share")
        await expect(desk.locator("#slides-state")).to_have_text("The slides go on air together with you.")
        await desk.click("#go")
        await state(desk, "live")
        await screen.goto(f"{stage.url}/screen")
        await layout(screen, "slides")
        await state(screen, "live")
        await shows_slide(screen, 0.5, 0.5)
        await shows_slide(screen, 0.05, 0.5)
