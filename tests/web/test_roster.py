"""The list of people on pages and over the API: finding somebody, off the list and on it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from attendance.people import person_id
from tests.web.nodes import Client, add_user, client, eventually, make_node, plant, serving
from tests.web.test_pages import Browser
from tests.web.test_tree import child_node, enrol_at
from venues.ids import uuid7
from venues.tree import Venue
from web.app import Server
from web.policy import Role

PEOPLE = "编号,姓名,所属场所\n0001,张秀英,52\n0002,王建国,520102001001\n0003,李桂芳,520102001001\n0004,王芳,5203\n"
WANG = person_id("0002")


@dataclass
class Stage:
    server: Server
    venues: dict[str, Venue]
    lecture: str
    browser: Browser
    caller: Client

    async def expected(self) -> int:
        report = await self.caller("GET", f"/api/lectures/{self.lecture}/report")
        return int(report.body["rows"][0]["expected"])


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    node = make_node(tmp_path / "root")
    async with (
        serving(node) as server,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        client(server.url) as caller,
    ):
        venues = await plant(node)
        await add_user(node, "organizer", Role.ORGANIZER, venues["52"].id)
        await add_user(node, "city", Role.ORGANIZER, venues["5203"].id)
        await node.people.import_csv(PEOPLE.encode())
        lecture = await node.lectures.create("党课", venues["52"].id)
        browser = Browser(http=http, url=server.url)
        await browser.sign_in("organizer")
        await caller.sign_in("organizer")
        yield Stage(server, venues, lecture.id, browser, caller)


@asynccontextmanager
async def below(stage: Stage, tmp_path: Path) -> AsyncIterator[Client]:
    """An organizer at a city's node."""
    city = stage.venues["5201"]
    await enrol_at(stage.server, city, tmp_path / "5201")
    async with serving(child_node(tmp_path / "5201", stage.server)) as server, client(server.url) as caller:
        await server.node.ready.wait()
        await add_user(server.node, "here", Role.ORGANIZER, city.id)
        await caller.sign_in("here")
        yield caller


async def test_people_are_found_by_name_and_number_page_by_page(stage: Stage) -> None:
    browser = stage.browser
    await browser.get("/people?q=王")
    assert "Found: 2" in browser.text
    assert "贵州省 › 贵阳市 › 南明区 › 新华街道 › 宝山村" in browser.text
    await browser.get("/people?q=nobody")
    assert "Nobody here has this name or number." in browser.text
    await browser.get("/people?limit=3")
    assert "1 to 3 of 4" in browser.text
    assert 'href="/people?q=&amp;offset=3' in browser.text
    found = (await stage.caller("GET", f"/api/people?q=000&venue={stage.venues['5201'].id}")).body
    assert (found["total"], [one["number"] for one in found["people"]]) == (2, ["0002", "0003"])
    assert [venue["code"] for venue in found["people"][0]["path"]][-1] == "520102001001"


async def test_an_organizer_finds_only_people_of_the_own_subtree(stage: Stage) -> None:
    async with client(stage.server.url) as city:
        await city.sign_in("city")
        assert [one["number"] for one in (await city("GET", "/api/people")).body["people"]] == ["0004"]
        assert (await city("GET", f"/api/people?venue={stage.venues['52'].id}")).code == "outside_subtree"
        assert (await city("GET", f"/api/people/{WANG}")).code == "outside_subtree"
        assert (await city("POST", f"/api/people/{WANG}/leave")).code == "outside_subtree"
        assert (await city("POST", f"/api/people/{person_id('0004')}/leave")).status == 204
        assert (await city("GET", f"/api/people/{person_id('none')}")).code == "not_on_roster"


async def test_somebody_is_taken_off_the_list_and_put_back_on_the_page(stage: Stage) -> None:
    browser = stage.browser
    await browser.get(f"/people/{WANG}")
    assert "Take 王建国 off the list of people?" in browser.text
    assert await browser.post(f"/people/{WANG}/leave") == 200
    assert "Off the list of people since" in browser.text
    assert await stage.expected() == 3
    await browser.get("/people?q=0002")
    assert "off the list" in browser.text
    assert (await stage.caller("GET", f"/api/people/{WANG}")).body["person"]["gone_at"]
    await browser.get(f"/people/{WANG}")
    assert await browser.post(f"/people/{WANG}/return") == 200
    assert "Off the list" not in browser.text
    before = (await stage.caller("GET", f"/api/people/{WANG}")).body["before"]
    assert [one["away"] for one in before] == [True, False]
    assert await stage.expected() == 4


async def test_off_and_on_the_list_over_the_api_and_a_repeat_is_a_success(stage: Stage) -> None:
    for _ in range(2):
        assert (await stage.caller("POST", f"/api/people/{WANG}/leave")).status == 204
        assert await stage.expected() == 3
    for _ in range(2):
        assert (await stage.caller("POST", f"/api/people/{WANG}/return")).status == 204
        assert await stage.expected() == 4


