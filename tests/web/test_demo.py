from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from attendance.people import parse_file as parse_people
from broadcast import test_pattern as pattern
from venues.tree import parse_file
from web import demo as demonstration
from web.demo_cast import PARTS, VILLAGE, branch, people_csv
from web.demo_process import Child, free_ports
from web.policy import Role

LEVELS = ["province", "city", "county", "township", "village"]
PATIENCE_S = 90.0


# Pure -------------------------------------------------------------------------------------------------------------


def test_the_branch_runs_through_all_five_levels_of_the_real_tree() -> None:
    rows = parse_file((resources.files("venues") / "data" / "guizhou_venues.csv").read_bytes())
    found = branch(rows)
    assert [row.level for row in found] == LEVELS
    assert found[-1].code == VILLAGE
    homes = {person.venue for person in parse_people(people_csv())[0]}
    assert homes <= {row.code for row in rows}
    assert parse_people(people_csv())[1] == []


def test_every_role_has_its_part() -> None:
    assert {part.role for part in PARTS} == set(Role)


def test_taken_ports_are_passed_over() -> None:
    with socket.socket() as taken, socket.socket(type=socket.SOCK_DGRAM) as taken_udp:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = taken.getsockname()[1]
        with contextlib.suppress(OSError):
            taken_udp.bind(("0.0.0.0", first + 1))
        found = free_ports("127.0.0.1", first, 5)
        assert len(set(found)) == 5
        assert first not in found
        assert first + 1 not in found


# The real thing ---------------------------------------------------------------------------------------------------


