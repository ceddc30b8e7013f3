"""Whom a lecture expects: set at the root, followed by the nodes below, on pages and over the API."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import xlsxwriter

from tests.web.nodes import Client, add_user, client, eventually, make_node, plant, serving
from tests.web.test_pages import Browser
from tests.web.test_tree import child_node, enrol_at
from venues.tree import Venue
from web.app import Server
from web.node import Node
from web.policy import Role

PEOPLE = """编号,姓名,所属场所
0001,张秀英,52
0002,王建国,520102001001
0003,李桂芳,520102001001
0004,赵六,520102001
0005,孙七,520302
0006,周八,5203
"""


@dataclass
class Stage:
    node: Node
    server: Server
    venues: dict[str, Venue]
    lecture: str
    browser: Browser
    caller: Client

    @property
    def page(self) -> str:
        return f"/lectures/{self.lecture}/expected"

    @property
    def api(self) -> str:
        return f"/api/lectures/{self.lecture}/expected"

    async def numbers(self) -> list[str]:
        """Whom the figures expect."""
        path = f"/api/lectures/{self.lecture}/names?which=expected"
        return sorted(one["number"] for one in (await self.caller("GET", path)).body["names"])


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A root with its people and a lecture for all of them, the organizer signed in as a browser and as a program."""
    async with contextlib.AsyncExitStack() as stack:
        node = make_node(tmp_path / "root")
        server = await stack.enter_async_context(serving(node))
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
        caller = await stack.enter_async_context(client(server.url))
        venues = await plant(node)
        await add_user(node, "organizer", Role.ORGANIZER, venues["52"].id)
        await add_user(node, "city", Role.ORGANIZER, venues["5201"].id)
        await add_user(node, "lecturer", Role.LECTURER, venues["52"].id)
        await add_user(node, "operator", Role.OPERATOR, venues["520102001001"].id)
        await node.people.import_csv(PEOPLE.encode())
        lecture = await node.lectures.create("党课", venues["52"].id)
        await node.lectures.start(lecture.id)
        browser = Browser(http=http, url=server.url)
        await browser.sign_in("organizer")
        await caller.sign_in("organizer")
        yield Stage(node, server, venues, lecture.id, browser, caller)


async def test_everybody_is_expected_until_somebody_says_otherwise(stage: Stage) -> None:
    answer = (await stage.caller("GET", stage.api)).body
    assert (answer["everybody"], answer["expected"], answer["units"], answer["numbers"]) == (True, 6, [], [])
    await stage.browser.get(stage.page)
    assert "everybody at home in 贵州省" in stage.browser.text
    assert '<strong id="expected">6</strong> people' in stage.browser.text
    assert "Everybody again" not in stage.browser.text


async def test_units_and_levels_and_a_list_over_the_api(stage: Stage) -> None:
    wanted = {"units": [stage.venues["5201"].id], "levels": [4], "numbers": ["0006", "0006", " ０００1 "]}
    answer = await stage.caller("PUT", stage.api, wanted)
    assert answer.status == 200
    assert [unit["code"] for unit in answer.body["units"]] == ["5201"]
    assert answer.body["levels"] == [{"level": 4, "level_key": "village"}]
    assert (answer.body["numbers"], answer.body["expected"]) == (["0001", "0006"], 4)
    assert (await stage.caller("GET", stage.api)).body == answer.body
    assert await stage.numbers() == ["0001", "0002", "0003", "0006"]
    again = await stage.caller("PUT", stage.api, {})
    assert (again.body["everybody"], again.body["expected"]) == (True, 6)


async def test_nothing_is_set_on_a_mistake(stage: Stage) -> None:
    await stage.caller("PUT", stage.api, {"levels": [4]})
    unknown = await stage.caller("PUT", stage.api, {"numbers": ["0001", "X9", "X8"]})
    assert (unknown.status, unknown.code) == (422, "numbers_refused")
    assert "X9, X8" in unknown.body["error"]["message"]
    assert (await stage.caller("PUT", stage.api, {"units": [999]})).code == "expected_unit_outside"
    assert (await stage.caller("PUT", stage.api, {"levels": [7]})).code == "expected_level_unknown"
    assert (await stage.caller("GET", stage.api)).body["levels"] == [{"level": 4, "level_key": "village"}]


async def test_units_are_searched_added_and_removed_on_the_page(stage: Stage) -> None:
    browser, county = stage.browser, stage.venues["520102"]
    assert await browser.get(f"{stage.page}?q=南明") == 200
    assert "贵州省 › 贵阳市" in browser.text
    assert await browser.post(f"{stage.page}/units/add", unit=str(county.id)) == 200
    assert "those at home in 南明区" in browser.text
    assert '<strong id="expected">3</strong>' in browser.text
    await browser.get(f"{stage.page}?q=520102")
    assert "chosen" in browser.text
    assert await browser.post(f"{stage.page}/units/add", unit=str(stage.venues["520302"].id)) == 200
    assert "those at home in 南明区, 红花岗区" in browser.text
    assert await browser.post(f"{stage.page}/units/remove", unit=str(county.id)) == 200
    assert await stage.numbers() == ["0005"]
    assert await browser.post(f"{stage.page}/units/add", unit="999") == 422
    assert "The lecture is not for venue 999" in browser.text


