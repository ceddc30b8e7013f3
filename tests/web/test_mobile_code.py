"""A phone on its own mobile signal: it reaches the root and not the node of the room that it is in."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance import root_code
from attendance.event import Event, Kind, Method
from tests.web.nodes import HIGH, Answer, Client, add_user, cheap, client, eventually, plant, serving, settings
from tests.web.test_tree import child_node, enrol_at
from venues.tree import Venue
from web.app import Server
from web.attempts import AttemptLimits
from web.node import Node, utc_now
from web.policy import Role

HTML = {"Accept": "text/html"}
STUDY = "https://study.example"
ROOT_IS_FAST = dt.timedelta(hours=1)  # as good as a county's node that is an hour slow


@dataclass
class Scene:
    root: Node
    county: Server
    phone: Client
    organizer: Client
    operator: Client
    venues: dict[str, Venue]
    lecture: str

    @property
    def place(self) -> Venue:
        return self.venues["520102"]

    async def code(self) -> str:
        return str((await self.operator("GET", "/api/screen")).body["mobile_url"]).rsplit("/", 1)[-1]

    async def check_in(self, code: str, number: str = "1", name: str = "张伟") -> Answer:
        return await self.phone("POST", "/api/check-in", {"code": code, "number": number, "name": name})

    def made(self, *, now: dt.datetime | None = None, lecture: str | None = None, venue: int | None = None) -> str:
        """As the county's node signs it."""
        identity = self.county.node.identity
        assert identity is not None
        return root_code.make(
            identity.key,
            node=identity.node_id,
            lecture=lecture or self.lecture,
            venue=venue or self.place.id,
            now=now or utc_now(),
            period_s=15,
        )

    async def events(self) -> list[Event]:
        ids = await self.root.db.read(lambda c: c.exec_driver_sql("select id from event order by position").scalars())
        found = [await self.root.log.event(id_) for id_ in list(ids)]
        return [event for event in found if event]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    limits = AttemptLimits(**(vars(HIGH) | {"mobile_by_venue": "5/minute"}))
    root = Node(
        settings(tmp_path / "root", attendance={"phone_url": STUDY}),
        now=lambda: utc_now() + ROOT_IS_FAST,
        passwords=cheap(),
        attempt_limits=limits,
    )
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(root))
        venues = await plant(root)
        await root.people.import_csv("number,name,venue\n1,张伟,520102\n2,王芳,520102\n3,李娜,5203\n".encode())
        await add_user(root, "organizer", Role.ORGANIZER, venues["52"].id)
        await add_user(root, "operator", Role.OPERATOR, venues["520102"].id)
        lecture = await root.lectures.create("党课", venues["52"].id)
        await root.lectures.start(lecture.id)
        await enrol_at(server, venues["520102"], tmp_path / "county")
        county = await stack.enter_async_context(serving(child_node(tmp_path / "county", server)))
        clients = [await stack.enter_async_context(client(url)) for url in (server.url, server.url, county.url)]
        phone, organizer, operator = clients
        await organizer.sign_in("organizer")

        async def shows_a_code() -> object:
            signed_in = await operator.sign_in("operator")
            return signed_in.status == 201 and (await operator("GET", "/api/screen")).body.get("mobile_url")

        async def knows_the_clock() -> object:
            status = (await root.health.statuses([venues["520102"].id]))[venues["520102"].id]
            return status.report and status.report.clock_offset_ms

        await eventually(shows_a_code)
        await eventually(knows_the_clock)
        yield Scene(root, county, phone, organizer, operator, venues, lecture.id)


async def test_the_screen_shows_a_second_code_where_the_root_takes_it(scene: Scene) -> None:
    shown = (await scene.operator("GET", "/api/screen")).body
    assert shown["code_url"].startswith(scene.county.url + "/c/")
    assert shown["mobile_url"].startswith(STUDY + "/r/")
    assert shown["mobile_svg"].startswith("<svg")
    assert len(shown["mobile_url"]) < 180
    at_the_root = (await scene.organizer("GET", "/api/screen")).body
    assert (at_the_root["mobile_url"], at_the_root["mobile_svg"]) == (None, None)


