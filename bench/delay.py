"""What the four hops between the main classroom and a village cost: `python -m bench.delay [--json]`.

Starts the real demonstration (five node processes on loopback, a lecture on air), then
- hop delay: pulls the same stream from the root and from the village at once, by WHEP, in this one process, and pairs
  the packets by their payload; the difference of the two arrival times, on one clock, is what the four hops add;
- first picture: opens the village's screen page in Chromium, ten times, and takes the time from the start of the
  navigation to the first frame that the page presents (requestVideoFrameCallback, on the page's own clock);
- click, flowing: in a page of the village that is already open, from the call that starts the player (WHEP, no session
  yet) to the first frame presented, while the lecture flows there;
- click, pulled: the same for a lecture that no node below the root has: it is new, each node knows it and waits for it,
  a browser goes on air with it at the root, and the click comes in the moment in which that one's connection stands.
  `from_on_air_ms` counts from that moment, too, but on the machine's clock, so it holds the way of the click itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import hashlib
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from attendance.lectures import LectureState
from bench.pull import pulling
from broadcast.track import Sample
from tests.acceptance.stage import browsing, demonstrating, signed_in, until
from venues.settings import load
from venues.tokens import TokenKind
from web.node import Node

_RUNS, _PULLS = 10, 5
_SECONDS = 10.0
_FIRST = """() => new Promise((resolve) => {
  const video = document.getElementById("lecture");
  video.requestVideoFrameCallback((now) => resolve(now));
})"""
_LOAD = "async () => { await import('/static/whep.js'); }"
_CLICK = """async ([url, token]) => {
  const { play } = await import("/static/whep.js");
  const video = document.createElement("video");
  document.body.append(video);
  const clicked = performance.now();
  const player = play(video, url, token);
  const now = await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  player.stop();
  video.remove();
  return [now - clicked, performance.timeOrigin + now];
}"""
_GO = """async ([url, token]) => {
  const { publish } = await import("/static/whip.js");
  const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 }, audio: true });
  window.publisher = publish(camera, url, token);
  while (window.publisher.peer?.connectionState !== "connected") await new Promise((go) => setTimeout(go, 1));
  return performance.timeOrigin + performance.now();
}"""


async def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with demonstrating(Path(folder)) as demo:
            hops = await hop_delay(demo.shown)
            pictures = await first_pictures(demo)
            flowing = await clicks(demo)
            pulled = await pulls(demo)
    return {
        "first_picture_ms": _all(pictures),
        "click_flowing_ms": _all(flowing),
        "click_pulled_ms": _all([each for each, _ in pulled]),
        "from_on_air_ms": _all([each for _, each in pulled]),
        "four_hops_ms": hops,
    }


async def first_pictures(demo: Any) -> list[float]:
    """Milliseconds from the navigation to the first presented frame, for each of ten openings of the page."""
    async with browsing() as browser:
        page = await signed_in(browser, demo.url("village"), demo.user("operator"), "/screen")
        found = []
        for _ in range(_RUNS):
            await page.goto("about:blank")
            await page.goto(demo.url("village") + "/screen", wait_until="commit")
            await page.wait_for_selector("#lecture", state="attached")
            found.append(float(await page.evaluate(_FIRST)))
        return found


async def clicks(demo: Any) -> list[float]:
    """Milliseconds from the click to the first presented frame, where the lecture flows, for each of ten."""
    door = next(door for door in demo.shown["whep"] if door["level"] == "village")
    async with browsing() as browser:
        page = await signed_in(browser, demo.url("village"), demo.user("operator"), "/")
        await page.evaluate(_LOAD)
        return [(await page.evaluate(_CLICK, [door["url"], door["token"]]))[0] for _ in range(_RUNS)]


async def pulls(demo: Any) -> list[tuple[float, float]]:
    """(milliseconds from the click, from the publisher's connection) to the first frame, for five new lectures."""
    found = []
    async with browsing() as browser, contextlib.AsyncExitStack() as stack:
        nodes = {
            level: await stack.enter_async_context(Node(load(demo.config(level))).opened())
            for level in ("province", "village")
        }
        lecturer = await signed_in(browser, demo.url("province"), demo.user("lecturer"), "/")
        page = await signed_in(browser, demo.url("village"), demo.user("operator"), "/")
        await page.evaluate(_LOAD)
        for _ in range(_PULLS):
            lecture, whip, whep = await _new_lecture(demo, nodes["province"], nodes["village"])
            on_air = await lecturer.evaluate(_GO, [f"{demo.url('province')}/whip/{lecture}", whip])
            took, seen = await page.evaluate(_CLICK, [f"{demo.url('village')}/whep/{lecture}", whep])
            found.append((took, seen - on_air))
            await lecturer.evaluate("window.publisher.stop()")
            await nodes["province"].lectures.stop(lecture)
    return found


async def _new_lecture(demo: Any, root: Node, village: Node) -> tuple[str, str, str]:
    """(its id, a publish token, a view token) of a lecture that the village waits for."""
    lecture = await root.lectures.create("bench", root.require_venue().id)
    await root.lectures.start(lecture.id)

    async def waits() -> bool:
        known = await village.lectures.get(lecture.id)
        return known is not None and known.state is LectureState.LIVE

    await until("the village to know the lecture", waits)
    await asyncio.sleep(2.0)  # and its node has asked for it
    day = dt.timedelta(days=1)
    whip = await root.tokens.issue(TokenKind.PUBLISH, "bench", root.require_venue().id, lecture.id, ttl=day)
    whep = await village.tokens.issue(TokenKind.VIEW, "bench", village.require_venue().id, lecture.id, ttl=day)
    return lecture.id, whip, whep


def _all(times: list[float]) -> dict[str, Any]:
    return {"median": round(statistics.median(times), 1), "all": [round(each, 1) for each in times]}


class _Probe:
    """A relay of our own that pulls one lecture and notes when each payload arrives."""

    def __init__(self, lecture: str, url: str, token: str, http: aiohttp.ClientSession) -> None:
        self.arrivals: dict[bytes, float] = {}
        self._lecture, self._url, self._token, self._http = lecture, url, token, http

    async def run(self, seconds: float) -> None:
        async with pulling(self._lecture, self._url, self._token, self._http) as relay:
            track = relay.stream(self._lecture).track("video")
            push = track.push

            def noting(*arguments: Any, **named: Any) -> Sample | None:
                sample: Sample | None = push(*arguments, **named)
                if sample is not None:
                    self.arrivals.setdefault(hashlib.blake2b(sample.payload, digest_size=16).digest(), sample.at)
                return sample

            track.push = noting  # type: ignore[method-assign]
            await asyncio.sleep(seconds)


async def hop_delay(shown: dict[str, Any]) -> dict[str, float]:
    """Milliseconds that the packets take from the root's door to the village's: median, 99th percentile, count."""
    doors = {door["level"]: door for door in shown["whep"]}
    async with aiohttp.ClientSession() as http:
        probes = [
            _Probe(shown["lecture"], doors[level]["url"], doors[level]["token"], http)
            for level in ("province", "village")
        ]
        await asyncio.gather(*(probe.run(_SECONDS) for probe in probes))
    near, far = (probe.arrivals for probe in probes)
    delays = sorted((far[key] - near[key]) * 1000 for key in near.keys() & far.keys())
    if not delays:
        sys.exit("no packet arrived at both ends")
    return {
        "median": round(statistics.median(delays), 2),
        "p99": round(delays[int(len(delays) * 0.99)], 2),
        "packets": len(delays),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    chosen = parser.parse_args()
    print(json.dumps(asyncio.run(measure()), indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
