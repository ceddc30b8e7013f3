"""Two or three real nodes in one process: what goes down the tree, and what comes back up."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance.event import Method
from tests.web.nodes import Client, add_user, client, eventually, make_node, plant, serving
from venues.identity import Identity, NodeKey
from venues.link import LinkState, enrol
from venues.status import Presence
from venues.tree import Venue
from web import identity_file
from web.app import Server
from web.node import Node, Readiness
from web.policy import Role

PEOPLE = "number,name,venue\n1,张伟,520102\n2,王芳,520102\n3,李娜,5203\n".encode()
QUICK = {"sync_interval_s": 1}


async def enrol_at(parent: Server, venue: Venue, folder: Path) -> Identity:
    token = await parent.node.enrolment.issue(venue.id, dt.timedelta(hours=1))
    key = NodeKey.make(os.urandom(32))
    result = await enrol(parent.url, token, key)
    identity = Identity(node_id=result.node_id, venue_id=result.venue_id, venue_code=result.venue_code, key=key)
    identity_file.save(folder, identity)
    return identity


def child_node(folder: Path, parent: Server) -> Node:
    return make_node(folder, parent={"urls": [parent.url]}, attendance=QUICK)


@dataclass
class Tree:
    root: Server
    city: Server
    county: Server
    venues: dict[str, Venue]


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(make_node(tmp_path / "root")) as server:
        yield server


@pytest.fixture
async def tree(tmp_path: Path, root: Server) -> AsyncIterator[Tree]:
    """Province, city and county, enrolled from the top down; the city's operator and the province's organizer."""
    venues = await plant(root.node)
    await root.node.people.import_csv(PEOPLE)
    await add_user(root.node, "organizer", Role.ORGANIZER, venues["52"].id)
    await add_user(root.node, "operator", Role.OPERATOR, venues["520102"].id)
    async with contextlib.AsyncExitStack() as stack:
        servers = [root]
        for code in ("5201", "520102"):
            folder, above = tmp_path / code, servers[-1]
            await enrol_at(above, venues[code], folder)
            servers.append(await stack.enter_async_context(serving(child_node(folder, above))))
            await eventually(_ready(servers[-1].node))
        yield Tree(root=servers[0], city=servers[1], county=servers[2], venues=venues)


def _ready(node: Node):  # type: ignore[no-untyped-def]
    async def ready() -> bool:
        return node.readiness is Readiness.READY and node.uplink.state == LinkState.CONNECTED

    return ready


async def test_enrolment_writes_a_key_that_only_the_node_can_read(tmp_path: Path, root: Server) -> None:
    venues = await plant(root.node)
    await enrol_at(root, venues["5201"], tmp_path / "child")
    file = tmp_path / "child" / "identity.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    loaded = identity_file.load(tmp_path / "child")
    assert loaded is not None
    assert loaded.venue_code == "5201"


async def test_the_tree_the_people_the_users_and_the_lectures_come_down(tree: Tree) -> None:
    lecture = await tree.root.node.lectures.create("党课", tree.venues["52"].id)
    county = tree.county.node

    async def lecture_is_there() -> object:
        return await county.lectures.get(lecture.id)

    await eventually(lecture_is_there)
    assert county.venue == tree.venues["520102"]
    assert {venue.code for venue in await county.venues.subtree(1)} == {
        "52",
        "5201",
        "520102",
        "520102001",
        "520102001001",
    }

    async def people_are_there() -> object:
        found = await county.people.export(tree.venues["520102"].id)
        assert isinstance(found, list)
        return sorted(each["name"] for each in found) == ["张伟", "王芳"]

    async def users_are_there() -> object:
        return [user.name for user in await county.users.list()] == ["operator"]

    await eventually(people_are_there)
    await eventually(users_are_there)


async def test_a_change_above_arrives_without_being_asked_for(tree: Tree) -> None:
    lecture = await tree.root.node.lectures.create("党课", tree.venues["52"].id)
    async with client(tree.root.url) as organizer:
        await organizer.sign_in("organizer")
        await organizer("POST", f"/api/lectures/{lecture.id}/start")

    async def has_begun() -> object:
        found = await tree.county.node.lectures.get(lecture.id)
        return found is not None and found.state.value == "live"

    await eventually(has_begun)


async def _checked_in(operator: Client, lecture: str, body: dict[str, str]) -> None:
    answer = await operator("POST", f"/api/lectures/{lecture}/check-ins", body)
    assert answer.status == 201, answer.body


async def test_a_check_in_at_the_county_is_counted_at_every_level_above(tree: Tree) -> None:
    lecture = await tree.root.node.lectures.create("党课", tree.venues["52"].id)
    await tree.root.node.lectures.start(lecture.id)

    async def signed_in() -> object:
        return await tree.county.node.users.get("operator") and await tree.county.node.lectures.get(lecture.id)

    await eventually(signed_in)
    async with client(tree.county.url) as operator, client(tree.root.url) as organizer:
        await operator.sign_in("operator")

        async def on_roster() -> object:
            roll = await operator("GET", f"/api/lectures/{lecture.id}/roll-call")
            return roll.body["expected"] == 2 and roll.body

        await eventually(on_roster)
        roll = (await operator("GET", f"/api/lectures/{lecture.id}/roll-call")).body
        await _checked_in(operator, lecture.id, {"person": roll["people"][0]["person"]})
        await _checked_in(operator, lecture.id, {"name": "赵敏"})
        repeat = await operator(
            "POST", f"/api/lectures/{lecture.id}/check-ins", {"person": roll["people"][0]["person"]}
        )
        assert (repeat.status, repeat.body["already"]) == (200, True)

        await organizer.sign_in("organizer")

        async def counted() -> object:
            report = await organizer("GET", f"/api/lectures/{lecture.id}/report")
            rows = {row["venue"]["code"]: row for row in report.body["rows"]}
            return rows["52"]["present"] == 2 and rows["5201"]["present"] == 2 and rows["52"]["guests"] == 1

        await eventually(counted)
        names = (await organizer("GET", f"/api/lectures/{lecture.id}/names?which=present")).body
        assert sorted(each["name"] for each in names["names"]) == ["张伟", "赵敏"]
        sheet = await organizer("GET", f"/api/lectures/{lecture.id}/report.csv")
        assert sheet.headers["Content-Type"].startswith("text/csv")
        undone = await operator("GET", f"/api/lectures/{lecture.id}/roll-call")
        event = next(each["event"] for each in undone.body["people"] if each["name"] == "赵敏")
        assert (await operator("POST", f"/api/lectures/{lecture.id}/undo", {"event": event})).status == 201

        async def one_less() -> object:
            report = await organizer("GET", f"/api/lectures/{lecture.id}/report")
            return report.body["rows"][0]["present"] == 1

        await eventually(one_less)


async def test_who_is_connected_is_seen_from_the_top(tree: Tree) -> None:
    async with client(tree.root.url) as organizer:
        await organizer.sign_in("organizer")

        async def both_are() -> object:
            shown = await organizer("GET", f"/api/venues/{tree.venues['52'].id}")
            return [level["connected"] for level in shown.body["below"]][:2] == [1, 1]

        await eventually(both_are)
        children = (await organizer("GET", f"/api/venues/{tree.venues['52'].id}/children")).body["venues"]
        assert {row["venue"]["code"]: row["status"]["presence"] for row in children} == {
            "5201": "connected",
            "5203": "never_seen",
        }


async def test_a_revoked_node_is_out_and_says_so(tree: Tree) -> None:
    identity = tree.city.node.identity
    assert identity is not None
    async with client(tree.root.url) as organizer:
        await organizer.sign_in("organizer")
        assert (await organizer("POST", f"/api/nodes/{identity.node_id}/revoke")).status == 204

    async def revoked() -> object:
        return tree.city.node.uplink.state == LinkState.REVOKED

    await eventually(revoked)

    async def silent() -> object:
        found = await tree.root.node.health.statuses([tree.venues["5201"].id])
        return found[tree.venues["5201"].id].presence is Presence.SILENT

    await eventually(silent)


async def test_a_child_without_its_parent_serves_pages_and_catches_up(tmp_path: Path) -> None:
    parent_node = make_node(tmp_path / "root")
    async with serving(parent_node) as parent:
        venues = await plant(parent_node)
        await enrol_at(parent, venues["5201"], tmp_path / "child")
        port, url = parent_node.listening_port, parent.url
    child = make_node(tmp_path / "child", parent={"urls": [url]}, attendance=QUICK)
    async with serving(child) as server, client(server.url) as caller:
        assert child.readiness is Readiness.WAITING_FOR_TREE
        assert (await caller("GET", "/healthz")).status == 200
        assert (await caller("GET", "/sign-in", headers={"Accept": "text/html"})).status == 200
        assert (await caller("POST", "/api/check-in", {"code": "a.b", "name": "x", "number": "1"})).status == 503

        async def says_unreachable() -> object:
            return child.uplink.state == LinkState.UNREACHABLE

        await eventually(says_unreachable)
        again = make_node(tmp_path / "root", http={"port": port})
        async with serving(again):
            await eventually(_ready(child))


async def test_a_node_that_is_enrolled_while_it_runs_notices(tmp_path: Path, root: Server) -> None:
    venues = await plant(root.node)
    child = child_node(tmp_path / "child", root)
    async with serving(child):
        assert child.readiness is Readiness.NOT_ENROLLED
        assert child.uplink.state == "not_enrolled"
        await enrol_at(root, venues["5201"], tmp_path / "child")
        await eventually(_ready(child))
        again = await root.node.enrolment.issue(venues["5201"].id, dt.timedelta(hours=1), replace=True)
        key = NodeKey.make(os.urandom(32))
        result = await enrol(root.url, again, key)
        identity_file.save(
            tmp_path / "child",
            Identity(node_id=result.node_id, venue_id=result.venue_id, venue_code=result.venue_code, key=key),
        )

        async def is_the_new_one() -> object:
            return child.id == result.node_id and child.uplink.state == LinkState.CONNECTED

        await eventually(is_the_new_one)


async def test_a_node_falls_back_to_the_venue_above_its_parent(tmp_path: Path, tree: Tree) -> None:
    village, folder = tree.venues["520102001001"], tmp_path / "village"
    lecture = await tree.root.node.lectures.create("党课", tree.venues["52"].id)
    await tree.root.node.lectures.start(lecture.id)
    await enrol_at(tree.county, village, folder)
    urls = [tree.county.url, tree.root.url]
    async with serving(make_node(folder, parent={"urls": urls}, attendance=QUICK)) as server:
        node = server.node
        await eventually(_ready(node))
        assert node.link is not None
        assert node.link.url == tree.county.url

        async def is_known_at_the_top() -> object:
            found = await tree.root.node.enrolment.nodes(village.id, below=True)
            return [record.id for record in found] == [node.id]

        async def has_begun() -> object:
            return await node.lectures.get(lecture.id)

        await eventually(is_known_at_the_top)
        await eventually(has_begun)
        await tree.county.stop()

        async def is_connected_at_the_top() -> object:
            # The county's end is noticed in its time: until then both still know the village as connected there.
            found = await tree.root.node.health.statuses([village.id])
            link = node.link
            moved = link is not None and link.url == tree.root.url and node.uplink.state == LinkState.CONNECTED
            return moved and found[village.id].presence is Presence.CONNECTED

        async def is_counted() -> object:
            report = await tree.root.node.reports.report(lecture.id, tree.venues["52"].id)
            return report.rows[0].present == 1

        await node.log.capture(lecture=lecture.id, name="赵敏", method=Method.WALK_IN)
        await eventually(is_connected_at_the_top)
        await eventually(is_counted)


async def test_the_root_says_what_it_needs_and_notices_an_import_by_a_command(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as caller:
        assert node.readiness is Readiness.NO_TREE
        page = await caller("GET", "/sign-in", headers={"Accept": "text/html"})
        assert page.status == 200
        assert (await caller("POST", "/api/check-in", {"code": "a.b", "name": "x", "number": "1"})).code == "not_ready"
        command = make_node(tmp_path)
        async with command.opened():
            await plant(command)

        async def ready() -> object:
            return node.readiness is Readiness.READY

        await eventually(ready)


async def test_a_long_poll_answers_at_once_when_something_changes_and_when_the_node_stops(tree: Tree) -> None:
    node = tree.root.node
    versions = await node.collections.versions(tree.venues["5201"].id)
    link = tree.city.node.link
    assert link is not None
    query = "&".join(f"{name}={version}" for name, version in versions.items())
    waiting = asyncio.ensure_future(link.request("GET", f"/api/node/changes?{query}", timeout=30))
    await asyncio.sleep(0)
    await add_user(node, "new", Role.OPERATOR, tree.venues["5201"].id)
    async with asyncio.timeout(10):
        answer = await waiting
    assert answer.json()["versions"]["users"] != versions["users"]
