"""Bringing in the list of people with a look before it; templates; the same on the command line."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from attendance.people import parse_file as parse_people
from attendance.people import person_id
from tests.venues.books import book
from tests.web.nodes import add_user, make_node, plant, serving
from tests.web.test_cli import VENUES, Tongtang, tongtang
from tests.web.test_pages import Browser
from venues import table_file, workbook
from venues.tree import TreeInvalid
from venues.tree import parse_file as parse_venues
from web.held import HELD_MOST, HeldUploads
from web.node import Node
from web.policy import Role

__all__ = ["tongtang"]  # a fixture

HEADER = ["编号", "姓名", "所属场所"]


@dataclass
class Desk:
    node: Node
    browser: Browser

    async def upload(self, content: bytes, path: str = "/people/import", name: str = "list", **more: str) -> int:
        browser = self.browser
        await browser.get("/people/import", **{"Accept-Language": "en"})
        found = re.search(r'name="csrf" value="([^"]*)"', browser.text)
        assert found
        form = aiohttp.FormData({"csrf": found[1], **more})
        form.add_field("file", io.BytesIO(content), filename=name, content_type="application/octet-stream")
        async with browser.http.post(browser.url + path, data=form, headers={"Accept-Language": "en"}) as answer:
            browser.text = await answer.text()
            return answer.status

    async def say_yes(self) -> int:
        fields = {
            name: re.findall(f'name="{name}" value="([^"]*)"', self.browser.text)[0] for name in ("upload", "seen")
        }
        return await self.browser.post("/people/import/confirm", **fields)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    node = make_node(tmp_path)
    async with serving(node) as server, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        venues = await plant(node)
        await add_user(node, "organizer", Role.ORGANIZER, venues["52"].id)
        await node.people.import_csv("编号,姓名,所属场所\nA1,张三,5201\nA2,李四,5201\n".encode())
        browser = Browser(http=http, url=server.url)
        await browser.sign_in("organizer")
        yield Desk(node=node, browser=browser)


async def test_changes_are_shown_before_they_are_made(desk: Desk) -> None:
    rows = [HEADER, ["A1", "张三", "5203"], ["A2", "李四四", "5201"], ["A3", "李 四四", "5201"]]
    assert await desk.upload(book([["读我"]], rows)) == 200
    text = desk.browser.text
    assert "The sheet “Sheet2” was read." in text
    assert [re.sub(r"\D", "", each) for each in re.findall(r"<dd>(.*?)</dd>", text)] == ["1", "1", "1", "0"]
    assert "Perhaps listed twice" in text
    assert "贵州省/贵阳市" in text
    assert await desk.node.people.get(person_id("A3")) is None
    assert await desk.say_yes() == 200
    assert await desk.node.people.get(person_id("A3")) is not None
    assert await desk.browser.get("/people/import") == 200


async def test_a_yes_counts_for_what_was_seen(desk: Desk) -> None:
    await desk.upload(book([HEADER, ["A9", "新人", "5201"]]))
    await desk.node.people.import_csv("编号,姓名,所属场所\nA9,新人,5201\n".encode())
    assert await desk.say_yes() == 409
    assert await desk.browser.post("/people/import/confirm", upload="x", seen="y") == 409


async def test_mistakes_of_a_workbook_are_listed_by_row(desk: Desk) -> None:
    rows = [["名单"], HEADER, [5.2e17, "甲", "5201"], ["7", None, "无名村"], ["8", "乙", 5201]]
    assert await desk.upload(book(rows)) == 422
    text = desk.browser.text
    assert re.findall(r"<li>(Line \d+: [^<]{12})", text) == [
        "Line 3: 5.200000E+17",
        "Line 4: the name is ",
        "Line 4: there is no ",
    ]
    assert await desk.upload(bytes.fromhex("d0cf11e0a1b11ae1")) == 422
    assert "save the list as XLSX" in desk.browser.text
    assert await desk.upload(b"PK\xff\x00", name="list.xlsx") == 422
    assert "This workbook is damaged" in desk.browser.text
    assert await desk.upload(bytes(workbook.FILE_LARGEST + 1)) == 413
    assert await desk.browser.post("/people/import") == 422


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_templates_are_empty_lists_that_are_taken(desk: Desk, language: str) -> None:
    for path in ("/people/template.xlsx", "/people/template.csv", "/venues/template.xlsx", "/venues/template.csv"):
        async with desk.browser.http.get(desk.browser.url + path, headers={"Accept-Language": language}) as answer:
            assert answer.status == 200
            assert path[1:].replace("/", "-").split(".")[0] in answer.headers["Content-Disposition"]
            content = await answer.read()
        if "people" in path:
            assert parse_people(content) == ([], [])
        else:
            assert parse_venues(content) == []
        table = table_file.read(content, lambda cells: True)
        assert table.header is not None
        assert table.header[0] in (("编号", "代码") if language == "zh-CN" else ("number", "code"))


async def test_what_is_held_is_bounded_and_each_users_own() -> None:
    held = HeldUploads()
    first = held.put("a", b"one")
    assert held.get("a", first) == b"one"
    assert held.get("b", first) is None
    held.put("a", b"two")
    assert held.get("a", first) is None
    large = bytes(HELD_MOST // 2)
    digest = held.put("b", large)
    held.put("c", large)
    assert held.get("b", digest) == large or held.get("a", "") is None
    held.put("d", large)
    assert held.get("b", digest) is None
    held.clear()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def test_the_command_tells_first_and_takes_workbooks(tongtang: Tongtang) -> None:
    levels = ["省", "市"]
    tree = book(
        [["code", "name", "level", "parent"], ["52", "贵州省", levels[0], None], ["5203", "遵义市", levels[1], 52]]
    )
    (tongtang.folder / "tree").write_bytes(tree)
    assert "2 venues added" in tongtang.good("venues", "import", tongtang.folder / "tree")
    tongtang.good("venues", "import", tongtang.file("venues.csv", VENUES))
    people = tongtang.folder / "people"
    people.write_bytes(book([HEADER, [1, "陈秀英", "流河渡村"], [2, "陈秀英", "流河渡村"]]))
    said = tongtang.good("people", "import", "--dry-run", people)
    assert "new: 1 陈秀英, 贵州省/遵义市/湄潭县/永兴镇/流河渡村" in said
    assert "perhaps twice: 陈秀英" in said
    assert "2 people would be added, 0 renamed, 0 moved, 0 stay as before. Nothing was written." in said
    assert "2 people added" in tongtang.good("people", "import", people)
    people.write_bytes(book([HEADER, [1, "陈秀英", "中华村"]]))
    assert "(520328101202); " in tongtang.bad("people", "import", people)
    assert "0 people would be added, 0 renamed, 1 moved" in tongtang.good(
        "people", "import", "--dry-run", _written(people, book([HEADER, [1, "陈秀英", "永兴镇/中华村"]]))
    )


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_venues_with_lost_digits_are_refused() -> None:
    rows = parse_venues(book([["code", "name", "level", "parent"], [5.2e17, "x", "province", None]]))
    assert rows[0].code == "5.200000E+17"
    with pytest.raises(TreeInvalid):
        parse_venues(book([["a"], ["b"]]))
