"""CPU per delivered packet: `python -m bench.fanout --viewers 500 --seconds 5 --json`.

The real relay in a process pinned to one core; a real publisher (WHIP's session: ICE, DTLS, SRTP) sends 150 video
packets of 1,150 bytes a second in bursts of five and 50 audio packets of 120; every viewer is a real WHEP session on a
UDP socket of its own and counts what arrives. In the same run and the same process the floor is measured: libsrtp's
AES-128-GCM over the same sizes and GSO sends of the same runs to the same viewers, in a tight loop and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import time
from array import array
from functools import partial
from typing import Any

import uvloop
from pylibsrtp._binding import lib

from bench.load import AUDIO_SSRC, DELTA, KEYFRAME, VIDEO_SSRC, RawPublisher, raw_publishing
from bench.rpc import LECTURE, cpu_seconds, pin, relay_process
from bench.viewers import CountingViewer, client_port
from broadcast import Relay
from broadcast.rtp import build
from broadcast.send import Sender, Way
from web.allocator import use_huge_pages

_VIDEO = 1150 - 12  # payload octets of a packet of 1,150
_AUDIO = 120 - 12
_BURSTS_S = 30


def floor(relay: Relay, seconds: float) -> dict[str, float]:
    """CPU µs a packet of protecting and sending alone, to the viewers that are there, for about `seconds`.

    Nothing but the two: one packet buffer, the same GSO runs, one `sendmmsg` for 64 viewers.
    """
    stream = relay.stream(LECTURE)
    sender = stream.sender
    ways = [viewer.way for viewer in stream.viewers if viewer.way is not None]
    sequence = 0
    packets, used, until = 0, 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        for count, size in 3 * [(5, _VIDEO)] + 5 * [(1, _AUDIO)]:
            run = []
            for _ in range(count):
                sequence = sequence + 1 & 0xFFFF
                run.append(build(96, False, sequence, 0, VIDEO_SSRC, b"", bytes(size)))
            before = cpu_seconds()
            tight(sender, ways, run)
            used += cpu_seconds() - before
            packets += count * len(ways)
        time.sleep(0.002)  # the receivers must empty their sockets
    return {"packets": packets, "us": used / packets * 1e6}


def tight(sender: Sender, ways: list[Way], run: list[bytes]) -> None:
    """The floor's inner loop, on the sender's own buffers and message headers."""
    step, number = len(run[0]) + 16, len(run)
    template = b"".join(plain + bytes(16) for plain in run)
    total = len(template)
    chunk = min(64, 384 * 1024 // total, len(ways))
    sender._lay_out(chunk, total, step, number)
    lengths = array("i", [len(run[0])]) * (chunk * number)
    for start in range(0, len(ways), chunk):
        part = ways[start : start + chunk]
        sender._name_view[: len(part) * 16] = b"".join([way.name for way in part])
        sender._fill(template, len(part))
        sender._length_view[: 4 * len(lengths)] = lengths.tobytes()
        each = [way.srtp for way in part for _ in run]
        any(map(lib.srtp_protect, each, sender._places, sender._length_places))
        sender._flush(len(part), total, step)


async def publish(publisher: RawPublisher, seconds: float) -> int:
    """The load, on time, for `seconds`; how many packets were sent."""
    start = time.perf_counter()
    ticks, sent = 0, 0
    answered = publisher.keyframe_requests
    while (due := ticks / 150) < seconds:
        delay = start + due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        if ticks % 5 == 0:
            key = publisher.keyframe_requests > answered
            answered = publisher.keyframe_requests
            first = (KEYFRAME if key else DELTA).ljust(_VIDEO, b"\0")
            publisher.send(VIDEO_SSRC, ticks * 600, [first] + [bytes(_VIDEO)] * 4)
            sent += 5
        if ticks % 3 == 0:
            publisher.send(AUDIO_SSRC, ticks * 320, [bytes(_AUDIO)])
            sent += 1
        ticks += 1
    return sent


async def measure(viewers: int, seconds: float, profile: bool) -> dict[str, Any]:
    with relay_process(extras={"floor": floor, "profile": _profile}) as server:
        pin(1)
        own = Relay(host="127.0.0.1", udp_port=0, addresses=["127.0.0.1"], max_sessions=10)
        await own.start()
        async with raw_publishing(own, partial(server.call, "whip")) as publisher:
            warm = asyncio.create_task(publish(publisher, 3600))
            audience = await join(server, viewers)
            await asyncio.sleep(1.5)
            warm.cancel()
            await asyncio.gather(warm, return_exceptions=True)
            await settled(audience)
            for viewer in audience:
                viewer.packets = 0
            before = await server.call("usage")
            if profile:
                await server.call("profile", True)
            sent = await publish(publisher, seconds)
            await settled(audience)
            if profile:
                print(await server.call("profile", False), file=sys.stderr)
            after = await server.call("usage")
            received = sum(viewer.packets for viewer in audience)
            base = await server.call("floor", 2.0)
        await own.stop()
    us = (after[0] - before[0]) / received * 1e6
    return {
        "viewers": viewers,
        "packets_sent": sent * viewers,
        "packets_received": received,
        "cpu_us_per_packet": round(us, 3),
        "floor_us_per_packet": round(base["us"], 3),
        "ratio": round(us / base["us"], 2),
        "viewers_per_core": int(1e6 / us / 200),
        "rss_mib": round(after[4], 1),
    }


async def settled(audience: list[CountingViewer]) -> None:
    """Wait until no viewer has got anything for half a second."""
    before = -1
    while (now := sum(viewer.packets for viewer in audience)) != before:
        before = now
        await asyncio.sleep(0.5)


async def join(server: Any, count: int) -> list[CountingViewer]:
    import datetime as dt

    from broadcast.dtls import Certificate

    certificate = Certificate(dt.datetime.now(dt.UTC))
    audience = [CountingViewer() for _ in range(count)]
    gate = asyncio.Semaphore(20)

    async def one(viewer: CountingViewer) -> None:
        async with gate:
            await viewer.join(client_port("127.0.0.1"), certificate, partial(server.call, "whep"))
            viewer.count_only()

    await asyncio.gather(*(one(viewer) for viewer in audience))
    return audience


def _profile(relay: Relay, on: bool) -> str:
    import cProfile
    import io
    import pstats

    if on:
        relay.profile = cProfile.Profile()  # type: ignore[attr-defined]
        relay.profile.enable()  # type: ignore[attr-defined]
        return ""
    relay.profile.disable()  # type: ignore[attr-defined]
    out = io.StringIO()
    pstats.Stats(relay.profile, stream=out).sort_stats("tottime").print_stats(14)  # type: ignore[attr-defined]
    return out.getvalue()


def main() -> None:
    use_huge_pages()  # as `tongtang serve` does
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=1, help="take the run with the median cost")
    parser.add_argument("--profile", action="store_true", help="Python's profile of the relay, on standard error")
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    chosen = parser.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files[0], min(files[1], 65536)), files[1]))
    results = [uvloop.run(measure(chosen.viewers, chosen.seconds, chosen.profile)) for _ in range(chosen.runs)]
    middle = statistics.median_low(result["cpu_us_per_packet"] for result in results)
    result = next(result for result in results if result["cpu_us_per_packet"] == middle)
    print(json.dumps(result, indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
