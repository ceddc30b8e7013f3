"""The venue's screen, its rotating code, and the phone that checks in with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance.lectures import Lecture
from broadcast import StreamStatus
from tests.web.nodes import HIGH, Client, add_user, cheap, client, plant, serving, settings
from web.app import Server
from web.attempts import AttemptLimits
from web.node import Node
from web.policy import Role
from web.relays import NoRelay

START = dt.datetime(2026, 11, 22, 2, tzinfo=dt.UTC)


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


class OnAir(NoRelay):
    live = False

    def status(self, stream: str) -> StreamStatus:
        return StreamStatus(live=self.live, fed=self.live, kbit_s=900.0, viewers=1)


@dataclass
class Scene:
    server: Server
    operator: Client
    phone: Client
    lecture: Lecture
    clock: Clock
    relay: OnAir

    async def screen(self) -> dict[str, object]:
        answer = await self.operator("GET", "/api/screen")
        assert answer.status == 200, answer.body
        body: dict[str, object] = answer.body
        return body

    async def code(self) -> str:
        url = (await self.screen())["code_url"]
        assert isinstance(url, str)
        return url.rsplit("/", 1)[-1]

    async def check_in(self, code: str, name: str = "张伟", number: str = "1") -> tuple[int, str]:
        answer = await self.phone("POST", "/api/check-in", {"code": code, "name": name, "number": number})
        return answer.status, answer.code if "error" in answer.body else answer.body["name"]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock, relay = Clock(), OnAir()
    limits = AttemptLimits(check_in_by_address="20/minute", sign_in_by_name=HIGH.sign_in_by_name)
    node = Node(settings(tmp_path), now=clock, passwords=cheap(), make_relay=lambda node: relay, attempt_limits=limits)
    async with serving(node) as server, client(server.url) as operator, client(server.url) as phone:
        venues = await plant(node)
        await node.people.import_csv("number,name,venue\n1,张伟,52\n2,王芳,52\n".encode())
        await add_user(node, "operator", Role.OPERATOR, venues["52"].id)
        await operator.sign_in("operator")
        lecture = await node.lectures.create("党课", venues["52"].id, START + dt.timedelta(hours=1))
        yield Scene(server=server, operator=operator, phone=phone, lecture=lecture, clock=clock, relay=relay)


async def test_the_screen_says_what_it_waits_for(scene: Scene) -> None:
    shown = await scene.screen()
    assert (shown["state"], shown["code_url"], shown["expected"]) == ("planned", None, 2)
    await scene.server.node.lectures.start(scene.lecture.id)
    shown = await scene.screen()
    assert shown["state"] == "waiting"
    assert shown["sentence"] == "The lecture has begun. Waiting for the picture …"
    scene.relay.live = True
    shown = await scene.screen()
    assert shown["state"] == "live"
    assert str(shown["code_svg"]).startswith("<svg")
    assert str(shown["code_url"]).startswith(scene.server.url + "/c/")
    await scene.server.node.lectures.stop(scene.lecture.id)
    assert (await scene.screen())["state"] == "no_lecture"


async def test_a_phone_checks_in_and_the_screen_counts(scene: Scene) -> None:
    await scene.server.node.lectures.start(scene.lecture.id)
    code = await scene.code()
    assert await scene.check_in(code) == (201, "张伟")
    assert await scene.check_in(code, " 张 伟 ") == (201, "张伟")
    assert (await scene.screen())["present"] == 1
    assert await scene.check_in(code, "李四") == (409, "name_mismatch")
    assert await scene.check_in(code, "过客", "999") == (201, "过客")
    assert (await scene.screen())["present"] == 2


async def test_a_phone_is_told_who_is_a_guest_of_this_venue(scene: Scene) -> None:
    await scene.server.node.lectures.start(scene.lecture.id)
    await scene.server.node.people.import_csv("number,name,venue\n3,李娜,5201\n".encode())
    code = await scene.code()
    for number, name, guest in (("1", "张伟", False), ("3", "李娜", True), ("999", "过客", True)):
        answer = await scene.phone("POST", "/api/check-in", {"code": code, "name": name, "number": number})
        assert answer.body["guest"] is guest


async def test_a_code_lives_for_two_periods_and_the_page_behind_it_for_five_minutes(scene: Scene) -> None:
    await scene.server.node.lectures.start(scene.lecture.id)
    code = await scene.code()
    scene.clock.forward(16)
    assert (await scene.check_in(code))[0] == 201
    page = await scene.phone("GET", f"/c/{code}", headers={"Accept": "text/html"})
    ticket = page.body.split('data-code="')[1].split('"')[0]
    scene.clock.forward(30)
    assert await scene.check_in(code, "王芳", "2") == (403, "code_invalid")
    assert await scene.check_in(ticket, "王芳", "2") == (201, "王芳")
    scene.clock.forward(300)
    assert await scene.check_in(ticket, "王芳", "2") == (403, "code_invalid")


@pytest.mark.parametrize("code", ["abc", "a.b", "." * 10, "码.码", "t.a.b.c", "a" * 26 + ".AAAAAAAAAAAA"])
async def test_made_up_codes_are_refused(scene: Scene, code: str) -> None:
    assert await scene.check_in(code) == (403, "code_invalid")


async def test_guessing_is_slowed_down(scene: Scene) -> None:
    answers = [await scene.check_in("made.up") for _ in range(21)]
    assert answers[-1] == (429, "too_many_attempts")
    assert (403, "code_invalid") in answers


async def test_the_state_bar(scene: Scene) -> None:
    state = (await scene.operator("GET", "/api/node")).body
    assert state["readiness"] == "ready"
    assert state["venue"]["code"] == "52"
    assert (state["link"]["state"], state["pending_events"]) == ("root", 0)
    assert state["time"] == "2026-11-22T02:00:00.000Z"
