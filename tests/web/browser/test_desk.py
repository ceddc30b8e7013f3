from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Dialog, Page, expect

from tests.web.browser.stage import Stage, state, until
from web.policy import Role


def address(stage: Stage, lecture: str = "") -> str:
    return f"{stage.url}/lectures/{lecture or stage.lecture}/desk"


async def ready(stage: Stage, desk: Page, lecture: str = "") -> None:
    await desk.goto(address(stage, lecture))
    await until(desk, "document.getElementById('preview').videoWidth > 0")


async def test_a_second_desk_waits_in_line_and_the_first_never_notices(stage: Stage) -> None:
    async with stage.page(user=Role.LECTURER) as first, stage.page(user=Role.LECTURER) as second:
        await ready(stage, first)
        await first.click("#go")
        await state(first, "live")
        await ready(stage, second)
        for page in (first, second):
            await page.evaluate(
                """window.seen = []; new MutationObserver(() => window.seen.push(document.getElementById("onair")
                .textContent)).observe(document.getElementById("onair"), { childList: true })"""
            )
        asked: list[str] = []
        second.on("request", lambda request: asked.append(request.url) if "/whip/" in request.url else None)
        await second.click("#go")
        await state(second, "waiting")
        await expect(second.locator("#trouble")).to_contain_text("Somebody else is already on air for this lecture")
        await asyncio.sleep(5)
        assert len(asked) <= 4  # Retry-After is two seconds
        words = await second.evaluate("[...new Set(window.seen)]")
        assert words == ["Connecting…", "Waiting: somebody else is on air"]
        assert await first.evaluate("window.seen") == []
        assert await first.evaluate("document.documentElement.dataset.state") == "live"
        await first.click("#stop")
        await state(second, "live")
        await expect(second.locator("#trouble")).to_be_hidden()


async def test_going_on_air_changes_the_page_and_leaving_it_is_asked_about(stage: Stage) -> None:
    await stage.node.lectures.stop(stage.lecture)
    planned = await stage.node.lectures.create("Tomorrow", stage.venues["52"].id)
    async with stage.page(user=Role.LECTURER) as desk:
        await ready(stage, desk, planned.id)
        await expect(desk.locator("#planned")).to_be_visible()
        await expect(desk.locator("#end")).to_be_hidden()
        await desk.click("#go")
        await state(desk, "live")
        await expect(desk.locator("#planned")).to_be_hidden()
        await expect(desk.locator("#end")).to_be_visible()
        asked: list[str] = []

        async def stay(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.dismiss()

        desk.on("dialog", stay)
        async with desk.expect_event("dialog"):
            await desk.evaluate("setTimeout(() => location.reload())")
        assert asked == ["beforeunload"]
        await state(desk, "live")
        await desk.click("#end button")
        await desk.get_by_role("dialog").get_by_role("button", name="End lecture").click()
        await expect(desk).to_have_url(f"{stage.url}/lectures")
        assert asked == ["beforeunload"]  # not a second time
        assert (await stage.node.lectures.get(planned.id)).state == "ended"  # type: ignore[union-attr]


async def test_a_lecture_that_is_ended_elsewhere_goes_off_air_and_says_so(stage: Stage) -> None:
    async with stage.page(user=Role.LECTURER) as desk:
        await ready(stage, desk)
        await desk.click("#go")
        await state(desk, "live")
        await stage.node.lectures.stop(stage.lecture)
        await state(desk, "idle")
        await expect(desk.locator("#trouble")).to_contain_text("This lecture has ended.")
        await expect(desk.locator("#go")).to_be_disabled()


async def test_another_lecture_that_is_live_is_told_before_going_on_air(stage: Stage) -> None:
    planned = await stage.node.lectures.create("For the city", stage.venues["5201"].id)
    async with stage.page(user=Role.LECTURER) as desk:
        await ready(stage, desk, planned.id)
        await desk.click("#go")
        dialog = desk.get_by_role("dialog")
        await expect(dialog).to_contain_text("Another lecture is live: “The lecture”.")
        await expect(dialog).to_contain_text("will switch to this one")
        await dialog.get_by_role("button", name="Cancel").click()
        await expect(desk.locator("#onair")).to_have_text("Not on air")
        assert (await stage.node.lectures.get(planned.id)).state == "planned"  # type: ignore[union-attr]
        await desk.click("#go")
        await dialog.get_by_role("button", name="Go on air").click()
        await state(desk, "live")


def lecture(state: str, venue: int, started: str | None = None) -> dict[str, Any]:
    return {"title": f"L{venue}", "state": state, "venue": venue, "started_at": started}


EARLY, LATE = "2026-11-22T02:00:00.000Z", "2026-11-22T03:00:00.000Z"
RIVALS: list[tuple[dict[str, Any], list[dict[str, Any]], str | None]] = [
    (lecture("planned", 2), [], None),
    (lecture("planned", 2), [lecture("live", 1, EARLY) | {"lineage": [1]}], "switch"),  # above
    (lecture("planned", 2), [lecture("live", 5, EARLY) | {"lineage": [1, 2, 5]}], "switch"),  # below
    (lecture("planned", 2), [lecture("live", 3, EARLY) | {"lineage": [1, 3]}], None),  # beside
    (lecture("live", 2, LATE), [lecture("live", 2, EARLY) | {"lineage": [1, 2]}], "switch"),
    (lecture("live", 2, EARLY), [lecture("live", 2, LATE) | {"lineage": [1, 2]}], "hidden"),
]


async def test_whom_a_lecture_meets_on_the_screens(stage: Stage) -> None:
    script = "async (known) => (await import('/static/desk_state.js')).rival(...known, [1, 2])?.says ?? null"
    async with stage.page() as page:
        await page.goto(f"{stage.url}/sign-in")
        for ours, others, says in RIVALS:
            assert await page.evaluate(script, [ours, others]) == says, (ours, others)