class Demo:
    """`tongtang demo --json …` as a program sees it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.errors = folder / "stderr"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "web", "demo", "--json", *arguments],
                cwd=Path(__file__).parents[2],
                env=os.environ | {"TMPDIR": str(self.temporary)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.told: dict[str, Any] = json.loads(self.line())

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def line(self) -> str:
        """The next line on standard output, "" after the last."""
        try:
            line = self._lines.get(timeout=PATIENCE_S)
        except queue.Empty:
            self.process.kill()
            pytest.fail(f"the demo said nothing on standard output; on standard error:\n{self.errors.read_text()}")
        if not line and self.process.poll() is not None and not hasattr(self, "told"):
            pytest.fail(self.errors.read_text())
        return line

    @property
    def pids(self) -> list[int]:
        return [node["pid"] for node in self.told["nodes"]]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        until_gone(self.pids)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    try:
        yield demo
    finally:
        demo.close()


def test_the_line_has_exactly_the_promised_shape(demo: Demo) -> None:
    told = demo.told
    assert list(told) == ["lecture", "nodes", "whip", "whep", "users", "api", "openapi"]
    assert [node["level"] for node in told["nodes"]] == LEVELS
    assert all(set(node) == {"level", "venue", "url", "udp_port", "pid"} for node in told["nodes"])
    assert told["nodes"][0]["venue"] == "贵州省"
    assert set(told["whip"]) == {"url", "token"}
    assert [viewer["level"] for viewer in told["whep"]] == LEVELS
    assert all(set(viewer) == {"level", "url", "token"} for viewer in told["whep"])
    assert [user["role"] for user in told["users"]] == ["lecturer", "operator", "organizer"]
    assert all(set(user) == {"role", "name", "password"} for user in told["users"])
    assert set(told["api"]) == {"token"}
    assert all(alive(pid) for pid in demo.pids)


async def test_what_the_line_promises_is_there(demo: Demo) -> None:
    told = demo.told
    root = told["nodes"][0]["url"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {told['api']['token']}"}) as http:
        async with http.get(told["openapi"]) as answer:
            assert (await answer.json())["openapi"].startswith("3.")
        async with http.get(f"{root}/api/lectures/{told['lecture']}") as answer:
            assert (await answer.json())["state"] == "live"
        async with http.get(f"{root}/api/lectures/{told['lecture']}/report") as answer:
            rows = (await answer.json())["rows"]
            assert rows[0]["expected"] == 15
            assert rows[0]["venues_total"] == 19_572
            assert rows[0]["venues_connected"] == 5


@pytest.mark.parametrize("level", ["province", "village"])
async def test_the_test_picture_arrives_in_its_colours(demo: Demo, level: str) -> None:
    viewer = next(each for each in demo.told["whep"] if each["level"] == level)
    drawn = pattern.TestPattern(640, 360)
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    try:
        for kind in ("video", "audio"):
            peer.addTransceiver(kind, direction="recvonly")
        await peer.setLocalDescription(await peer.createOffer())
        async with asyncio.timeout(60):
            answer = await post_offer(viewer, peer.localDescription.sdp)
            await peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
            found = [await tracks.get() for _ in range(2)]
            video = next(track for track in found if track.kind == "video")
            while not shows_bars(await video.recv(), drawn):
                pass
    finally:
        await peer.close()


async def post_offer(viewer: dict[str, str], offer: str) -> str:
    """The answer; 409 (nothing on air yet) is waited out as the server asks."""
    headers = {"Authorization": f"Bearer {viewer['token']}", "Content-Type": "application/sdp"}
    async with aiohttp.ClientSession(headers=headers) as http:
        while True:
            async with http.post(viewer["url"], data=offer) as response:
                if response.status == 201:
                    return await response.text()
                assert response.status == 409, await response.text()
                await asyncio.sleep(float(response.headers["Retry-After"]))


def shows_bars(frame: object, drawn: pattern.TestPattern) -> bool:
    """Whether the picture is a fresh one, and each bar has its colour where it should be at the time that it shows."""
    assert isinstance(frame, av.VideoFrame)
    assert (frame.width, frame.height) == (640, 360)
    (luma, cb, cr), lines = [bytes(plane) for plane in frame.planes], [plane.line_size for plane in frame.planes]
    shown = pattern.read_cells(luma[350 * lines[0] : 350 * lines[0] + 640])
    now = int(time.time() * 1000)
    if shown is None or (now - shown) % 2**32 > 10_000:
        return False
    shown_ms = now - (now - shown) % 2**32
    inside = [x for x in range(8, 632, 8) if drawn.bar_at(x - 8, shown_ms) == drawn.bar_at(x + 8, shown_ms)]
    assert len({drawn.bar_at(x, shown_ms) for x in inside}) == len(pattern.BARS)
    return all(
        abs(got - wanted) <= 12
        for x in inside
        for got, wanted in zip(
            (luma[100 * lines[0] + x], cb[50 * lines[1] + x // 2], cr[50 * lines[2] + x // 2]),
            pattern.yuv(drawn.bar_at(x, shown_ms)),
            strict=True,
        )
    )


async def test_it_says_how_to_start_again_what_has_stopped(tmp_path: Path) -> None:
    said: list[str] = []
    stop = asyncio.Event()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 4:
            stop.set()

    config = tmp_path / "a folder" / "config.yaml"  # which is not there: the node ends at once
    node = await Child.start("village node", "serve", "--config", str(config), log=tmp_path / "node.log")
    publisher = await Child.start(
        "publisher", "publish", "nowhere", log=tmp_path / "publisher.log", environment={"TONGTANG_TOKEN": "t"}
    )
    show = demonstration.Demo(demonstration.DemoOptions(), tmp_path, say)
    show._servers, show._publishers = [node], [publisher]
    async with asyncio.timeout(60):
        await show.watch(stop)
    assert sorted(said) == sorted(
        [
            "The village node has stopped (status 2). To start it again:",
            f"  tongtang serve --config '{config}'",
            "The publisher has stopped (status 2). To start it again:",
            "  TONGTANG_TOKEN=t tongtang publish nowhere",
        ]
    )


def test_sigterm_stops_everything_and_leaves_nothing(demo: Demo) -> None:
    pids = [*demo.pids, *children_of(demo.process.pid)]
    assert len(set(pids)) == 6  # five nodes and the publisher
    assert demo.end() == 0
    assert demo.line() == ""  # that one line was all
    assert not any(alive(pid) for pid in pids)
    assert list(demo.temporary.iterdir()) == []


def test_no_process_outlives_a_demo_that_is_killed(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = tmp_path / "kept"
        demo = Demo(tmp_path, "--no-publisher", "--data-dir", str(folder), "--base-port", str(port))
        try:
            assert all(not node["url"].endswith(f":{port}") for node in demo.told["nodes"])
            assert (folder / "village" / "config.yaml").exists()
            assert len(children_of(demo.process.pid)) == 5
            demo.process.send_signal(signal.SIGKILL)
            demo.process.wait(timeout=10)
            until_gone(demo.pids)
        finally:
            demo.close()
    # The same folder again: its nodes are enrolled already.
    again = Demo(tmp_path / "kept", "--no-publisher", "--data-dir", str(folder))
    try:
        assert again.end(signal.SIGINT) == 0
        assert "is enrolled at" not in again.errors.read_text()
    finally:
        again.close()
