"""What each hop adds, with a full room on it: `python -m bench.hops --levels 5 --viewers 200 --json`.

A chain of real relay processes, each pulling from the one above; at every level 200 real viewers (ICE, DTLS, SRTP, a
UDP socket each; once they have joined the kernel drops what comes, which costs this machine about as little as if they
sat at others). The load is that of bench.fanout: 150 video packets a second in bursts of five and 50 audio packets,
each stamped with the moment at which the publisher sent it. Four viewers of each level, spread over the order of
joining, are probes: the kernel stamps each datagram when it reaches their socket (SO_TIMESTAMPNS), so it does not count
when a receiving process gets its turn; their packets are decrypted afterwards. The clock is one machine's.

`hops_ms`: for level n, when a probe there has a packet less when the probe of the same place one level up has it (for
the root: less when the publisher sent it). `per_hop_ms`: all but the root's together. All processes share this
machine's cores: where `idle` (their idle share during the run) is near 0, it is the machine that was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import datetime as dt
import json
import multiprocessing as mp
import os
import socket
import statistics
import struct
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import uvloop
from pylibsrtp import Error as SrtpError

from bench.chain import post, relay_chain, until_linked
from bench.load import AUDIO_SSRC, DELTA, KEYFRAME, VIDEO_SSRC, RawPublisher, raw_publishing
from bench.rpc import LECTURE
from bench.viewers import CountingViewer, client_port
from broadcast import Relay, rtp
from broadcast.dtls import Certificate

_SO_TIMESTAMPNS, _SO_ATTACH_FILTER, _BPF_RET = 35, 26, 6
_STAMP = struct.Struct("=qq")
_MARK = struct.Struct("!8sQ")  # in the payload, after the codec's first octets
_MAGIC = b"tongtang"
_AT = 2
_VIDEO, _AUDIO = 1150 - 12, 120 - 12
_PROBES = 4
_GRACE_S = 1.0


def _leave_to_the_kernel(viewer: CountingViewer) -> None:
    """The socket stays open and the session alive, but the kernel drops what comes: on another machine it would not
    cost this one anything either."""
    assert viewer.port is not None
    sock = viewer.port.socket
    asyncio.get_running_loop().remove_reader(sock)
    program = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RET, 0, 0, 0))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))


class _Probe:
    """A viewer whose datagrams are kept with the kernel's time of arrival, and read only afterwards."""

    def __init__(self, viewer: CountingViewer) -> None:
        assert viewer.port is not None
        self._viewer = viewer
        self._kept: list[tuple[int, bytes]] = []
        self.recording = False
        sock = viewer.port.socket
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.add_reader(sock, self._readable, sock)

    def _readable(self, sock: socket.socket) -> None:
        while True:
            try:
                data, control, _, _ = sock.recvmsg(2048, 64)
            except (BlockingIOError, InterruptedError):
                return
            seconds, nanoseconds = _STAMP.unpack(control[0][2][:16])
            if self.recording:
                self._kept.append((seconds * 1_000_000_000 + nanoseconds, data))

    def arrivals(self) -> dict[int, int]:
        """When each packet, named by the time of its sending, arrived; both in nanoseconds."""
        peer = self._viewer.peer
        assert peer is not None
        assert peer.dtls.rx is not None
        found: dict[int, int] = {}
        for at, data in self._kept:
            if 128 <= data[0] <= 191 and not 192 <= data[1] <= 223:
                try:
                    payload = rtp.parse(peer.dtls.rx.unprotect(data)).payload
                except SrtpError:
                    continue  # a retransmission of what has come
                magic, sent = _MARK.unpack_from(payload, _AT)
                if magic == _MAGIC:
                    found.setdefault(sent, at)
        return found


async def _audience(connection: Connection, url: str, count: int) -> None:
    """One level's viewers: join, record for as long as the pipe says, tell what the probes saw."""
    certificate = Certificate(dt.datetime.now(dt.UTC))
    gate = asyncio.Semaphore(20)
    async with aiohttp.ClientSession() as http:
        whep = post(http, f"{url}/whep/{LECTURE}")

        async def join(*, probe: bool = False) -> CountingViewer:
            viewer = CountingViewer()
            async with gate:
                await viewer.join(client_port("127.0.0.1"), certificate, whep)
                if not probe:
                    _leave_to_the_kernel(viewer)
            return viewer

        places = {round(n * (count - 1) / max(1, _PROBES - 1)) for n in range(_PROBES)}
        probes: list[_Probe] = []
        for start, stop in _stretches(sorted(places), count):
            probes.append(_Probe(await join(probe=True)))
            await asyncio.gather(*(join() for _ in range(start + 1, stop)))
        connection.send("joined")
        await asyncio.to_thread(connection.recv)
        for probe in probes:
            probe.recording = True
        await asyncio.to_thread(connection.recv)
        await asyncio.sleep(_GRACE_S)
        connection.send([probe.arrivals() for probe in probes])
        await asyncio.to_thread(connection.recv)


