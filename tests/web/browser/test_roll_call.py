from __future__ import annotations

import asyncio

from playwright.async_api import Locator, Page, Route, expect

from attendance.history_reports import history
from attendance.people import person_id
from tests.web.browser.cards import issue, scan, scan_through_input_method
from tests.web.browser.stage import PHONE, Stage, fits
from venues.tokens import TokenKind
from web.policy import Role


def address(stage: Stage) -> str:
    return f"{stage.url}/lectures/{stage.lecture}/roll-call"


async def present(stage: Stage) -> int:
    return (await stage.node.reports.count(stage.lecture, stage.venues["52"].id)).present


async def test_a_finger_ticks_and_takes_back(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        person = page.locator(".person", has_text="张秀英")
        await person.locator(".tick").tap()
        await expect(person).to_have_class("person present")
        assert await present(stage) == 1  # green is never before the disk
        await expect(page.locator("#count")).to_have_text("1 of 3 present")
        await person.get_by_role("button", name="Undo the check-in of 张秀英").tap()
        await expect(person).to_have_class("person")
        await expect(page.locator("#count")).to_have_text("0 of 3 present")
        assert await present(stage) == 0
        assert await fits(page)


async def test_namesakes_are_told_apart_by_their_numbers(stage: Stage) -> None:
    await stage.node.people.import_csv("number,name,venue\n0003,张秀英,52\n".encode())
    async with stage.page(user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        person = page.locator(".person", has_text="0003")
        await person.locator(".tick").click()
        await expect(person).to_have_class("person present")
        await expect(person.locator(".undo")).to_have_attribute("aria-label", "Undo the check-in of 张秀英 (0003)")
        await expect(page.locator(".person", has_text="王建国").locator(".more")).to_have_attribute(
            "aria-label", "More about 王建国"
        )


async def test_the_keyboard_alone_is_enough(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await expect(page.locator("#search")).to_be_focused()
        await expect(page.locator(".person")).to_have_count(3)
        await page.keyboard.type("建国")
        await expect(page.locator(".person:visible")).to_have_count(1)
        await page.keyboard.press("Enter")
        await expect(page.locator(".person", has_text="王建国")).to_have_class("person present")
        await expect(page.locator("#search")).to_have_value("")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Space")
        await expect(page.locator(".person", has_text="李桂芳")).to_have_class("person present")
        await page.keyboard.press("Escape")
        await expect(page.locator("#search")).to_be_focused()
        assert await present(stage) == 2


async def test_a_walk_in_is_added_as_a_guest(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await page.fill("#walk-name", "过路客")
        await page.click("#walk-in button")
        await expect(page.locator("#walk-said")).to_have_text("过路客: present, saved")
        await expect(page.locator(".person.present", has_text="过路客")).to_contain_text("guest")
        await expect(page.locator("#count")).to_have_text("0 of 3 present, guests: 1")


async def test_a_walk_in_of_a_name_on_the_list_is_asked_about(stage: Stage) -> None:
    async def add(page: Page, name: str, answer: str = "") -> None:
        await page.fill("#walk-name", name)
        await page.click("#walk-in button")
        if answer:
            await page.get_by_role("dialog").get_by_role("button", name=answer).click()

    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await expect(page.locator(".person")).to_have_count(3)
        await add(page, "张 秀英", "Cancel")
        await expect(page.locator("#walk-name")).to_have_value("张 秀英")
        await add(page, "张 秀英", "Tick that name")
        await expect(page.locator("#count")).to_have_text("1 of 3 present")
        await add(page, "过路客")
        await expect(page.locator("#count")).to_have_text("1 of 3 present, guests: 1")
        await add(page, "过路客", "It is the same person")
        await add(page, "王建国", "Add another person of that name")
        await expect(page.locator("#count")).to_have_text("1 of 3 present, guests: 2")
        assert await present(stage) == 3
        assert await fits(page)


async def test_a_name_typed_while_the_one_before_is_saved_stays_in_its_box(stage: Stage) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(route: Route) -> None:
        asked.set()
        await go_on.wait()
        await route.continue_()

    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await page.route("**/check-ins", slowly)
        await page.fill("#walk-name", "过路客")
        await page.click("#walk-in button")
        await asked.wait()
        await page.fill("#walk-name", "王二")
        go_on.set()
        await expect(page.locator("#walk-said")).to_have_text("过路客: present, saved")
        await expect(page.locator("#walk-name")).to_have_value("王二")
        await page.click("#walk-in button")
        await expect(page.locator("#walk-said")).to_have_text("王二: present, saved")
        await expect(page.locator("#walk-name")).to_have_value("")


async def ticked_offline(stage: Stage, page: Page) -> Locator:
    """张秀英, whom the page has to keep until the node answers."""
    await page.goto(address(stage))
    person = page.locator(".person", has_text="张秀英")
    await expect(person).to_be_visible()
    await page.context.set_offline(True)
    await person.locator(".tick").tap()
    await expect(person).to_have_class("person unsaved")
    return person


async def test_a_tick_without_the_node_is_not_green_and_is_saved_when_the_node_answers(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        person = await ticked_offline(stage, page)
        await expect(page.locator("#trouble")).to_contain_text("No connection to the node since")
        assert await present(stage) == 0
        await page.context.set_offline(False)
        await expect(person).to_have_class("person present", timeout=15_000)
        await expect(page.locator("#trouble")).to_be_hidden()
        assert await present(stage) == 1


async def test_a_presence_check_by_keyboard_and_somebody_seen_by_mistake(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        person = page.locator(".person", has_text="张秀英")
        await person.locator(".tick").tap()
        await expect(person).to_have_class("person present")
        await page.locator("#check-begin").press("Enter")
        await expect(person.get_by_role("button", name="张秀英 is in the room")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#check-state")).to_contain_text("1 of 1 seen")
        await expect(person.get_by_role("button", name="张秀英 was not seen after all")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#check-state")).to_contain_text("0 of 1 seen")
        await expect(person).to_have_class("person present")
        assert await present(stage) == 1
        assert await fits(page)


async def test_handing_in_closes_the_list_until_it_is_opened_again(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        person = page.locator(".person", has_text="张秀英")
        await person.locator(".tick").tap()
        await expect(person).to_have_class("person present")
        await page.get_by_role("button", name="Hand in the attendance").tap()
        await page.get_by_role("dialog").get_by_role("button", name="Hand in").tap()
        await expect(page.locator("#hand-in-state")).to_contain_text("The venue above has everything.")
        await page.locator(".person", has_text="王建国").locator(".tick").tap()
        await expect(page.locator("#trouble")).to_contain_text("has been closed and handed in")
        await page.fill("#reopen-reason", "漏了一人")
        await page.get_by_role("button", name="Open again").tap()
        await expect(page.locator("#hand-in")).to_be_visible()
        await page.locator(".person", has_text="王建国").locator(".tick").tap()
        await expect(page.locator(".person", has_text="王建国")).to_have_class("person present")
        assert await present(stage) == 2
        assert await fits(page)


async def test_what_was_handed_in_waits_for_a_link_only_where_there_is_none(stage: Stage) -> None:
    link = {"state": "connected"}

    async def node(route: Route) -> None:
        known = await (await route.fetch()).json()
        await route.fulfill(json=known | {"pending_events": 1, "link": known["link"] | link})

    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await stage.node.log.close(lecture=stage.lecture)
        await page.route("**/api/node", node)
        await page.goto(address(stage))
        await expect(page.locator("#hand-in-state")).to_contain_text("on their way to the venue above")
        link["state"] = "offline"
        await expect(page.locator("#hand-in-state")).to_contain_text("1 entries still wait", timeout=15_000)


async def test_handing_in_once_more_after_a_lost_answer_and_an_opening_elsewhere_closes_again(stage: Stage) -> None:
    async def lost(route: Route) -> None:
        if route.request.method == "POST":
            await route.fetch()
        await route.abort()

    async def hand_in(page: Page) -> None:
        await page.get_by_role("button", name="Hand in the attendance").tap()
        await page.get_by_role("dialog").get_by_role("button", name="Hand in").tap()

    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await expect(page.locator("#hand-in")).to_be_visible()
        await page.route("**/closing", lost)
        await hand_in(page)
        await expect(page.locator("#hand-in-said")).to_contain_text("Not saved.")
        first = await stage.node.log.closed(stage.lecture)
        await stage.node.log.reopen(lecture=stage.lecture, reason="漏了一人")
        await page.unroute("**/closing")
        await hand_in(page)
        await expect(page.locator("#hand-in-state")).to_contain_text("Handed in at")
        await expect(page.locator("#hand-in-said")).to_have_text("")
        second = await stage.node.log.closed(stage.lecture)
        assert first is not None
        assert second is not None
        assert first.id != second.id


async def test_many_at_once_say_who_was_not_saved_and_why(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        everybody = page.get_by_role("button", name="Mark all shown as present")
        await expect(page.locator(".person")).to_have_count(3)
        await everybody.tap()
        await stage.node.log.close(lecture=stage.lecture)
        await page.get_by_role("dialog").get_by_role("button", name="Mark 3 as present").tap()
        await expect(page.locator("#trouble")).to_have_text(
            "0 of 3 people saved as present. 张秀英, 王建国, 李桂芳: not saved. "
            "The attendance of this venue has been closed and handed in; open it again first."
        )
        await expect(page.locator("#said")).to_have_text("")
        assert await present(stage) == 0
        await stage.node.log.reopen(lecture=stage.lecture, reason="漏了")
        await everybody.tap()
        await page.route("**/check-ins/many", lambda route: route.abort())
        await page.get_by_role("dialog").get_by_role("button", name="Mark 3 as present").tap()
        await expect(page.locator(".person.present")).to_have_count(3, timeout=15_000)  # one by one
        assert await present(stage) == 3


async def test_a_tick_that_waits_outlives_the_page(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        person = page.locator(".person", has_text="张秀英")
        await expect(person).to_be_visible()
        await page.route("**/check-ins", lambda route: route.abort())
        await person.locator(".tick").tap()
        await expect(person).to_have_class("person unsaved")
        other = await page.context.new_page()  # as after a crash of the browser
        await page.close()
        await other.goto(address(stage))
        await expect(other.locator(".person", has_text="张秀英")).to_have_class("person present")
        assert await present(stage) == 1


async def test_a_tick_outlives_the_session_and_is_saved_by_the_next_operator(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await ticked_offline(stage, page)
        await stage.node.tokens.revoke_subject(TokenKind.SESSION, "operator")
        await page.context.set_offline(False)
        await expect(page.locator("#trouble")).to_contain_text("Please sign in again as an operator of this venue")
        await page.locator(".person", has_text="王建国").locator(".tick").tap()
        await stage.sign_in(page, Role.LECTURER)  # who may not tick
        async with page.expect_response(lambda answer: "/check-ins" in answer.url and answer.status == 403):
            pass
        await expect(page.locator(".person.unsaved")).to_have_count(2)
        assert "王建国" in await page.evaluate("JSON.stringify(localStorage)")
        assert await present(stage) == 0
        await stage.sign_in(page, Role.ORGANIZER)
        await expect(page.locator(".person.present")).to_have_count(2, timeout=15_000)
        await expect(page.locator("#trouble")).to_be_hidden()
        assert await present(stage) == 2


async def test_a_tick_that_waits_is_tried_again_by_a_page_that_is_refused_at_first(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        person = page.locator(".person", has_text="张秀英")
        await page.context.route("**/check-ins", lambda route: route.fulfill(status=503))
        await person.locator(".tick").tap()
        await expect(person).to_have_class("person unsaved")
        other = await page.context.new_page()
        await page.close()
        async with other.expect_response("**/check-ins"):
            await other.goto(address(stage))
        await page.context.unroute("**/check-ins")
        await expect(other.locator(".person", has_text="张秀英")).to_have_class("person present", timeout=15_000)
        assert await present(stage) == 1


async def test_a_tick_that_nobody_brings_to_the_node_leaves_the_browser_after_a_week(stage: Stage) -> None:
    keep = """async (days) => {
        const { uuid7 } = await import("/static/ids.js");
        const mine = uuid7(Date.now() - 86_400_000 * days);
        localStorage.setItem(`ticks:1:lecture-${days}:52`, JSON.stringify([["1", { name: "张秀英", mine }]]));
    }"""
    async with stage.page() as page:
        await page.goto(f"{stage.url}/sign-in")
        for days in (6, 8):
            await page.evaluate(keep, days)
        await page.goto(f"{stage.url}/sign-in")  # nobody is signed in any more
        await page.wait_for_function("localStorage.getItem('ticks:1:lecture-8:52') === null")
        assert await page.evaluate("Object.keys(localStorage)") == ["ticks:1:lecture-6:52"]


async def test_initials_leave_and_sign_out(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await page.fill("#search", "wjg")
        await expect(page.locator(".person:visible")).to_have_count(1)
        await page.get_by_role("button", name="More about 王建国").tap()
        await page.fill("#why", "flooded road")
        await page.get_by_role("dialog").get_by_role("button", name="Write down").tap()
        await expect(page.locator(".person", has_text="王建国")).to_contain_text("on leave: flooded road")
        await page.fill("#search", "")
        await page.get_by_role("button", name="Mark all shown as present").tap()
        await page.get_by_role("dialog").get_by_role("button", name="Mark 2 as present").tap()
        await expect(page.locator("#count")).to_have_text("2 of 3 present")
        await page.get_by_role("button", name="More about 李桂芳").tap()
        await page.get_by_role("dialog").get_by_role("button", name="Leaves now").tap()
        await expect(page.locator(".person", has_text="李桂芳")).to_contain_text("left at")
        await expect(page.locator("#count")).to_have_text("1 of 3 present (left: 1)")
        assert await fits(page)


async def test_a_correction_is_taken_back_with_a_reason(stage: Stage) -> None:
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        dialog, person = page.get_by_role("dialog"), page.locator(".person", has_text="王建国")
        await page.get_by_role("button", name="More about 王建国").tap()
        await page.select_option("#what", "late")
        await page.fill("#why", "flooded road")
        await dialog.get_by_role("button", name="Write down").tap()
        await expect(person).to_have_class("person present")
        await person.get_by_role("button", name="Undo the check-in of 王建国").tap()
        await expect(page.locator("#why")).to_be_focused()
        await dialog.get_by_role("button", name="Undo").tap()
        await expect(page.locator("#about-said")).to_have_text(
            "Please write the reason for the undo, then press “Undo”."
        )
        assert await present(stage) == 1
        await page.fill("#why", "it was her brother")
        await dialog.get_by_role("button", name="Undo").tap()
        await expect(person).to_have_class("person")
        entries = (await history(stage.node.db, stage.lecture, person_id("0002"))).entries
        assert [(entry.kind, entry.reason) for entry in entries] == [
            ("correction", "flooded road"),
            ("undo", "it was her brother"),
        ]
        assert await fits(page)


async def test_a_scanner_ticks_whatever_has_the_focus(stage: Stage) -> None:
    cards = await issue(stage)
    async with stage.page(user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await expect(page.locator(".person")).to_have_count(3)
        await page.fill("#search", "建国")  # and the focus is there: the others are not shown
        await scan(page, cards["李桂芳"])
        await expect(page.locator(".person", has_text="李桂芳")).to_have_class("person present pointed")
        await expect(page.locator(".person", has_text="李桂芳")).to_contain_text("by card")
        await page.locator(".person", has_text="王建国").locator(".tick").focus()
        await scan(page, cards["张秀英"])  # its return key must not press the button that has the focus
        await expect(page.locator("#count")).to_have_text("2 of 3 present")
        await expect(page.locator(".person", has_text="王建国")).to_have_class("person")
        await scan(page, "6901234567892")
        await expect(page.locator("#trouble")).to_contain_text("The card: not saved. This is not one of our cards.")
        assert await present(stage) == 2


async def test_a_scanner_breaks_into_a_word_of_an_input_method(stage: Stage) -> None:
    cards = await issue(stage)
    async with stage.page(user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await page.fill("#walk-name", "过路")
        keys = await page.context.new_cdp_session(page)
        await keys.send("Input.imeSetComposition", {"text": "zhang", "selectionStart": 5, "selectionEnd": 5})
        await expect(page.locator("#walk-name")).to_have_value("过路zhang")
        await scan_through_input_method(keys, cards["王建国"])
        await expect(page.locator("#count")).to_have_text("1 of 3 present")
        await expect(page.locator("#walk-name")).to_have_value("过路")
        await expect(page.locator("#walk-name")).to_be_focused()


async def test_a_card_waits_for_the_node(stage: Stage) -> None:
    cards = await issue(stage)
    async with stage.page(PHONE, user=Role.OPERATOR) as page:
        await page.goto(address(stage))
        await expect(page.locator(".person")).to_have_count(3)
        await page.context.set_offline(True)
        await scan(page, cards["张秀英"])
        await expect(page.locator("#trouble")).to_contain_text("No connection to the node since")
        assert await present(stage) == 0
        await page.context.set_offline(False)
        await expect(page.locator("#count")).to_have_text("1 of 3 present", timeout=20_000)
        await expect(page.locator("#trouble")).to_be_hidden()
        assert await fits(page)
