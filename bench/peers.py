"""The same load through Tongtang and through others, side by side: `python -m bench.peers --json` (as root).

Every server gets the load of `bench.fanout` (150 video packets of 1,150 bytes a second in bursts of five, 50 audio
packets of 120) and fans it out to real WebRTC sessions, each on a UDP socket of its own: ICE, DTLS and AES-128-GCM,
then the socket only counts. The servers are pinned to one core, sources and viewers to another. They are in two network
namespaces with a veth pair between them, because Janus ignores loopback interfaces; Tongtang is in the same place.

A figure is the CPU time of the server's process over the packets that its viewers counted: that of all threads, and the
kernel's for them, in which Linux includes the packets' way into the viewers' sockets. It is the median of three or more
short windows, each from silence to silence. All but the MediaRelay are up together and take turns, so that what else
goes on in the machine hits them alike. A busy machine does not merely add noise: a source that gets its turn late sends
more at once, which is cheaper to forward, and a server that does loses packets. So a window counts only if no more than
2 % was lost and other processes took at most 15 % of the two cores; when too few do, all are taken, and
standard error, which has every window, says so.

- tongtang_us: the relay as `bench.fanout` runs it, the publisher being a WebRTC session too;
- janus_us, janus_best_us: Debian's package, Streaming plugin, plain RTP in (see `bench.janus`);
- media_relay_us: aiortc's MediaRelay, which decodes and encodes: its load is a film (see `bench.media_relay`), its
  viewers are few, and they tell it by REMB that they can take the load's bit rate.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.fanout import settled
from bench.janus import Flavour, JanusFailed, install
from bench.namespaces import Sides, two_sides
from bench.subjects import Opened, Subject, janus, media_relay, tongtang
from web.allocator import use_huge_pages

_START_S = 60.0  # for a server and its viewers
_ALL_S = 235
_WANTED = 3  # windows
_PATIENCE_S = 70.0  # for windows that count
_MEDIA_RELAY_PATIENCE_S = 12.0  # aiortc gives up viewers that do not answer its checks for half a minute
_MOST_LOST, _MOST_OTHERS = 0.02, 0.15
_WARM_S = 2.5  # the relay asks for a keyframe once a second


@dataclass(frozen=True, kw_only=True)
class Window:
    """`cost_us`: of the server's CPU time per packet that arrived. `lost`: share of what was sent (0
    where the server sends something else). `others`: share of
    the two cores that neither the server nor this process used, but somebody else."""

    cost_us: float
    lost: float
    others: float

    @property
    def counts(self) -> bool:
        return self.lost <= _MOST_LOST and self.others <= _MOST_OTHERS


def cpu_seconds_of(pid: int) -> float:
    """CPU time of a process, user and system, of all its threads (its CPU clock, clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def idle_seconds(cores: Iterable[int]) -> float:
    """That those cores have been idle since the machine started (proc_stat(5))."""
    names = {f"cpu{core}" for core in cores}
    lines = (line.split() for line in Path("/proc/stat").read_text(encoding="ascii").splitlines())
    ticks = sum(int(line[4]) + int(line[5]) for line in lines if line[0] in names)
    return ticks / os.sysconf("SC_CLK_TCK")


async def window(subject: Subject, cores: Iterable[int], seconds: float) -> Window:
    audience = subject.audience
    await subject.keep_alive()
    await settled(audience)
    for viewer in audience:
        viewer.packets = 0
    began, own, idle, before = (
        time.perf_counter(),
        time.process_time(),
        idle_seconds(cores),
        cpu_seconds_of(subject.pid),
    )
    sent = await subject.load(seconds)
    await settled(audience)
    used = cpu_seconds_of(subject.pid) - before
    whole = (time.perf_counter() - began) * 2
    others = 1 - (idle_seconds(cores) - idle + used + time.process_time() - own) / whole
    received = sum(viewer.packets for viewer in audience)
    lost = 1 - received / (sent * len(audience)) if subject.forwards or not received else 0.0
    least, most = (choose(viewer.packets for viewer in audience) for choose in (min, max))
    cost = used / max(received, 1) * 1e6
    print(
        f"{subject.name}: {len(audience)} viewers, {received} packets ({least} to {most} each of {sent} sent, "
        f"{lost:.2%} lost), {used / seconds:.0%} of a core, {cost:.2f} µs a packet; others {others:.0%}",
        file=sys.stderr,
    )
    return Window(cost_us=cost, lost=lost, others=others)


def median_cost(name: str, windows: Sequence[Window]) -> float | None:
    if not windows:
        return None
    good = [w.cost_us for w in windows if w.counts]
    if len(good) < _WANTED:
        print(
            f"{name}: DOUBTFUL: the machine was busy or packets were lost in {len(windows) - len(good)} of "
            f"{len(windows)} windows",
            file=sys.stderr,
        )
    return statistics.median(good if len(good) >= _WANTED else [w.cost_us for w in windows])


async def measure(
    opening: Sequence[Opened], cores: Iterable[int], seconds: float, patience_s: float
) -> list[float | None]:
    """The median cost of each of the servers, which take turns; None for one that cannot be measured."""
    windows: list[list[Window]] = [[] for _ in opening]
    async with contextlib.AsyncExitStack() as stack:
        subjects = [await _opened(stack, one) for one in opening]
        up = [(subject, of) for subject, of in zip(subjects, windows, strict=True) if subject is not None]
        for subject, _ in up:
            await subject.load(_WARM_S)
        until = time.perf_counter() + patience_s
        while any(sum(w.counts for w in of) < _WANTED for _, of in up):
            if time.perf_counter() > until and all(len(of) >= _WANTED for _, of in up):
                break
            for subject, of in up:
                of.append(await window(subject, cores, seconds))
    return [
        median_cost(subject.name, of) if subject is not None else None
        for subject, of in zip(subjects, windows, strict=True)
    ]


async def _opened(stack: contextlib.AsyncExitStack, opening: Opened) -> Subject | None:
    """A server with its viewers; None, with the reason on standard error, when there is none to be had."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_START_S):
            subject = await stack.enter_async_context(opening)
    except Exception as error:
        print(f"no figure: {error!r}", file=sys.stderr)
        return None
    passed = time.perf_counter() - began
    print(f"{subject.name}: {len(subject.audience)} viewers joined, {passed:.1f} s after its start", file=sys.stderr)
    return subject


async def compare(sides: Sides, chosen: argparse.Namespace) -> dict[str, float | None]:
    forwarding = [
        tongtang(sides, chosen.tongtang),
        janus(sides, Flavour.INSTALLED, chosen.janus),
        janus(sides, Flavour.BEST, chosen.janus_best),
    ]
    ours, installed, best = await measure(forwarding, sides.cores, chosen.seconds, _PATIENCE_S)
    decoding = [media_relay(sides, chosen.media_relay)]
    (stock,) = await measure(decoding, sides.cores, chosen.seconds, _MEDIA_RELAY_PATIENCE_S)
    return {
        "tongtang_us": _rounded(ours),
        "janus_us": _rounded(installed),
        "janus_best_us": _rounded(best),
        "media_relay_us": _rounded(stock),
        "janus_best_over_tongtang": _rounded(best / ours if best and ours else None),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _stop(signum: int, frame: object) -> None:
    raise SystemExit(f"bench.peers has been stopped by {signal.Signals(signum).name}")


def main() -> None:
    use_huge_pages()  # as `tongtang serve` does
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tongtang", type=int, default=500, metavar="VIEWERS")
    parser.add_argument("--janus", type=int, default=150, metavar="VIEWERS")
    parser.add_argument("--janus-best", type=int, default=300, metavar="VIEWERS")
    parser.add_argument("--media-relay", type=int, default=4, metavar="VIEWERS")
    parser.add_argument("--seconds", type=float, default=3.0, help="that a window lasts")
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    chosen = parser.parse_args()
    try:
        install()
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, _stop)
        signal.alarm(_ALL_S)
        files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(files[0], min(files[1], 65536)), files[1]))
        with two_sides() as sides:
            figures = uvloop.run(compare(sides, chosen))
    except (JanusFailed, OSError, subprocess.SubprocessError) as error:
        raise SystemExit(f"bench.peers cannot be run here: {error}") from error
    print(json.dumps(figures, indent=None if chosen.json else 2))
    if None in figures.values():
        raise SystemExit(1)


if __name__ == "__main__":
    main()
