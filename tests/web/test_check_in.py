"""What a phone keeps: an id of its own, and who checked in with it last."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance.erasure import Reason
from attendance.event import Event, Method
from attendance.flags import PHONE
from attendance.people import person_id
from tests.web.nodes import HIGH, Answer, Client, add_user, cheap, client, plant, serving, settings
from tests.web.test_screen import Clock
from web.node import Node
from web.policy import Role

HTML = {"Accept": "text/html"}
SECOND = dt.timedelta(seconds=1)


@dataclass
class Scene:
    node: Node
    clock: Clock
    lecture: str
    operator: Client
    phone: Client

    async def code(self) -> str:
        await self.operator.sign_in("operator")
        answer = await self.operator("GET", "/api/screen")
        return str(answer.body["code_url"]).rsplit("/", 1)[-1]

    async def page(self, query: str = "") -> str:
        answer = await self.phone("GET", f"/c/{await self.code()}{query}", headers=HTML)
        assert answer.status == 200
        return str(answer.body)

    async def form(self, **fields: str) -> Answer:
        return await self.phone("POST", f"/c/{await self.code()}", data=fields, headers=HTML)

    async def api(self, **fields: object) -> Answer:
        return await self.phone("POST", "/api/check-in", {"code": await self.code(), **fields})

    async def event(self, number: str) -> Event:
        names = await self.node.db.read(lambda c: c.exec_driver_sql("select id, number from event").all())
        found = await self.node.log.event(next(id_ for id_, of in names if of == number))
        assert found is not None
        return found


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = Clock()
    node = Node(settings(tmp_path), now=clock, passwords=cheap(), attempt_limits=HIGH)
    async with serving(node) as server, client(server.url) as operator, client(server.url) as phone:
        venues = await plant(node)
        await node.people.import_csv("number,name,venue\n520001,张秀英,52\n2,王芳,52\n".encode())
        await add_user(node, "operator", Role.OPERATOR, venues["52"].id)
        lecture = await node.lectures.create("党课", venues["52"].id)
        await node.lectures.start(lecture.id)
        yield Scene(node=node, clock=clock, lecture=lecture.id, operator=operator, phone=phone)


async def test_a_phone_has_an_id_of_its_own_which_events_bear(scene: Scene) -> None:
    answer = await scene.phone("GET", f"/c/{await scene.code()}", headers=HTML)
    (cookie,) = answer.headers.getall("Set-Cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=34560000" in cookie
    await scene.api(number="520001", name="张秀英")
    await scene.form(number="2", name="王芳")
    first, second = await scene.event("520001"), await scene.event("2")
    assert first.method == Method.CODE
    assert re.fullmatch(PHONE + "[A-Za-z0-9_-]{22}", first.device or "")
    assert first.device == second.device
    assert (first.device or "").removeprefix(PHONE) in cookie


async def test_what_a_stranger_put_into_the_cookie_is_not_written_down(scene: Scene) -> None:
    name = (await scene.phone("GET", f"/c/{await scene.code()}", headers=HTML)).headers["Set-Cookie"].split("=")[0]
    scene.phone.session.cookie_jar.clear()
    headers = {"Cookie": f"{name}=<b>x</b>"}
    body = {"code": await scene.code(), "number": "2", "name": "王芳"}
    assert (await scene.phone("POST", "/api/check-in", body, headers=headers)).status == 201
    assert re.fullmatch(PHONE + "[A-Za-z0-9_-]{22}", (await scene.event("2")).device or "")


@pytest.mark.parametrize("way", ["form", "api"])
async def test_whoever_wished_to_be_remembered_taps_once(scene: Scene, way: str) -> None:
    if way == "form":
        await scene.form(number="520001", name="张秀英", remember="1")
    else:
        await scene.api(number="520001", name="张秀英", remember=True)
    page = await scene.page()
    assert "Are you 张秀英?" in page
    assert "ending in 001" in page
    assert "520001" not in page
    jar = " ".join(cookie.value for cookie in scene.phone.session.cookie_jar)
    assert "张秀英" not in jar
    assert "520001" not in jar
    if way == "form":
        assert "Already checked in" in (await scene.form(as_remembered="1")).body
    else:
        assert (await scene.api(as_remembered=True)).body["already"] is True


async def test_somebody_else_is_always_there(scene: Scene) -> None:
    await scene.form(number="520001", name="张秀英", remember="1")
    page = await scene.page("?else=1")
    assert "Are you" not in page
    assert "instead of 张秀英" in page
    await scene.form(number="2", name="王芳")
    assert "Are you 张秀英?" in await scene.page()
    await scene.form(number="2", name="王芳", remember="1")
    assert "Are you 王芳?" in await scene.page()
    await scene.form(forget="1")
    assert "Are you" not in await scene.page()


async def test_nobody_is_remembered_who_did_not_wish_it(scene: Scene) -> None:
    await scene.form(number="520001", name="张秀英")
    assert "Are you" not in await scene.page()
    answer = await scene.api(as_remembered=True)
    assert (answer.status, answer.code) == (409, "not_remembered")
    assert (await scene.form(as_remembered="1")).status == 409
    assert (await scene.api(name="张秀英")).status == 422


async def test_what_a_phone_remembers_ends(scene: Scene) -> None:
    await scene.form(number="520001", name="张秀英", remember="1")
    scene.clock.now += dt.timedelta(days=180) - SECOND
    assert "Are you" in await scene.page()
    scene.clock.now += 2 * SECOND
    assert "Are you" not in await scene.page()


async def test_a_cookie_that_another_node_made_is_worth_nothing(scene: Scene, tmp_path: Path) -> None:
    await scene.form(number="520001", name="张秀英", remember="1")
    await scene.node.db.write(
        lambda c: c.exec_driver_sql("update meta set value = ? where key = 'attendance.code_secret'", ("ab" * 32,))
    )
    scene.node._code_secret = None
    assert "Are you" not in await scene.page()


async def test_the_number_has_become_somebody_elses(scene: Scene) -> None:
    await scene.form(number="520001", name="张秀英", remember="1")
    await scene.node.people.import_csv("number,name,venue\n520001,李娜,52\n".encode())
    assert "Are you" not in await scene.page()


async def test_erasing_a_person_makes_it_worthless(scene: Scene) -> None:
    await scene.form(number="520001", name="张秀英", remember="1")
    await scene.node.privacy.request("520001", None, by="organizer", reason=next(iter(Reason)))
    assert "Are you" not in await scene.page()
    assert (await scene.api(as_remembered=True)).status == 409
    await scene.form(number="520001", name="张秀英", remember="1")  # comes anew, and wishes it anew
    assert "Are you 张秀英?" in await scene.page()
    assert await scene.node.privacy.mark(person_id("520001"))
