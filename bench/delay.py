"""What the four hops between the main classroom and a village cost: `python -m bench.delay [--json]`.

Starts the real demonstration (five node processes on loopback, a lecture on air), then
- first picture: opens the village's screen page in Chromium, ten times, and takes the time from the start of the
  navigation to the first frame that the page presents (requestVideoFrameCallback, on the page's own clock);
- hop delay: pulls the same stream from the root and from the village at once, by WHEP, in this one process, and pairs
  the packets by their payload; the difference of the two arrival times, on one clock, is what the four hops add.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from broadcast import Relay, Reply, Uplinks
from broadcast.track import Sample
from tests.acceptance.stage import browsing, demonstrating, signed_in

_RUNS = 10
_SECONDS = 10.0
_FIRST = """() => new Promise((resolve) => {
  const video = document.getElementById("lecture");
  video.requestVideoFrameCallback((now) => resolve(now));
})"""


async def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with demonstrating(Path(folder)) as demo:
            hops = await hop_delay(demo.shown)
            pictures = await first_pictures(demo)
    return {
        "first_picture_ms": {"median": round(statistics.median(pictures), 1), "all": [round(p, 1) for p in pictures]},
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


class _Probe:
    """A relay of our own that pulls one lecture and notes when each payload arrives."""

    def __init__(self, lecture: str, url: str, token: str, http: aiohttp.ClientSession) -> None:
        self.arrivals: dict[bytes, float] = {}
        self._lecture, self._url, self._token, self._http = lecture, url, token, http

    async def ask(self, method: str, path: str, *, body: str = "", content_type: str = "") -> Reply:
        origin = self._url.partition("/whep/")[0]
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Content-Type": content_type} if content_type else {})
        async with self._http.request(method, origin + path, data=body.encode(), headers=headers) as response:
            return Reply(status=response.status, headers=response.headers, body=await response.text())

    async def run(self, seconds: float) -> None:
        relay = Relay(host="127.0.0.1", udp_port=0, addresses=["127.0.0.1"], max_sessions=10)
        await relay.start()
        uplinks = Uplinks(relay, self.ask, chance=random.Random(1).random)
        track = relay.stream(self._lecture).track("video")
        push = track.push

        def noting(*arguments: Any, **named: Any) -> Sample | None:
            sample: Sample | None = push(*arguments, **named)
            if sample is not None:
                self.arrivals.setdefault(hashlib.blake2b(sample.payload, digest_size=16).digest(), sample.at)
            return sample

        track.push = noting  # type: ignore[method-assign]
        uplinks.follow({self._lecture})
        try:
            await asyncio.sleep(seconds)
        finally:
            await uplinks.stop()
            await relay.stop()


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
