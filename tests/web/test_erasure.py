"""Erasing a person through a tree of real nodes, proven by a scan of every byte of their folders; and what logs say."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from attendance.event import Method
from attendance.people import person_id
from attendance.traces import find, spellings
from attendance.traces_store import rows_with
from tests.web.nodes import add_user, cheap, client, eventually, make_node, plant, serving, settings
from tests.web.test_tree import child_node, enrol_at
from venues.link import LinkState
from web.forgetting import LARGE, SMALL, may_purge
from web.node import Node, utc_now
from web.policy import Role
from web.process import set_up_logging

NUMBER, NAME = "A7731904K", "阿依·古丽娜"
ROSTER = f"number,name,venue\n{NUMBER},{NAME},520102\nB1,王芳,520102\n".encode()


def traces(*folders: Path) -> list[str]:
    """Where number or name still stands, in any file, in any spelling."""
    wanted = spellings(NUMBER) | spellings(NAME)
    found = []
    for file in (file for folder in folders for file in folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            found += [f"{file.name} at {at}: {way}" for at, way in find([file.read_bytes()], wanted)]
    return found


@contextlib.contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """As a node process writes its log at the level debug."""
    top, said, stderr = logging.getLogger(), io.StringIO(), sys.stderr
    before = list(top.handlers), top.level
    top.handlers = []
    sys.stderr = said
    try:
        set_up_logging("debug")
        yield said
    finally:
        sys.stderr = stderr
        top.handlers, top.level = before


def test_files_are_rewritten_when_nobody_waits_for_it() -> None:
    assert may_purge(SMALL, live=True, hour=12)
    assert not may_purge(SMALL + 1, live=True, hour=3)
    assert may_purge(LARGE, live=False, hour=12)
    assert not may_purge(LARGE + 1, live=False, hour=12)
    assert may_purge(LARGE + 1, live=False, hour=3)


async def test_nothing_is_left_in_any_file_of_any_node(tmp_path: Path) -> None:
    folders = [tmp_path / code for code in ("52", "5201", "520102")]
    with everything_logged() as log:
        async with contextlib.AsyncExitStack() as stack:
            root = await stack.enter_async_context(serving(make_node(folders[0])))
            venues = await plant(root.node)
            await root.node.people.import_csv(ROSTER)
            await add_user(root.node, "organizer", Role.ORGANIZER, venues["52"].id)
            await add_user(root.node, "operator", Role.OPERATOR, venues["520102"].id)
            lecture = (await root.node.lectures.create("党课", venues["52"].id)).id
            await root.node.lectures.start(lecture)
            above = root
            for folder in folders[1:]:
                await enrol_at(above, venues[folder.name], folder)
                above = await stack.enter_async_context(serving(child_node(folder, above)))
                await above.node.ready.wait()
            county = above
            await eventually(lambda: _knows(county.node, lecture))
            operator = await stack.enter_async_context(client(county.url))
            organizer = await stack.enter_async_context(client(root.url))
            assert (await operator.sign_in("operator")).status == 201
            assert (await organizer.sign_in("organizer")).status == 201
            ticks = f"/api/lectures/{lecture}/check-ins"
            wrong = await operator("POST", ticks, {"number": NUMBER, "name": "别人"})
            assert wrong.code == "name_mismatch"
            for number in (NUMBER, "B1"):
                assert (await operator("POST", ticks, {"person": person_id(number)})).status == 201

            async def present_at_root() -> bool:
                report = await organizer("GET", f"/api/lectures/{lecture}/report")
                return bool(report.body["rows"][0]["present"] == 2)

            await eventually(present_at_root)
            for folder in folders:
                assert traces(folder), folder  # the scan sees it

            answer = await organizer("POST", "/api/people/erasures", {"number": NUMBER, "reason": "request"})
            assert (answer.status, answer.body["events"], answer.body["on_roster"]) == (201, 1, True)
            await eventually(lambda: _clean(folders))
            assert await present_at_root()
            names = (await organizer("GET", f"/api/lectures/{lecture}/names?which=present")).body["names"]
            assert sorted(each["name"] for each in names) == ["—", "王芳"]
            for node in (root.node, county.node):
                assert await rows_with(node.db, [NUMBER, NAME]) == {}
            listed = (await organizer("GET", "/api/people/erasures")).body["erasures"]
            assert [(each["requested_by"], each["reason"]) for each in listed] == [("organizer", "request")]
            refused = await organizer("POST", "/api/people/erasures", {"number": NUMBER, "reason": "request"})
            assert refused.code == "nobody_to_erase"
    assert traces(*folders) == []
    assert "erasures carried out" in log.getvalue()
    assert not list(find([log.getvalue().encode()], spellings(NUMBER) | spellings(NAME)))


async def _knows(node: Node, lecture: str) -> bool:
    known = await node.lectures.get(lecture) and await node.people.get(person_id(NUMBER))
    return bool(known and await node.users.get("operator") and node.uplink.state == LinkState.CONNECTED)


async def _clean(folders: list[Path]) -> bool:
    return not traces(*folders)


class Tomorrow:
    """A clock that can be moved on."""

    def __init__(self) -> None:
        self.days = 0

    def __call__(self) -> dt.datetime:
        return utc_now() + dt.timedelta(days=self.days)


async def test_a_running_node_forgets_old_lectures_in_its_files_too(tmp_path: Path) -> None:
    clock = Tomorrow()
    node = Node(settings(tmp_path, attendance={"retention_days": 30}), passwords=cheap(), now=clock)
    async with serving(node):
        await plant(node)
        lecture = await node.lectures.create("党课", 1)
        guest = {"name": NAME, "number": NUMBER, "method": Method.WALK_IN}
        await node.log.capture(lecture=lecture.id, **guest)  # type: ignore[arg-type]
        assert traces(tmp_path)
        clock.days = 31
        node.changes.notify()  # looks at once, not only within the minute
        await eventually(lambda: _clean([tmp_path]))
        assert (await node.reports.count(lecture.id, 1)).present == 1
