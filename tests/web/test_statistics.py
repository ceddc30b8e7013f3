"""Many lectures together, over HTTP: what the API says, what the pages show, what is taken away, and who may look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance.people import person_id
from tests.web.nodes import Client, add_user, client, make_node, plant, serving
from tests.web.test_adding import until_added
from web.node import Node
from web.policy import Role

ZHANG = person_id("A1")


@dataclass
class Scene:
    node: Node
    caller: Client
    url: str
    lecture: str
    city: int


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as caller:
        venues = await plant(node)
        await add_user(node, "organizer", Role.ORGANIZER, venues["52"].id)
        await add_user(node, "elsewhere", Role.ORGANIZER, venues["5203"].id)
        await add_user(node, "operator", Role.OPERATOR, venues["52"].id)
        await node.people.import_csv("编号,姓名,所属场所\nA1,张三,5201\nA2,李四,5203\n".encode())
        lecture = await node.lectures.create("党课", 1)
        await node.lectures.start(lecture.id)
        await node.look()
        await node.log.capture(lecture=lecture.id, number="A1")
        assert (await caller.sign_in("organizer")).status == 201
        yield Scene(node=node, caller=caller, url=server.url, lecture=lecture.id, city=venues["5201"].id)


async def over(scene: Scene) -> None:
    await scene.node.lectures.stop(scene.lecture)
    await until_added(scene.node)


async def test_the_sums_of_a_year_and_whom_they_are_of(scene: Scene) -> None:
    await over(scene)
    year = (await scene.caller("GET", "/api/statistics")).body
    assert (year["first"], year["lectures"]) == (scene.node.records.this_year(), 1)
    total = year["rows"][0]
    assert (total["times"], total["people"], total["expected"], total["came"]) == (1, 1, 2, 1)
    assert (total["is_self"], total["rate"]) == (True, 0.5)
    (point,) = (await scene.caller("GET", "/api/statistics/trend")).body["points"]
    assert (point["lecture"]["id"], point["came"]) == (scene.lecture, 1)
    venues = (await scene.caller("GET", "/api/statistics/venues")).body["venues"]
    assert len(venues) == 7
    hours = (await scene.caller("GET", "/api/statistics/people?order=-lectures")).body
    assert [(one["number"], one["lectures"]) for one in hours["people"]] == [("A1", 1), ("A2", 0)]
    record = (await scene.caller("GET", f"/api/people/{ZHANG}/record")).body
    assert [one["status"] for one in record["lectures"]] == ["present"]
    assert (await scene.caller("GET", "/api/people/nobody/record")).code == "record_unknown"


@pytest.mark.parametrize(
    "path",
    ["/statistics", "/statistics?first=2020&last=2030", "/statistics/venues", "/statistics/people?order=-hours"],
)
async def test_each_page_shows_it(scene: Scene, path: str) -> None:
    await over(scene)
    page = await scene.caller("GET", path)
    assert page.status == 200
    assert ("贵阳市" in page.body) or ("张三" in page.body)
    if path == "/statistics":
        assert 'role="img"' in page.body
        assert 'style="' not in page.body
    record = await scene.caller("GET", f"/people/{ZHANG}/record")
    assert "党课" in record.body


async def test_a_year_without_lectures_says_so(scene: Scene) -> None:
    page = await scene.caller("GET", "/statistics?first=2020")
    assert "No lecture of this time is over." in page.body


async def test_all_of_it_can_be_taken_away(scene: Scene) -> None:
    await over(scene)
    parts = ("", "/venues", "/trend", "/people")
    for path in (*(f"/api/statistics{part}" for part in parts), f"/api/people/{ZHANG}/record"):
        table = await scene.caller("GET", f"{path}.csv")
        assert table.status == 200, path
        assert "Credit hours" in table.body or "Handed in" in table.body, path
        for form in ("xlsx", "pdf"):
            async with scene.caller.session.get(f"{scene.url}{path}.{form}") as answer:
                assert answer.status == 200, path
                assert await answer.read()


async def test_the_report_of_a_lecture_on_air_shows_the_minutes(scene: Scene) -> None:
    live = await scene.caller("GET", f"/lectures/{scene.lecture}/report")
    assert "Check-ins minute by minute" in live.body
    await over(scene)
    ended = await scene.caller("GET", f"/lectures/{scene.lecture}/report")
    assert "Check-ins minute by minute" not in ended.body


async def test_a_record_is_for_organizers_of_the_persons_home(scene: Scene) -> None:
    await over(scene)
    async with client(scene.url) as other:
        await other.sign_in("elsewhere")
        assert (await other("GET", f"/api/people/{ZHANG}/record")).code == "outside_subtree"
        assert (await other("GET", f"/api/people/{person_id('A2')}/record")).status == 200
        assert (await other("GET", "/api/statistics")).body["rows"][0]["expected"] == 1
    async with client(scene.url) as other:
        await other.sign_in("operator")
        assert (await other("GET", "/api/statistics")).code == "wrong_role"
