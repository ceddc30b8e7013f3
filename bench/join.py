"""How fast a crowd is let in: `python -m bench.join --viewers 500 --json`.

All viewers ask at once (real ICE, DTLS, SRTP over loopback; the relay in a process pinned to one core). `all_s` is the
time from the first offer to the moment at which every viewer has decrypted a picture packet; `keyframe_requests_s` the
most keyframe requests that reached the publisher within any one second.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import statistics
import time
from functools import partial
from typing import Any

import uvloop

from bench.fanout import publish
from bench.load import raw_publishing
from bench.rpc import pin, relay_process
from bench.viewers import CountingViewer, client_port
from broadcast import Relay
from broadcast.dtls import Certificate
from web.allocator import use_huge_pages


async def measure(count: int) -> dict[str, Any]:
    certificate = Certificate(dt.datetime.now(dt.UTC))
    with relay_process() as server:
        pin(1)
        own = Relay(host="127.0.0.1", udp_port=0, addresses=["127.0.0.1"], max_sessions=10)
        await own.start()
        async with raw_publishing(own, partial(server.call, "whip")) as publisher:
            load = asyncio.create_task(publish(publisher, 600))
            await asyncio.sleep(1.0)
            asked = publisher.keyframe_requests
            requests = asyncio.create_task(_count(lambda: publisher.keyframe_requests))
            audience = [CountingViewer() for _ in range(count)]
            before = await server.call("usage")
            start = time.monotonic()
            gate = asyncio.Semaphore(200)

            async def one(viewer: CountingViewer) -> float:
                async with gate:
                    await viewer.join(client_port("127.0.0.1"), certificate, partial(server.call, "whep"))
                    while viewer.first_packet is None:  # noqa: ASYNC110 (a socket's reader has no event for us)
                        await asyncio.sleep(0.01)
                    viewer.count_only()
                return viewer.first_packet - start

            times = sorted(await asyncio.gather(*(one(viewer) for viewer in audience)))
            after = await server.call("usage")
            requests.cancel()
            load.cancel()
            per_second = (await asyncio.gather(requests, load, return_exceptions=True))[0]
            total = publisher.keyframe_requests - asked
        await own.stop()
    return {
        "viewers": count,
        "all_s": round(times[-1], 2),
        "median_s": round(statistics.median(times), 2),
        "keyframe_requests": total,
        "keyframe_requests_s": per_second,
        "relay_cpu_ms_per_join": round((after[0] - before[0]) / count * 1000, 2),
    }


async def _count(read: Any) -> int:
    """The most that `read()` grew by within a second, until cancelled."""
    seen = [(time.monotonic(), read())]
    most = 0
    try:
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            seen.append((now, read()))
            seen = [s for s in seen if now - s[0] <= 1.0]
            most = max(most, seen[-1][1] - seen[0][1])
    except asyncio.CancelledError:
        return most


def main() -> None:
    use_huge_pages()  # as `tongtang serve` does
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    chosen = parser.parse_args()
    print(json.dumps(uvloop.run(measure(chosen.viewers)), indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
