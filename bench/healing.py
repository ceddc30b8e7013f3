"""How the picture comes back: `python -m bench.healing [--json] [--long]`.

Five real node processes, a real publisher process, the village's screen page in Chromium. For each fault: what was
done, whether the screen had to open a new session, and how many seconds after the end of the fault's cause the page
decoded frames again. The page is never reloaded. A cause ends when the process that was gone is started, so the time
that a node or the test publisher takes to start (about a second of this machine's time) is in the figure;
`node_serves_after_s` says what of it was the start of nodes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from playwright.async_api import Page

from tests.acceptance.stage import Demo, browsing, demonstrating, shows, signed_in
from web.demo_process import free_ports

_LEVELS = ("province", "city", "county", "township", "village")
_CALM_S = 6.0  # in which the publisher learns how often its server reports
_GAP_S, _STEADY_S = 0.6, 2.0  # a picture that stands still for longer has stopped; one that goes on so long is back
_FRAMES = "() => document.getElementById('lecture').getVideoPlaybackQuality().totalVideoFrames"
# Each new session of the page is a new RTCPeerConnection: count them.
_COUNT = """(() => {
  const Real = window.RTCPeerConnection;
  window.sessions = 0;
  window.RTCPeerConnection = class extends Real { constructor(...a) { super(...a); window.sessions += 1; } };
})()"""


class Stage:
    def __init__(self, demo: Demo, page: Page) -> None:
        self.demo, self.page = demo, page
        self.pids = {level: demo.pid(level) for level in _LEVELS}
        self._own: list[asyncio.subprocess.Process] = []
        self._publisher: asyncio.subprocess.Process | None = None
        self._starting: list[asyncio.Task[float]] = []
        self.rows: list[dict[str, Any]] = []

    async def _run(self, *arguments: str) -> asyncio.subprocess.Process:
        log = (self.demo.folder / "healing.log").open("ab")
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "web", *arguments, stdout=log, stderr=log)
        self._own.append(process)
        return process

    async def publish(self, codec: str = "vp8") -> None:
        whip = self.demo.shown["whip"]
        self._publisher = await self._run("publish", whip["url"], "--token", whip["token"], "--codec", codec)

    async def silence(self, how: signal.Signals) -> None:
        assert self._publisher is not None
        self._publisher.send_signal(how)
        await self._publisher.wait()

    def kill(self, level: str, how: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.pids[level], how)

    async def start(self, level: str) -> None:
        process = await self._run("serve", "--config", str(self.demo.config(level)))
        self.pids[level] = process.pid
        self._starting.append(asyncio.create_task(self._until_it_serves(self.settings(level)["http"]["public_url"])))

    async def _until_it_serves(self, url: str) -> float:
        """Seconds."""
        start = time.perf_counter()
        async with aiohttp.ClientSession() as http:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{url}/healthz") as response:
                        if response.status == 200:
                            return time.perf_counter() - start
                await asyncio.sleep(0.03)

    async def close(self) -> None:
        for process in self._own:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def settings(self, level: str) -> Any:
        return yaml.safe_load(self.demo.config(level).read_text())

    def write(self, level: str, settings: Any) -> None:
        self.demo.config(level).write_text(yaml.safe_dump(settings, allow_unicode=True))

    async def frames(self) -> int:
        return int(await self.page.evaluate(_FRAMES))

    async def picture(self, timeout_s: float = 60.0) -> float:
        """Seconds until the page decodes frames again that go on for a while: a few that were still on their way, or in
        the browser's jitter buffer, are no healing."""
        start = time.perf_counter()
        seen, last, run_since = await self.frames(), start, start
        async with asyncio.timeout(timeout_s):
            while True:
                await asyncio.sleep(0.03)
                now, frames = time.perf_counter(), await self.frames()
                if frames != seen:
                    run_since = now if now - last > _GAP_S else run_since
                    seen, last = frames, now
                    if now - run_since > _STEADY_S:
                        return run_since - start

    async def fault(self, name: str, cause: Callable[[], Awaitable[None]]) -> None:
        """`cause` does harm and returns when its cause has ended."""
        await self.picture()
        before = await self.page.evaluate("window.sessions")
        self._starting.clear()
        await cause()
        try:
            back: float | None = round(await self.picture(), 2)
        except TimeoutError:
            back = None
        sessions = await self.page.evaluate("window.sessions") - before
        row = {"fault": name, "picture_after_s": back, "new_sessions_of_the_screen": sessions}
        if self._starting:
            row["node_serves_after_s"] = round(max(await asyncio.gather(*self._starting)), 2)
        self.rows.append(row)
        print(json.dumps(row, ensure_ascii=False), file=sys.stderr)


