"""The kiosk at the door in a real Chromium: scanner, input method, camera, refusals, and a node that is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from attendance import badge
from tests.web.browser.cards import NO_CAMERA, draw_film, issue, scan, scan_through_input_method, with_browser
from tests.web.browser.stage import ARGUMENTS, PHONE, PROJECTOR, Stage, fits, state, until
from web.policy import Role

TABLET = (1024, 768)
LISTEN = """() => { window.answers = [];
    document.addEventListener("kioskanswer", ({ detail }) => window.answers.push(detail)); }"""


async def opened(stage: Stage, page: Page) -> None:
    """The kiosk, ready; `window.answers` holds what it shows from now on."""
    await page.goto(f"{stage.url}/kiosk")
    await state(page, "open")
    await page.evaluate(LISTEN)


async def answered(page: Page, *kinds: str) -> None:
    """Wait for just these answers so far, but for "reading"."""
    await until(
        page, f"JSON.stringify(answers.filter((kind) => kind !== 'reading')) === JSON.stringify({list(kinds)!r})"
    )


async def present(stage: Stage) -> int:
    return (await stage.node.reports.count(stage.lecture, stage.venues["52"].id)).present


@pytest.fixture
async def cards(stage: Stage) -> dict[str, str]:
    await stage.node.people.import_csv("number,name,venue\n0009,李娜,520302\n".encode())
    return await issue(stage)


@pytest.mark.parametrize("size", [PHONE, TABLET, PROJECTOR])
async def test_a_scanner_is_answered_in_colour_words_and_sound(
    stage: Stage, cards: dict[str, str], size: tuple[int, int]
) -> None:
    async with stage.page(size, user=Role.OPERATOR) as page:
        await opened(stage, page)
        await expect(page.locator("#count")).to_have_text("0 of 3 present")
        await scan(page, cards["张秀英"])
        await answered(page, "new")
        assert await present(stage) == 1  # green is never before the disk
        await expect(page.locator("#who")).to_have_text("张秀英")
        await expect(page.locator("#home")).to_have_text("贵州省")
        await expect(page.locator("#what")).to_have_text("Welcome, you are checked in")
        await scan(page, cards["李娜"], end="Tab")
        await answered(page, "new", "guest")
        await expect(page.locator("#home")).to_have_text("遵义市 · 红花岗区")
        assert await fits(page)
        await state(page, "open")  # by itself, after a few seconds
        await expect(page.locator("#count")).to_have_text("1 of 3 present, guests: 1")
        await scan(page, cards["张秀英"])
        await answered(page, "new", "guest", "already")
        assert await fits(page)


async def test_an_input_method_cannot_break_a_scan(stage: Stage, cards: dict[str, str]) -> None:
    async with stage.page(TABLET, user=Role.OPERATOR) as page:
        await opened(stage, page)
        keys = await page.context.new_cdp_session(page)
        await scan_through_input_method(keys, cards["王建国"])
        await answered(page, "new")
        await expect(page.locator("#who")).to_have_text("王建国")


async def test_what_is_refused_is_red_and_says_why(stage: Stage, cards: dict[str, str]) -> None:
    good = cards["张秀英"]
    await stage.node.badges.revoke(badge.parse(good).card, reason="lost", by="organizer")
    async with stage.page(TABLET, user=Role.OPERATOR) as page:
        await opened(stage, page)
        for number, (payload, words) in enumerate(
            (
                (good, "This card was revoked. Please check in with the new card, or by name."),
                ("6901234567892", "This is not one of our cards."),
                (good[:-1], "The card was not read whole. Please hold it up once more."),
            ),
            start=1,
        ):
            await scan(page, payload)
            await answered(page, *["refused"] * number)
            await expect(page.locator("#why")).to_have_text(words)
        colour = await page.evaluate("getComputedStyle(document.getElementById('answer')).backgroundColor")
        assert colour == "rgb(163, 36, 27)"
        await stage.node.log.close(lecture=stage.lecture)
        await scan(page, cards["王建国"])
        await answered(page, *["refused"] * 4)
        await expect(page.locator("#why")).to_contain_text("has been closed and handed in")
    assert await present(stage) == 0


async def test_a_person_who_types_is_no_scanner(stage: Stage, cards: dict[str, str]) -> None:
    async with stage.page(TABLET, user=Role.OPERATOR) as page:
        await opened(stage, page)
        await page.keyboard.type("690123456", delay=120)
        await page.keyboard.press("Enter")
        await page.keyboard.type("hello")
        await scan(page, cards["张秀英"])
        await answered(page, "new")


async def test_the_same_card_twice_does_not_flicker(stage: Stage, cards: dict[str, str]) -> None:
    async with stage.page(TABLET, user=Role.OPERATOR) as page:
        await opened(stage, page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "check-ins" in request.url else None)
        await scan(page, cards["张秀英"])
        await scan(page, cards["张秀英"])
        await scan(page, cards["王建国"])
        await answered(page, "new", "new")
        assert len(asked) == 2


async def test_a_card_waits_for_a_node_that_is_away_and_outlives_the_page(stage: Stage, cards: dict[str, str]) -> None:
    async with stage.page(TABLET, user=Role.OPERATOR) as page:
        await opened(stage, page)
        await page.route("**/api/kiosk/check-ins", lambda route: route.abort())
        await scan(page, cards["张秀英"])
        await state(page, "waiting")
        await scan(page, cards["王建国"])
        await expect(page.locator("#waiting")).to_contain_text("Cards that wait for the node: 2")
        assert await present(stage) == 0
        await page.unroute("**/api/kiosk/check-ins")
        await page.reload()
        await expect(page.locator("#count")).to_have_text("2 of 3 present")
        await state(page, "open")
    assert await present(stage) == 2


async def test_a_lost_answer_costs_a_repeat_and_nothing_else(stage: Stage, cards: dict[str, str]) -> None:
    lost: list[int] = []

    async def lose(route: Route) -> None:
        answer = await route.fetch()
        if lost:
            await route.fulfill(response=answer)
        else:
            lost.append(answer.status)
            await route.abort()

    async with stage.page(TABLET, user=Role.OPERATOR) as page:
        await opened(stage, page)
        await page.route("**/api/kiosk/check-ins", lose)
        await scan(page, cards["张秀英"])
        await answered(page, "waiting", "new")  # not "already": it is the repeat of the same event
        assert lost == [201]
    assert await present(stage) == 1


async def test_a_card_before_the_camera_is_read_once(stage: Stage, cards: dict[str, str], tmp_path: Path) -> None:
    film = tmp_path / "cards.y4m"
    draw_film(film, [cards["李桂芳"]])
    arguments = [*ARGUMENTS, f"--use-file-for-fake-video-capture={film}"]
    async with with_browser(stage, arguments) as filmed, filmed.page(TABLET, user=Role.OPERATOR) as page:
        await page.goto(f"{stage.url}/kiosk")
        await until(page, "document.documentElement.dataset.camera === 'on'")
        await state(page, "new")
        await expect(page.locator("#who")).to_have_text("李桂芳")
        await page.evaluate(LISTEN)
        await state(page, "open")  # though the card comes before the camera again and again
        await expect(page.locator("#count")).to_have_text("1 of 3 present")
        assert await page.evaluate("answers.filter((kind) => kind !== 'reading')") == []
    assert await present(stage) == 1


async def test_without_a_camera_it_says_what_to_do_and_a_scanner_works(stage: Stage, cards: dict[str, str]) -> None:
    async with with_browser(stage, NO_CAMERA) as bare, bare.page(PHONE, user=Role.OPERATOR) as page:
        await opened(stage, page)
        await expect(page.locator("#camera-said")).to_contain_text("no camera. Plug in a camera or a USB scanner")
        assert await fits(page)
        await scan(page, cards["张秀英"])
        await answered(page, "new")


async def test_it_opens_by_itself_once_an_operator_has_opened_it(stage: Stage, cards: dict[str, str]) -> None:
    async with stage.page(TABLET, user=Role.OPERATOR) as page:
        await opened(stage, page)
        session = next(each for each in await page.context.cookies() if "screen" not in each.get("name", ""))
        await page.context.clear_cookies(name=session.get("name", ""))
        await opened(stage, page)
        await scan(page, cards["张秀英"])
        await answered(page, "new")


async def test_the_sound_can_be_switched_off_and_stays_so(stage: Stage) -> None:
    async with stage.page(TABLET, user=Role.OPERATOR) as page:
        await opened(stage, page)
        button = page.locator("#sound")
        await page.mouse.click(5, 400)  # wakes the sound where the browser waits for a touch
        await expect(button).to_have_text("Sound: on")
        await button.click()
        await expect(button).to_have_text("Sound: off")
        await page.reload()
        await expect(button).to_have_text("Sound: off")
        await expect(button).to_have_attribute("aria-pressed", "false")
