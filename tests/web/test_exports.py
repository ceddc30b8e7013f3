"""Reports as files: what a browser gets, and that making them is bounded and leaves nothing behind."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from python_calamine import CalamineWorkbook

from attendance.people import person_id
from tests.web.nodes import Client, add_user, client, make_node, plant, serving
from venues.tree import Venue
from web.exports import Exports, Format, TooManyExports, Write
from web.node import Node
from web.policy import Role

PEOPLE = "编号,姓名,所属场所\n0001,张秀英,520102001001\n0002,王建国,520302\n"


@dataclass
class Scene:
    node: Node
    venues: dict[str, Venue]
    lecture: str
    caller: Client

    async def file(self, path: str) -> tuple[bytes, aiohttp.ClientResponse]:
        url = f"{self.caller.url}/api/lectures/{self.lecture}/{path}"
        async with self.caller.session.get(url, headers={"Accept-Language": "zh-CN"}) as response:
            return await response.read(), response


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    node = make_node(tmp_path / "node")
    async with serving(node) as server, client(server.url) as caller:
        venues = await plant(node)
        await add_user(node, "organizer", Role.ORGANIZER, venues["52"].id)
        await add_user(node, "lecturer", Role.LECTURER, venues["52"].id)
        await add_user(node, "city", Role.ORGANIZER, venues["5201"].id)
        await node.people.import_csv(PEOPLE.encode())
        lecture = await node.lectures.create("党课", venues["52"].id)
        await node.lectures.start(lecture.id)
        await node.log.capture(lecture=lecture.id, person=person_id("0001"), venue=venues["520102001001"].id)
        await caller.sign_in("organizer")
        yield Scene(node, venues, lecture.id, caller)
    assert not list(tmp_path.glob("node/exports/*"))  # noqa: ASYNC240 - nothing else runs any more


def book(data: bytes) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()


async def test_a_report_in_each_format(scene: Scene) -> None:
    data, response = await scene.file("report.csv?whole=true")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Length"] == str(len(data))
    lines = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert [line["代码"] for line in lines] == [
        *("52", "5201", "520102", "520102001", "520102001001", "5203", "520302"),
    ]
    assert {line["单位应到"] for line in lines[:5]} == {"2", "1"}
    data, response = await scene.file("report.xlsx?level=1")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="report-52.xlsx"')
    rows = book(data)
    assert rows[0][0] == "党课 · 报表"
    assert "场所: 贵州省" in {row[0] for row in rows}
    assert [row[1] for row in rows if row[0] in ("5201", "5203")] == ["贵阳市", "遵义市"]
    assert (await scene.file("report.pdf"))[0].startswith(b"%PDF-")


async def test_the_names_in_each_format(scene: Scene) -> None:
    data, _ = await scene.file("names.csv?which=expected")
    lines = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert [(line["编号"], line["姓名"], line["状态"]) for line in lines] == [
        ("0001", "张秀英", "到场"),
        ("0002", "王建国", ""),
    ]
    data, _ = await scene.file("names.xlsx?which=present")
    assert [row[:2] for row in book(data) if row[0] == "0001"] == [["0001", "张秀英"]]
    data, response = await scene.file("names.pdf?which=absent")
    assert (data[:5], response.headers["Content-Type"]) == (b"%PDF-", "application/pdf")


async def test_who_may_have_them(scene: Scene) -> None:
    await scene.caller.sign_in("lecturer")
    assert (await scene.file("report.xlsx"))[1].status == 200
    assert (await scene.file("names.xlsx"))[1].status == 403
    await scene.caller.sign_in("city")
    assert (await scene.file(f"report.xlsx?venue={scene.venues['5203'].id}"))[1].status == 403
    rows = book((await scene.file("report.xlsx"))[0])
    assert "场所: 贵阳市" in {row[0] for row in rows}  # and nothing of what is above


async def test_an_unknown_lecture_is_said_before_anything_is_sent(scene: Scene) -> None:
    scene.lecture = "nonsense"
    assert [(await scene.file(f"{what}.xlsx"))[1].status for what in ("report", "names")] == [404, 404]


async def test_few_are_made_at_a_time(tmp_path: Path) -> None:
    exports = Exports(tmp_path / "exports")
    go_on, begun = asyncio.Event(), []

    async def fill(_write: Write) -> None:
        begun.append(1)
        await go_on.wait()

    async def one() -> None:
        async with exports.file(Format.CSV, fill):
            pass

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(one())
        while len(begun) < 2 or not exports.is_full:  # noqa: ASYNC110 - ten tasks have to get to where they wait
            await asyncio.sleep(0)
        with pytest.raises(TooManyExports):
            await one()
        assert len(begun) == 2
        go_on.set()
    assert len(begun) == 10


async def test_what_a_killed_node_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "exports" / "x").mkdir(parents=True)
    (tmp_path / "exports" / "x" / "file.csv").write_text("张三", encoding="utf-8")
    await Exports(tmp_path / "exports").clear()
    assert not (tmp_path / "exports").exists()
