"""The figures of a lecture on one node: totals for counters, and how good the hop to whoever feeds it is. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from broadcast import rtp
from broadcast.rtp import difference
from broadcast.track import Track

_WINDOW = 10  # measurements, one a second: what a heartbeat says is not the chance of one moment
_BACK = 256  # packets: abs-capture-time need not be in each (it may be once a second)
_LONGEST_DELAY_S = 60.0
_CLOCKS_TREMBLE_S = 0.05


@dataclass(slots=True, kw_only=True)
class Totals:
    """Since the lecture first was on this node; all of them only grow. Octets are of RTP packets without protection.

    `lost`: given up after asking again; `recovered`: came late or again. `nacks_*`: packets asked for again, at our
    source and by our viewers. `stalls`: how often the kernel would take no more for a viewer.
    """

    packets_in: int = 0
    octets_in: int = 0
    lost: int = 0
    recovered: int = 0
    nacks_sent: int = 0
    keyframe_requests: int = 0
    packets_out: int = 0
    octets_out: int = 0
    nacks_received: int = 0
    retransmissions: int = 0
    stalls: int = 0


@dataclass(frozen=True, kw_only=True)
class Hop:
    """The way here from the parent, or from the publisher at the node where the lecture comes in.

    `loss`: 0..1 over the last ten seconds, what this node lacks of the published packets after all repair; `jitter_ms`:
    how unevenly they arrive (RFC 3550 §6.4.1). Both add up on the way down: what was lost further up is missing here,
    too, and the share of one hop is the difference to the node above. `round_trip_ms`: of this hop alone, by its
    connectivity checks; only towards a parent. `delay_ms`: from capture to here, where the publisher says when it
    captured. None: not measured.
    """

    loss: float
    round_trip_ms: float | None
    jitter_ms: float | None
    delay_ms: float | None


@dataclass(frozen=True, kw_only=True)
class StreamStatus:
    """`live`: media arrived within the last two seconds, as `picture` and `sound` say of each. `kbit_s` in, `loss` 0..1
    after repair, both over the last second. `viewers` are screens and browsers, `nodes` children that pull; `hop`: none
    without a source."""

    live: bool
    fed: bool
    picture: bool = False
    sound: bool = False
    kbit_s: float = 0.0
    loss: float = 0.0
    viewers: int = 0
    nodes: int = 0
    video_codec: str | None = None
    audio_codec: str | None = None
    hop: Hop | None = None


@dataclass(frozen=True, kw_only=True)
class ShownRung:
    """What one viewer is sent of the picture. `rung` of `rungs`, counted from the lowest, 0; None: sound alone. `width`
    and `height` in pixels, 0 where they are not known."""

    rung: int | None
    rungs: int
    width: int = 0
    height: int = 0
    kbit_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StreamFigures:
    """For those who watch the node itself. `round_trips_s`: of all viewers that have been measured."""

    lecture: str
    totals: Totals
    status: StreamStatus
    round_trips_s: tuple[float, ...]


class Meter:
    """Rate and loss of one source, measured once a second."""

    def __init__(self) -> None:
        self.kbit_s = self.loss = 0.0
        self._before = (0, 0, 0)
        self._steps: deque[tuple[int, int]] = deque(maxlen=_WINDOW)

    def take(self, seconds: float, octets: int, expected: int, lost: int) -> None:
        """The source's counts so far, `seconds` after the last time."""
        before = self._before
        self._before = octets, expected, lost
        self.kbit_s = max(0, octets - before[0]) * 8 / 1000 / seconds
        step = max(0, expected - before[1]), max(0, lost - before[2])
        self.loss = _ratio(*step)
        self._steps.append(step)

    @property
    def recent_loss(self) -> float:
        return _ratio(sum(step[0] for step in self._steps), sum(step[1] for step in self._steps))


def _ratio(expected: int, lost: int) -> float:
    return min(1.0, lost / expected) if expected > 0 else 0.0


def capture_delay_s(track: Track) -> float | None:
    """From capture to this node, of the newest packet that says when it was captured, by abs-capture-time
    (https://webrtc.googlesource.com/src/+/main/docs/native-code/rtp-hdrext/abs-capture-time); where the publisher does
    not send that, of the newest packet, by the sender reports' pairing of wall clock and timestamp.

    All times are the publisher's own: its sender reports, brought down the tree with half of each hop's round trip
    added, say what its clock shows now. No two machines' clocks are compared.
    """
    kept = track.since(track.head - _BACK)
    for sample in reversed(kept):
        value = next((v for uri, v in sample.extensions if uri == rtp.ABS_CAPTURE_TIME), None)
        if value is None or len(value) not in (8, 16):
            continue
        clock = track.clock(sample.at)
        if clock is None:
            return None
        captured = int.from_bytes(value[:8], "big")
        offset = int.from_bytes(value[8:], "big", signed=True)  # capture clock minus the publisher's own
        return _plausible(difference(clock[0] + offset, captured, 64) / (1 << 32))
    clock = track.clock(kept[-1].at) if kept else None
    if clock is None:
        return None
    return _plausible(difference(clock[1], kept[-1].timestamp) / kept[-1].codec.clock_rate)


def _plausible(delay_s: float) -> float | None:
    return max(0.0, delay_s) if -_CLOCKS_TREMBLE_S < delay_s < _LONGEST_DELAY_S else None