async def test_below_the_root_the_list_is_seen_and_not_changed(stage: Stage, tmp_path: Path) -> None:
    async with below(stage, tmp_path) as caller:

        async def numbers() -> bool:
            found = (await caller("GET", "/api/people")).body
            return [one["number"] for one in found["people"]] == ["0002", "0003"]

        await eventually(numbers)
        assert (await caller("POST", f"/api/people/{WANG}/leave")).code == "roster_elsewhere"
        page = (await caller("GET", f"/people/{WANG}")).body
        assert "cannot be changed here" in page
        assert "Take off the list" not in page


async def test_two_numbers_are_one_person_and_two_again_on_the_page(stage: Stage) -> None:
    browser, event = stage.browser, {"number": "0003", "event": uuid7(1_700_000_000_000, b"0123456789")}
    assert (await stage.caller("POST", f"/api/lectures/{stage.lecture}/check-ins", event)).status < 300
    await browser.get(f"/people/{WANG}")
    assert "Listed twice?" in browser.text
    assert await browser.post(f"/people/{WANG}/merge", number="0009") == 404
    assert "Nothing is known here of the number 0009." in browser.text
    assert await browser.post(f"/people/{WANG}/merge", number="0003") == 200
    assert "Is this the same person?" in browser.text
    assert "The names differ." in browser.text
    assert "under the number given up: 1. It will count for 王建国." in browser.text
    assert await stage.expected() == 4
    for _ in range(2):  # a second click changes nothing
        assert await browser.post(f"/people/{WANG}/merge", number="0003", sure="0003") == 200
        assert await stage.expected() == 3
    assert "Other numbers of the same person" in browser.text
    record = (await stage.caller("GET", f"/api/people/{WANG}/record")).body
    assert [one["lecture"]["id"] for one in record["lectures"]] == [stage.lecture]
    for _ in range(2):
        assert await browser.post(f"/people/{WANG}/separate", number="0003") == 200
        assert "Other numbers of the same person" not in browser.text
        assert await stage.expected() == 4


async def test_two_numbers_over_the_api_each_at_home_in_the_callers_subtree(stage: Stage) -> None:
    merge, separate = f"/api/people/{WANG}/merge", f"/api/people/{WANG}/separate"
    asked = await stage.caller("POST", merge, {"number": "0003", "dry_run": True})
    assert (asked.body["number"], asked.body["name"], asked.body["both"]) == ("0003", "李桂芳", 0)
    assert (await stage.caller("GET", f"/api/people/{WANG}")).body["merged"] == []
    assert (await stage.caller("POST", merge, {"number": "0003"})).status == 200
    (listed,) = (await stage.caller("GET", f"/api/people/{WANG}")).body["merged"]
    assert (listed["number"], listed["merged_by"]) == ("0003", "organizer")
    assert (await stage.caller("POST", merge, {"number": "0003"})).code == "number_is_same"
    assert (await stage.caller("POST", merge, {"number": ""})).status == 422
    async with client(stage.server.url) as city:
        await city.sign_in("city")
        own = f"/api/people/{person_id('0004')}/merge"
        assert (await city("POST", own, {"number": "0001"})).code == "outside_subtree"
        assert (await city("POST", own, {"number": "0003"})).code == "number_unknown"
        assert (await city("POST", separate, {"number": "0003"})).code == "outside_subtree"
        theirs = f"/api/people/{person_id('0004')}"
        assert (await stage.caller("POST", f"{theirs}/merge", {"number": "0001"})).status == 200
        assert (await city("POST", f"{theirs}/separate", {"number": "0001"})).code == "outside_subtree"
        assert (await stage.caller("POST", f"{theirs}/separate", {"number": "0001"})).status == 204
    assert (await stage.caller("POST", separate, {"number": "0003"})).status == 204
    assert (await stage.caller("POST", separate, {"number": "0003"})).code == "number_not_merged"


async def test_a_node_below_hears_that_two_numbers_are_one_person(stage: Stage, tmp_path: Path) -> None:
    async with below(stage, tmp_path) as caller:

        async def numbers() -> list[str]:
            return [one["number"] for one in (await caller("GET", "/api/people")).body["people"]]

        async def both() -> bool:
            return await numbers() == ["0002", "0003"]

        async def one() -> bool:
            merged = (await caller("GET", f"/api/people/{WANG}")).body["merged"]
            return await numbers() == ["0002"] and len(merged) == 1 and merged[0]["number"] is None

        await eventually(both)
        assert (await stage.caller("POST", f"/api/people/{WANG}/merge", {"number": "0003"})).status == 200
        await eventually(one)
        assert (await caller("POST", f"/api/people/{WANG}/separate", {"number": "0003"})).code == "roster_elsewhere"
        assert (await caller("POST", f"/api/people/{WANG}/merge", {"number": "0003"})).code == "roster_elsewhere"
        page = (await caller("GET", f"/people/{WANG}")).body
        assert "known at the venue at the top" in page
        assert "Separate again" not in page
        assert (await stage.caller("POST", f"/api/people/{WANG}/separate", {"number": "0003"})).status == 204
        await eventually(both)
