"""Whom a lecture expects: set at the root, followed by the nodes below, on pages and over the API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.web.nodes import Client, add_user, client, make_node, plant, serving
from tests.web.test_pages import Browser
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


async def test_nothing_is_set_on_a_mistake(stage: Stage) -> None:
    await stage.caller("PUT", stage.api, {"levels": [4]})
    unknown = await stage.caller("PUT", stage.api, {"numbers": ["0001", "X9", "X8"]})
    assert (unknown.status, unknown.code) == (422, "numbers_refused")
    assert "X9, X8" in unknown.body["error"]["message"]
    assert (await stage.caller("PUT", stage.api, {"units": [999]})).code == "expected_unit_outside"
    assert (await stage.caller("PUT", stage.api, {"levels": [7]})).code == "expected_level_unknown"
    assert (await stage.caller("GET", stage.api)).body["levels"] == [{"level": 4, "level_key": "village"}]


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
