"""What the organizer sees of what looks odd."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance.event import Method
from attendance.flags import PHONE
from attendance.people import person_id
from tests.web.nodes import Client, add_user, client, make_node, plant, serving
from web.node import Node
from web.policy import Role

HTML = {"Accept": "text/html"}


@dataclass
class Scene:
    node: Node
    caller: Client
    lecture: str
    venues: dict[str, int]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Two people by one phone in the village, one of whom is in the other city, too."""
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as caller:
        venues = {code: venue.id for code, venue in (await plant(node)).items()}
        roster = "number,name,venue\n1,张秀英,520102001001\n2,<王>芳,520102001001\n"
        await node.people.import_csv(roster.encode())
        for role in Role:
            await add_user(node, role.value, role, venues["52"])
        lecture = await node.lectures.create("党课", venues["52"])
        await node.lectures.start(lecture.id)
        for number, name, venue in (
            ("1", "张秀英", "520102001001"),
            ("2", "<王>芳", "520102001001"),
            ("1", "张秀英", "5203"),
        ):
            await node.log.capture(
                lecture=lecture.id,
                venue=venues[venue],
                number=number,
                name=name,
                method=Method.CODE,
                device=f"{PHONE}secret-of-the-phone",
            )
        yield Scene(node=node, caller=caller, lecture=lecture.id, venues=venues)


async def test_the_page_says_plainly_who_where_and_when(scene: Scene) -> None:
    await scene.caller.sign_in("organizer")
    page = (await scene.caller("GET", f"/lectures/{scene.lecture}/flags", headers=HTML)).body
    assert "One phone checked in 2 people" in page
    assert "张秀英 checked in at two venues at the same time" in page
    assert "宝山村" in page
    assert "遵义市" in page
    assert f"/lectures/{scene.lecture}/people/{person_id('1')}" in page
    assert "&lt;王&gt;芳" in page
    assert "secret-of-the-phone" not in page
    report = (await scene.caller("GET", f"/lectures/{scene.lecture}/report", headers=HTML)).body
    assert "2 things are worth a look" in report


async def test_the_api_says_the_same_and_no_device(scene: Scene) -> None:
    await scene.caller.sign_in("organizer")
    answer = await scene.caller("GET", f"/api/lectures/{scene.lecture}/flags")
    assert [flag["sign"] for flag in answer.body["flags"]] == ["one_phone", "two_venues"]
    assert [who["name"] for who in answer.body["flags"][0]["people"]] == ["张秀英", "<王>芳"]
    assert "secret-of-the-phone" not in str(answer.body)
    below = await scene.caller("GET", f"/api/lectures/{scene.lecture}/flags?venue={scene.venues['5203']}")
    assert [flag["sign"] for flag in below.body["flags"]] == ["two_venues"]
    assert (await scene.caller("GET", "/api/lectures/x/flags")).status == 404


async def test_it_can_be_taken_away(scene: Scene) -> None:
    await scene.caller.sign_in("organizer")
    address = f"{scene.caller.url}/api/lectures/{scene.lecture}/flags"
    for form, begin in (("xlsx", b"PK"), ("pdf", b"%PDF")):
        async with scene.caller.session.get(f"{address}.{form}") as answer:
            assert answer.status == 200
            assert (await answer.read()).startswith(begin)
    lines = (await scene.caller("GET", f"/api/lectures/{scene.lecture}/flags.csv")).body.splitlines()
    told = [row for row in csv.reader(lines) if row[0] in ("1", "2")]
    assert [row[1] for row in told] == ["One phone, several people"] * 2 + ["At two venues at the same time"] * 2
    assert "宝山村" in told[0]
    await scene.caller.sign_in("lecturer")
    assert (await scene.caller("GET", f"/api/lectures/{scene.lecture}/flags.csv")).status == 403


async def test_a_lecturer_is_not_told(scene: Scene) -> None:
    await scene.caller.sign_in("lecturer")
    assert (await scene.caller("GET", f"/api/lectures/{scene.lecture}/flags")).code == "wrong_role"
    report = (await scene.caller("GET", f"/lectures/{scene.lecture}/report", headers=HTML)).body
    assert "worth a look" not in report


async def test_nothing_odd_is_said_too(scene: Scene) -> None:
    await scene.caller.sign_in("organizer")
    venue = scene.venues["520302"]
    page = (await scene.caller("GET", f"/lectures/{scene.lecture}/flags?venue={venue}", headers=HTML)).body
    assert "Nothing looks odd." in page