async def test_levels_are_ticked_and_everybody_is_back_with_one_button(stage: Stage) -> None:
    browser = stage.browser
    await browser.get(stage.page)
    assert await browser.post(f"{stage.page}/levels", level="4") == 200
    assert "those at home at the level Village" in browser.text
    assert await stage.numbers() == ["0002", "0003"]
    await browser.get(f"/lectures/{stage.lecture}/report?venue={stage.venues['52'].id}")
    assert "those at home at the level Village" in browser.text
    await browser.get(stage.page)
    assert await browser.post(f"{stage.page}/everybody") == 200
    assert "everybody at home in 贵州省" in browser.text
    assert len(await stage.numbers()) == 6


async def test_a_list_is_pasted_and_uploaded_and_every_unknown_number_is_named(stage: Stage) -> None:
    browser = stage.browser
    await browser.get(stage.page)
    assert await browser.post(f"{stage.page}/list", numbers="0001,张秀英\nX1\n\nX2") == 422
    for sentence in (
        "mistakes in the box: 2.",
        "Line 2: nobody at home in 贵州省 has the number X1",
        "Line 4: nobody at home in 贵州省 has the number X2",
        "0001,张秀英\nX1\n\nX2</textarea>",
        "everybody at home in 贵州省",
    ):
        assert sentence in browser.text
    assert await browser.post(f"{stage.page}/list", numbers="0001,张秀英\n0005") == 200
    assert "2 people by list" in browser.text
    assert "0001,张秀英\n0005,孙七</textarea>" in browser.text
    assert await stage.numbers() == ["0001", "0005"]
    assert await upload(browser, stage.page, "编号,姓名\nX3,某人\n".encode()) == 422
    assert "mistakes in the file: 1." in browser.text
    await browser.get(stage.page)
    assert await upload(browser, stage.page, "姓名,编号\n周八,0006\n".encode(), numbers="0001") == 200
    assert await stage.numbers() == ["0001", "0006"]
    await browser.get(stage.page)
    assert await upload(browser, stage.page, b"PK\x03\x04 no workbook") >= 400
    assert 'role="alert"' in browser.text
    assert await upload(browser, stage.page, workbook(["党课名单"], ["姓名", "编号"], ["孙七", "0005"])) == 200
    assert await stage.numbers() == ["0005"]
    assert await browser.post(f"{stage.page}/list", numbers="") == 200
    assert "everybody at home in 贵州省" in browser.text


def workbook(*rows: list[str]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return file.getvalue()


async def upload(browser: Browser, page: str, content: bytes, numbers: str = "") -> int:
    form = aiohttp.FormData()
    form.add_field("csrf", browser.text.partition('name="csrf" value="')[2].partition('"')[0])
    form.add_field("numbers", numbers)
    form.add_field("file", content, filename="list.csv", content_type="text/csv")
    async with browser.http.post(f"{browser.url}{page}/list", data=form) as answer:
        browser.text = await answer.text()
        return answer.status


async def test_only_organizers_of_the_lectures_venue_say_whom_it_expects(stage: Stage) -> None:
    path = f"/lectures/{stage.lecture}/expected"
    await stage.browser.get("/lectures")
    assert path in stage.browser.text
    for name in ("city", "lecturer"):
        await stage.browser.sign_in(name)
        await stage.browser.get("/lectures")
        assert path not in stage.browser.text, name
        assert await stage.browser.get(path) == 403, name
        async with client(stage.server.url) as caller:
            await caller.sign_in(name)
            assert (await caller("PUT", stage.api, {})).status == 403, name


async def test_the_nodes_below_count_only_those_whom_the_root_expects(stage: Stage, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        above = stage.server
        for code in ("5201", "520102", "520102001", "520102001001"):
            folder = tmp_path / code
            await enrol_at(above, stage.venues[code], folder)
            above = await stack.enter_async_context(serving(child_node(folder, above)))
            await above.node.ready.wait()
        village = above
        operator = await stack.enter_async_context(client(village.url))
        organizer = await stack.enter_async_context(client(village.url))

        async def counted() -> tuple[object, ...]:
            """Expected by roll-call, screen and report of the village."""
            roll_call = await operator("GET", f"/api/lectures/{stage.lecture}/roll-call")
            screen = await operator("GET", "/api/screen")
            report = await operator("GET", f"/api/lectures/{stage.lecture}/report")
            if not roll_call.status == screen.status == report.status == 200:
                return ()
            return roll_call.body["expected"], screen.body["expected"], report.body["rows"][0]["expected"]

        async def knows() -> bool:
            return (await operator.sign_in("operator")).status == 201 and await counted() == (2, 2, 2)

        await eventually(knows)
        await stage.caller("PUT", stage.api, {"numbers": ["0003", "0006"]})
        await eventually(lambda: _is(counted, (1, 1, 1)))
        shown = await operator("GET", f"/lectures/{stage.lecture}/report?venue={stage.venues['520102001001'].id}")
        assert "people by list" in shown.body
        await add_user(village.node, "here", Role.ORGANIZER, stage.venues["520102001001"].id)
        await organizer.sign_in("here")
        assert (await organizer("PUT", stage.api, {})).code == "outside_subtree"
        await add_user(village.node, "above", Role.ORGANIZER, stage.venues["52"].id)
        await organizer.sign_in("above")
        assert (await organizer("PUT", stage.api, {})).code == "lecture_elsewhere"
        await stage.caller("PUT", stage.api, {"units": [stage.venues["5203"].id]})
        await eventually(lambda: _is(counted, (0, 0, 0)))
        await stage.caller("PUT", stage.api, {})
        await eventually(lambda: _is(counted, (2, 2, 2)))


async def _is(counted, wanted: tuple[int, ...]) -> bool:  # type: ignore[no-untyped-def]
    return bool(await counted() == wanted)
