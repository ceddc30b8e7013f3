from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.browser.stage import PHONE, Stage, fits
from web.policy import Role


async def code_on_screen(stage: Stage) -> str:
    async with stage.page(user=Role.OPERATOR) as page:
        answer = await page.context.request.get(f"{stage.url}/api/screen")
        return str((await answer.json())["code_url"])


async def fill(page: Page, number: str, name: str) -> None:
    await page.fill("#number", number)
    await page.fill("#name", name)
    await page.locator("#check-in button").tap()


async def test_a_phone_checks_in_by_the_code_and_is_remembered(stage: Stage) -> None:
    async with stage.page(PHONE, language="zh-CN") as page:
        await page.goto(await code_on_screen(stage))
        await fill(page, "0001", "王建国")
        await expect(page.locator("#trouble")).to_have_text("姓名与编号不符。")
        await fill(page, "0001", "张秀英")
        await expect(page.locator("#success")).to_be_visible()
        await expect(page.locator("#who")).to_have_text("张秀英")
        await expect(page.locator("#success")).to_contain_text("贵州省")
        assert await fits(page)
        await page.goto(await code_on_screen(stage))
        await expect(page.locator("#are-you")).to_have_text("您是张秀英吗？")
        await expect(page.locator("#known")).to_contain_text("编号末尾 01")
        assert await fits(page)
        await page.locator("#me button").tap()
        await expect(page.locator("#when")).to_contain_text("已经签到")
    assert (await stage.node.reports.count(stage.lecture, stage.venues["52"].id)).present == 1


async def test_a_phone_that_does_not_reach_the_node_is_told_so_and_loses_nothing(stage: Stage) -> None:
    async with stage.page(PHONE) as page:
        await page.goto(await code_on_screen(stage))
        await page.context.set_offline(True)
        await fill(page, "0002", "王建国")
        await expect(page.locator("#trouble")).to_contain_text("does not reach this venue's node", timeout=15_000)
        await expect(page.locator("#name")).to_have_value("王建国")
        await page.context.set_offline(False)
        await page.locator("#check-in button").tap()
        await expect(page.locator("#who")).to_have_text("王建国")


async def test_a_phone_that_several_people_share(stage: Stage) -> None:
    async with stage.page(PHONE) as page:
        await page.goto(await code_on_screen(stage))
        await fill(page, "0001", "张秀英")
        await page.locator("#next").tap()
        await expect(page.locator("#number")).to_have_value("")
        await fill(page, "0002", "王建国")
        await expect(page.locator("#who")).to_have_text("王建国")
        await page.goto(await code_on_screen(stage))
        await expect(page.locator("#are-you")).to_have_text("Are you 张秀英?")  # whoever came second did not ask to be
        await page.locator("#forget").tap()
        await expect(page.locator("#remember")).to_be_checked()
    assert (await stage.node.reports.count(stage.lecture, stage.venues["52"].id)).present == 2