@contextlib.asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    async with demonstrating(folder, "--no-publisher") as demo, browsing() as browser:
        page = await signed_in(browser, demo.url("village"), demo.user("operator"), "/screen")
        await page.add_init_script(_COUNT)
        await page.goto(demo.url("village") + "/screen")
        stage = Stage(demo, page)
        try:
            await stage.publish()
            await shows(page, "document.documentElement.dataset.state === 'live'")
            yield stage
        finally:
            await stage.close()


async def measure(long: bool) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        async with staged(Path(name)) as stage:
            await faults(stage, (1, 10, 60) if long else (1, 10), (2, 60) if long else (2,))
            return stage.rows


async def faults(stage: Stage, absences: tuple[int, ...], cuts: tuple[int, ...]) -> None:
    async def absent(seconds: float, codec: str, how: signal.Signals) -> None:
        await stage.silence(how)
        await asyncio.sleep(seconds)
        await stage.publish(codec)

    for seconds in absences:
        await stage.fault(
            f"publisher stops, back after {seconds} s with other SSRCs",
            partial(absent, seconds, "vp8", signal.SIGTERM),
        )
    await stage.fault("publisher killed -9, back after 1 s in H.264", partial(absent, 1, "h264", signal.SIGKILL))
    await stage.fault("publisher stops, back after 1 s in VP8", partial(absent, 1, "vp8", signal.SIGTERM))

    async def restart(level: str, pause: float) -> None:
        stage.kill(level)
        await asyncio.sleep(pause)
        await stage.start(level)

    for level in _LEVELS:
        await asyncio.sleep(_CALM_S)
        await stage.fault(f"{level} node killed -9, started again after 2 s", partial(restart, level, 2))
    await stage.fault("township node killed -9, started again at once", partial(restart, "township", 0))

    async def moved() -> None:
        """The township's node comes back with other ports: its child finds it by the second address in its list."""
        stage.kill("township")
        settings = stage.settings("township")
        port = free_ports("127.0.0.1", 18600, 1)[0]
        settings["http"] |= {"port": port, "public_url": f"http://127.0.0.1:{port}"}
        settings["media"]["udp_port"] = port
        stage.write("township", settings)
        await stage.start("township")

    below = stage.settings("village")
    below["parent"]["urls"].append("http://127.0.0.1:18600")
    stage.write("village", below)
    await restart("village", 0)
    await stage.picture()
    await stage.fault("township node killed -9, comes back with another TCP and UDP port", moved)

    async def cut(seconds: float) -> None:
        stage.kill("township", signal.SIGSTOP)  # nothing gets through, nobody says so
        await asyncio.sleep(seconds)
        stage.kill("township", signal.SIGCONT)

    for seconds in cuts:
        await stage.fault(f"link cut for {seconds} s (the township node stands still)", partial(cut, seconds))

    async def province() -> None:
        for level in _LEVELS:
            stage.kill(level)
        await asyncio.sleep(2)
        for level in reversed(_LEVELS):  # the village before its parent, and so on up
            await stage.start(level)
            await asyncio.sleep(0.2)

    await stage.fault("all five nodes killed -9, started from the village up", province)

    settings = stage.settings("village")
    settings["parent"]["urls"].append(stage.demo.url("county"))
    stage.write("village", settings)
    await restart("village", 0.5)
    await stage.picture()

    async def gone() -> None:
        stage.kill("township")

    await stage.fault("parent gone for good, a second parent in the list", gone)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="absences of 60 s, too")
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed node does not compile itself at each start
    rows = asyncio.run(measure(chosen.long))
    print(json.dumps({"healing": rows}, ensure_ascii=False, indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