async def test_the_phone_is_at_the_venue_by_an_event_of_the_root(scene: Scene) -> None:
    code = await scene.code()
    await scene.county.stop()  # no phone, and nobody else, reaches it any more
    page = await scene.phone("GET", f"/r/{code}", headers=HTML)
    assert scene.place.name in page.body
    ticket = page.body.split('data-code="')[1].split('"')[0]
    answer = await scene.check_in(ticket)
    assert (answer.status, answer.body["already"], answer.body["guest"]) == (201, False, False)
    assert (await scene.check_in(code)).body["already"] is True
    assert (await scene.check_in(code, "2", "张伟")).code == "name_mismatch"
    assert (await scene.check_in(code, "3", "李娜")).body["guest"] is True
    first, _ = await scene.events()
    assert (first.method, first.node, first.venue) == (Method.ROOT_CODE, scene.root.id, scene.place.id)
    assert first.data == {"shown_by": scene.county.node.id}
    report = await scene.organizer("GET", f"/lectures/{scene.lecture}/report?venue={scene.place.id}", headers=HTML)
    assert "which=mobile" in report.body
    names = await scene.organizer("GET", f"/api/lectures/{scene.lecture}/names?which=mobile&venue={scene.place.id}")
    assert {one["name"] for one in names.body["names"]} == {"张伟", "李娜"}
    flags = await scene.organizer("GET", f"/api/lectures/{scene.lecture}/flags?venue={scene.place.id}")
    assert flags.body["by_mobile_code"] == 2


async def test_the_form_works_without_scripts_and_the_phone_is_remembered(scene: Scene) -> None:
    code = await scene.code()
    form = {"number": "1", "name": "张伟", "remember": "1"}
    done = await scene.phone("POST", f"/r/{code}", data=form, headers=HTML)
    assert "Checked in at" in done.body
    assert 'href="/r/t.' in done.body
    page = await scene.phone("GET", f"/r/{code}", headers=HTML)
    assert "Are you 张伟?" in page.body
    assert 'action="/r/t.' in page.body


async def test_a_closed_venue_stays_final_and_the_phone_is_counted(scene: Scene) -> None:
    await scene.operator("POST", f"/api/lectures/{scene.lecture}/check-ins", {"number": "2", "name": "王芳"})
    await scene.county.node.log.close(lecture=scene.lecture)

    async def row() -> dict[str, object]:
        answer = await scene.organizer("GET", f"/api/lectures/{scene.lecture}/report?venue={scene.place.id}")
        found: dict[str, object] = answer.body["rows"][0]
        return found

    async def is_final() -> object:
        return (await row())["state"] == "final"

    await eventually(is_final)
    assert (await row())["present"] == 1
    assert (await scene.check_in(await scene.code())).status == 201
    found = await row()
    assert (found["present"], found["state"], found["behind"], found["came"]) == (2, "final", 0, 2)
    assert [event.kind for event in await scene.events()][-1] == Kind.CHECK_IN


async def test_whoever_was_checked_in_at_the_venue_is_counted_once(scene: Scene) -> None:
    await scene.check_in(await scene.code())
    await scene.operator("POST", f"/api/lectures/{scene.lecture}/check-ins", {"number": "1", "name": "张伟"})

    async def both_are_here() -> object:
        return len(await scene.events()) == 2

    await eventually(both_are_here)
    report = await scene.organizer("GET", f"/api/lectures/{scene.lecture}/report?venue={scene.place.id}")
    assert report.body["rows"][0]["present"] == 1
    flags = await scene.organizer("GET", f"/api/lectures/{scene.lecture}/flags")
    assert (flags.body["by_mobile_code"], flags.body["flags"]) == (0, [])


async def test_codes_that_are_not_taken(scene: Scene) -> None:
    other = await scene.root.lectures.create("别处", scene.venues["5203"].id)
    await scene.root.lectures.start(other.id)
    old, early = (scene.made(now=utc_now() + dt.timedelta(minutes=minutes)) for minutes in (-3, 3))
    elsewhere, another = scene.made(lecture=other.id), scene.made(venue=scene.venues["5203"].id)
    code = scene.made()
    forged = code[:-4] + ("AAAA" if code[-4:] != "AAAA" else "BBBB")
    for refused in (old, early, elsewhere, another, forged, "A" * 142, scene.made(lecture=scene.root.id)):
        assert (await scene.check_in(refused)).code == "code_invalid"
        assert (await scene.phone("GET", f"/r/{refused}", headers=HTML)).status == 403
    assert await scene.events() == []
    assert (await scene.check_in(code)).status == 201


async def test_a_revoked_nodes_codes_and_their_tickets_end(scene: Scene) -> None:
    code = await scene.code()
    page = await scene.phone("GET", f"/r/{code}", headers=HTML)
    ticket = page.body.split('data-code="')[1].split('"')[0]
    await scene.root.enrolment.revoke(scene.county.node.id)
    assert (await scene.check_in(code)).code == "code_invalid"
    assert (await scene.check_in(ticket)).code == "code_invalid"


async def test_one_venues_codes_are_slowed_down_and_no_other_ones(scene: Scene) -> None:
    code = await scene.code()
    answers = [await scene.check_in(code, str(number), "客") for number in range(100, 106)]
    assert [answer.status for answer in answers] == [201] * 5 + [429]


async def test_the_address_is_gone_from_the_screens_when_it_is_taken_back(scene: Scene) -> None:
    scene.root.phone_url._own = ""

    async def shows_none() -> object:
        return (await scene.operator("GET", "/api/screen")).body["mobile_url"] is None

    await eventually(shows_none)
