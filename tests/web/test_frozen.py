"""Frozen versions over the API and on the pages: made, opened, taken away, checked, compared, and made by judging."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from python_calamine import CalamineWorkbook

from attendance.frozen import differences
from attendance.people import person_id
from attendance.policy import Rules
from attendance.policy_store import must_judge
from tests.web.nodes import Client, add_user, client, eventually, make_node, plant, serving
from venues.tree import Venue
from web.node import Node
from web.pages.frozen import _COMPARED
from web.policy import Role

PEOPLE = "编号,姓名,所属场所\n0001,张秀英,520102001001\n0002,王建国,520302\n"


@dataclass
class Scene:
    node: Node
    venues: dict[str, Venue]
    lecture: str
    caller: Client

    @property
    def versions(self) -> str:
        return f"/api/lectures/{self.lecture}/versions"

    async def file(self, path: str) -> bytes:
        async with self.caller.session.get(self.caller.url + path, headers={"Accept-Language": "zh"}) as response:
            assert response.status == 200, await response.text()
            return await response.read()

    async def post(self, path: str, **fields: str) -> aiohttp.ClientResponse:
        form = {"csrf": self.caller.csrf, **fields}
        return await self.caller.session.post(self.caller.url + path, data=form, allow_redirects=False)

    async def check_in(self, number: str, code: str) -> None:
        await self.node.log.capture(lecture=self.lecture, person=person_id(number), venue=self.venues[code].id)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as caller:
        venues = await plant(node)
        for name, role, code in [
            ("organizer", Role.ORGANIZER, "52"),
            ("operator", Role.OPERATOR, "52"),
            ("city", Role.ORGANIZER, "5201"),
        ]:
            await add_user(node, name, role, venues[code].id)
        await node.people.import_csv(PEOPLE.encode())
        lecture = await node.lectures.create("党课", venues["52"].id)
        await node.lectures.start(lecture.id)
        found = Scene(node, venues, lecture.id, caller)
        await found.check_in("0001", "520102001001")
        await caller.sign_in("organizer")
        yield found


async def test_a_version_is_made_listed_and_checked_with_nothing_but_a_hash(scene: Scene) -> None:
    caller = scene.caller
    assert (await caller("POST", scene.versions, {"reason": ""})).status == 422
    made = await caller("POST", scene.versions, {"reason": "月底结算"})
    assert (made.status, made.body["number"], made.body["made_by"], made.body["cause"]) == (
        201,
        1,
        "organizer",
        "asked",
    )
    assert (await caller("GET", scene.versions)).body == {"versions": [made.body]}
    raw = await scene.file(f"{scene.versions}/1.json")
    assert hashlib.sha256(raw).hexdigest() == made.body["hash"]
    assert (await caller("GET", f"{scene.versions}/2.json")).code == "version_unknown"


async def test_a_version_in_each_format_bears_its_hash(scene: Scene) -> None:
    made = (await scene.caller("POST", scene.versions, {"reason": "结算"})).body
    await scene.check_in("0002", "520302")
    book = CalamineWorkbook.from_filelike(io.BytesIO(await scene.file(f"{scene.versions}/1.xlsx?whole=1")))
    cells = [str(row[0]) for row in book.get_sheet_by_index(0).to_python()]
    assert {f"SHA-256: {made['hash']}", "定稿人: organizer", "原因: 结算"} <= set(cells)
    assert {"52", "520302", "520102001001"} <= set(cells)
    city = scene.venues["5201"].id
    text = (await scene.file(f"{scene.versions}/1.csv?at={city}")).decode("utf-8-sig")
    assert [(line["代码"], line["会场实到"]) for line in csv.DictReader(io.StringIO(text))] == [
        ("5201", "1"),
        ("520102", "1"),
    ]
    assert (await scene.file(f"{scene.versions}/1.pdf")).startswith(b"%PDF-")


async def test_two_versions_are_compared(scene: Scene) -> None:
    await scene.caller("POST", scene.versions, {"reason": "一"})
    await scene.check_in("0002", "520302")
    await scene.caller("POST", scene.versions, {"reason": "二"})
    found = (await scene.caller("GET", f"{scene.versions}/2/differences")).body
    assert (found["since"], found["number"]) == (1, 2)
    assert [one["code"] for one in found["differences"]] == ["52", "5203", "520302"]
    assert (found["differences"][2]["before"]["present"], found["differences"][2]["after"]["present"]) == (0, 1)
    page = await scene.file(f"/lectures/{scene.lecture}/versions/2/differences")
    assert "3 个场所不同" in page.decode()
    assert (await scene.caller("GET", f"{scene.versions}/2/differences?since=2")).body["differences"] == []
    assert (await scene.caller("GET", f"{scene.versions}/1/differences")).code == "version_unknown"


async def test_every_venue_that_differs_is_shown_with_what_differs(scene: Scene) -> None:
    node = scene.node
    await scene.check_in("0002", "520302")
    await scene.caller("POST", scene.versions, {"reason": "一"})
    before = await node.frozen.get(scene.lecture, scene.venues["52"].id, 1)
    row = before.report.rows[0]
    told = dataclasses.replace(row.told, picture_s=7, sound_s=8, counted=1, checked=1)
    home = dataclasses.replace(row.home, late=1)
    closed = dataclasses.replace(row.standing, closed_at=node.now())
    shown = {column.title for column in _COMPARED}
    for name, changed in {
        "Late (by home)": dataclasses.replace(row, home=home),
        "Minutes": dataclasses.replace(row, minutes=row.minutes + 1),
        "Level": dataclasses.replace(row, level=row.level + 1),
        "Number of the venue above": dataclasses.replace(row, parent_id=77),
        "Handed in at": dataclasses.replace(row, standing=closed),
        "Picture, seconds": dataclasses.replace(row, told=told),
    }.items():
        assert differences([row], [changed])
        assert name in {column.title for column in _COMPARED if column.get(row) != column.get(changed)}
    assert {"Sound, seconds", "Venues where heads were counted", "Venues that held a presence check"} <= shown


async def test_the_pages(scene: Scene) -> None:
    report = f"/lectures/{scene.lecture}/report"
    refused = await scene.post(f"/lectures/{scene.lecture}/versions", reason=" ")
    assert refused.status == 422
    made = await scene.post(f"/lectures/{scene.lecture}/versions", reason="月底<结算>")
    assert (made.status, made.headers["Location"]) == (
        303,
        f"/lectures/{scene.lecture}/versions/1?venue={scene.venues['52'].id}",
    )
    page = (await scene.file(made.headers["Location"])).decode()
    (version,) = (await scene.caller("GET", scene.versions)).body["versions"]
    assert version["hash"] in page
    assert "月底&lt;结算&gt;" in page
    inner = (await scene.file(f"{made.headers['Location']}&at={scene.venues['5201'].id}")).decode()
    assert "南明区" in inner
    assert "遵义市" not in inner
    assert version["hash"][:12] in (await scene.file(report)).decode()


async def test_who_may_freeze_and_see(scene: Scene) -> None:
    caller, city = scene.caller, scene.venues["5201"].id
    await caller("POST", scene.versions, {"reason": "省"})
    await caller.sign_in("operator")
    assert (await caller("POST", scene.versions, {"reason": "x"})).status == 403
    assert len((await caller("GET", scene.versions)).body["versions"]) == 1
    await caller.sign_in("city")
    assert (await caller("GET", scene.versions)).body["versions"] == []
    assert (await caller("GET", f"{scene.versions}/1.json?venue={scene.venues['52'].id}")).status == 403
    assert (await caller("POST", scene.versions, {"reason": "市"})).status == 201
    assert (await scene.file(f"{scene.versions}/1.json?venue={city}")).startswith(b'{"cause"')


async def test_judging_anew_leaves_both_versions(scene: Scene) -> None:
    caller, node = scene.caller, scene.node
    await node.policies.add("从严", Rules(credit_whole=False, least_percent=100, tick_counts_whole=False), "x")
    await node.lectures.stop(scene.lecture)
    chosen = await scene.post(f"/lectures/{scene.lecture}/policy", version="2")
    assert chosen.status == 303
    assert chosen.headers["Location"].endswith("#judged")

    async def both() -> bool:
        return len((await caller("GET", scene.versions)).body["versions"]) == 2

    await eventually(both)
    after, before = (await caller("GET", scene.versions)).body["versions"]
    assert [(one["number"], one["policy"], one["cause"]) for one in (before, after)] == [
        (1, 1, "before_judging"),
        (2, 2, "after_judging"),
    ]
    page = (await scene.file(f"/lectures/{scene.lecture}/versions/2")).decode()
    assert "第 2 版 · 从严" in page
    assert "重新评定后" in page
    report = f"/lectures/{scene.lecture}/report"
    assert "正在重新评定" not in (await scene.file(report)).decode()
    await node.db.write(lambda connection: must_judge(connection, [scene.lecture]))
    under_way = (await scene.file(report)).decode()
    assert 'data-refresh="5"' in under_way
    assert "正在重新评定" in under_way
    node.changes.notify()

    async def done() -> bool:
        return "正在重新评定" not in (await scene.file(report)).decode()

    await eventually(done)