def _stretches(places: list[int], count: int) -> list[tuple[int, int]]:
    return list(zip(places, [*places[1:], count], strict=True))


def _audience_main(connection: Connection, url: str, count: int) -> None:
    with contextlib.suppress(EOFError):
        uvloop.run(_audience(connection, url, count))


@contextlib.contextmanager
def _audiences(urls: list[str], count: int) -> Iterator[list[Connection]]:
    pipes = []
    processes = []
    for url in urls:
        here, there = mp.Pipe()
        process = mp.get_context("spawn").Process(target=_audience_main, args=(there, url, count), daemon=True)
        process.start()
        there.close()
        pipes.append(here)
        processes.append(process)
    try:
        yield pipes
    finally:
        for here in pipes:
            here.close()
        for process in processes:
            process.kill()
            process.join()


def _cpu_times() -> tuple[int, int]:
    """(idle, all) ticks of all cores since the machine's start."""
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = [int(each) for each in stat.readline().split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _payload(first: bytes, size: int) -> bytes:
    """Unique by its nanosecond: two packets are never made within one."""
    return (first + _MARK.pack(_MAGIC, time.time_ns())).ljust(size, b"\0")


async def publish(publisher: RawPublisher, seconds: float) -> int:
    """The load, on time; how many packets were sent."""
    start = time.perf_counter()
    ticks = sent = 0
    answered = publisher.keyframe_requests
    while (due := ticks / 150) < seconds:
        delay = start + due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        if ticks % 5 == 0:
            key = publisher.keyframe_requests > answered
            answered = publisher.keyframe_requests
            first = KEYFRAME if key else DELTA
            publisher.send(
                VIDEO_SSRC, ticks * 600, [_payload(first, _VIDEO), *(_payload(DELTA, _VIDEO) for _ in range(4))]
            )
            sent += 5
        if ticks % 3 == 0:
            publisher.send(AUDIO_SSRC, ticks * 320, [_payload(DELTA, _AUDIO)])
            sent += 1
        ticks += 1
    return sent


async def measure(levels: int, viewers: int, seconds: float) -> dict[str, Any]:
    with relay_chain(levels) as urls, _audiences_after(urls, viewers) as start_audiences:
        own = Relay(host="127.0.0.1", udp_port=0, addresses=["127.0.0.1"], max_sessions=10)
        await own.start()
        async with aiohttp.ClientSession() as http, raw_publishing(own, post(http, f"{urls[0]}/whip")) as publisher:
            warm = asyncio.create_task(publish(publisher, 3600))
            await until_linked(http, urls)
            pipes = start_audiences()
            for pipe in pipes:
                assert await asyncio.to_thread(pipe.recv) == "joined"
            await asyncio.sleep(2.0)
            for pipe in pipes:
                pipe.send("record")
            await asyncio.sleep(0.5)
            warm.cancel()
            await asyncio.gather(warm, return_exceptions=True)
            before = _cpu_times()
            sent = await publish(publisher, seconds)
            after = _cpu_times()
            for pipe in pipes:
                pipe.send("stop")
            told = [await asyncio.to_thread(pipe.recv) for pipe in pipes]
        await own.stop()
    return evaluate(told) | {
        "levels": levels,
        "viewers_per_level": viewers,
        "cores": len(os.sched_getaffinity(0)),
        "idle": round((after[0] - before[0]) / max(1, after[1] - before[1]), 2),
        "packets_published": sent,
    }


@contextlib.contextmanager
def _audiences_after(urls: list[str], viewers: int) -> Iterator[Any]:
    """The audiences, started when the function that this gives is called."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(_audiences(urls, viewers))


def evaluate(probes: list[list[dict[int, int]]]) -> dict[str, Any]:
    """`probes`: by level, by place, sent → arrived (ns)."""
    above: list[dict[int, int]] = [{sent: sent for sent in place} for place in probes[0]]
    hops = []
    every: list[float] = []
    for level in probes:
        added = [
            (here[sent] - there[sent]) / 1e6
            for here, there in zip(level, above, strict=True)
            for sent in here.keys() & there.keys()
        ]
        hops.append(_spread(added))
        if level is not probes[0]:
            every += added
        above = level
    whole = [(at - sent) / 1e6 for place in probes[-1] for sent, at in place.items()]
    return {
        "per_hop_ms": _spread(every),
        "hops_ms": hops,
        "publisher_to_last_level_ms": _spread(whole),
        "fewest_packets_of_a_probe": min(len(place) for level in probes for place in level),
    }


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    return {"median": round(statistics.median(ordered), 3), "p99": round(ordered[int(len(ordered) * 0.99)], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", type=int, default=5)
    parser.add_argument("--viewers", type=int, default=200, help="at each level")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    chosen = parser.parse_args()
    found = asyncio.run(measure(chosen.levels, chosen.viewers, chosen.seconds))
    print(json.dumps(found, indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
