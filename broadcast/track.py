"""One outgoing RTP stream of a lecture, shared by all who watch it: numbering, history, keyframes, clock. Pure.

The node chooses SSRC, sequence numbers and timestamps itself, so that viewers never notice when the publisher leaves
and returns or when the parent is replaced: the numbers go on where they stopped.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from broadcast.codecs import Codec, starts_keyframe
from broadcast.picture import Size, size_of
from broadcast.rtcp import SenderReport
from broadcast.rtp import Packet, difference
from broadcast.vp8 import Ids, following, ids_of, moved

Extensions = tuple[tuple[str, bytes], ...]
_REPORTS = 8  # sender reports, about one a second
_CLOCK_WAS_SET_S = 0.25
_STILL_S = 0.12  # longer than between the frames of any moving picture
_MOST_REPEATS = 3


@dataclass(slots=True)
class Sample:
    """A packet as it goes down the tree. `index`: extended sequence number; `sent`: abs-send-time of its first sending
    (a retransmission must be the same bytes again, or an AES-GCM nonce would be used twice); `at`: arrival, seconds."""

    index: int
    timestamp: int
    marker: bool
    codec: Codec
    extensions: Extensions
    payload: bytes
    keyframe: bool
    sent: bytes
    at: float


class Track:
    """`capacity` packets are kept for retransmission and for those who join (a power of two). `rung`: which rendition
    of the picture this is. `octets` and `frames` count what has come."""

    def __init__(
        self,
        kind: str,
        ssrc: int,
        rtx_ssrc: int,
        first_sequence: int,
        timestamp: int,
        capacity: int,
        *,
        rung: int = 0,
    ) -> None:
        assert capacity & capacity - 1 == 0
        self.kind = kind
        self.rung = rung
        self.octets = 0
        self.frames = 0
        self.size: Size | None = None
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.head = (
            (1 << 16) + (first_sequence & 0x7FFF) - 1
        )  # RFC 3711 §3.3.1: below 2**15, or the rollover is guessed
        self.keyframe: int | None = None
        self.codec: Codec | None = None
        self.pending: list[Sample] = []
        self._ring: list[Sample | None] = [None] * capacity
        self._mask = capacity - 1
        self._source: object = None
        self._shift = 0
        self._floor = 0
        self._timestamp_shift = 0
        self._ids = Ids()  # what is added to those of the source
        self._last_timestamp = timestamp
        self._last_at: float | None = None
        self._repeats = 0
        self._reference: tuple[int, int, float] | None = None
        self._reports: deque[tuple[int, int, float]] = deque(maxlen=_REPORTS)
        self._anchor: tuple[int, int] | None = None

    def push(
        self, source: object, codec: Codec, index: int, packet: Packet, extensions: Extensions, sent: bytes, now: float
    ) -> Sample | None:
        """Take one packet of `source` (extended sequence number `index` there); it stands in `pending` afterwards.

        None if it is a repeat or too old. Another source than before continues the numbering.
        """
        if source is not self._source:
            self._switch(source, codec, index, packet, now)
        if index < self._floor:
            return None
        out = index + self._shift
        slot = self._ring[out & self._mask]
        if out <= self.head - self._mask or (slot is not None and slot.index >= out):
            return None
        timestamp = packet.timestamp + self._timestamp_shift & 0xFFFFFFFF
        key = self.kind == "video" and starts_keyframe(codec.name, packet.payload)
        payload = moved(packet.payload, self._ids) if self._ids else packet.payload
        sample = Sample(out, timestamp, packet.marker, codec, extensions, payload, key, sent, now)
        self._ring[out & self._mask] = sample
        self.octets += len(packet.payload)
        self.frames += packet.marker
        if key:
            self._note_keyframe(sample)
            self.size = size_of(codec.name, packet.payload) or self.size
        if out > self.head:
            self.head = out
            self._last_timestamp, self._last_at, self._repeats = timestamp, now, 0
            self.codec = codec
        self.pending.append(sample)
        return sample

    def _switch(self, source: object, codec: Codec, index: int, packet: Packet, now: float) -> None:
        last = self.at(self.head)
        self._ids = Ids()
        if last is not None and last.codec.name == codec.name == "vp8":
            self._ids = following(ids_of(last.payload), ids_of(packet.payload))
        self._source = source
        self._floor = index
        self._shift = self.head + 1 - index
        elapsed = 0 if self._last_at is None else max(1, int((now - self._last_at) * codec.clock_rate))
        self._timestamp_shift = self._last_timestamp + elapsed - packet.timestamp
        self._reference = self._anchor = None
        self._reports.clear()
        self.keyframe = None  # what comes cannot be decoded from what went before

    def _note_keyframe(self, sample: Sample) -> None:
        known = None if self.keyframe is None else self._ring[self.keyframe & self._mask]
        if known is None or known.index != self.keyframe or known.timestamp != sample.timestamp:
            if self.keyframe is None or sample.index > self.keyframe:
                self.keyframe = sample.index
        elif sample.index < known.index:
            self.keyframe = sample.index

    def find(self, sequence: int) -> Sample | None:
        """The packet sent with this 16-bit sequence number, if it is still kept."""
        return self.at(self.head + difference(sequence, self.head & 0xFFFF))

    def at(self, index: int) -> Sample | None:
        sample = self._ring[index & self._mask]
        return sample if sample is not None and sample.index == index else None

    def since(self, index: int) -> list[Sample]:
        """All packets kept from `index` on, in order; those already in `pending` too."""
        return [s for i in range(max(index, self.head - self._mask), self.head + 1) if (s := self.at(i)) is not None]

    def tail(self, now: float) -> Sample | None:
        """The newest packet, when none has followed it for a moment, and after three times and nine times as long once
        more: who has lost it would not know before the next frame, and of slides that may be far."""
        if self._last_at is None or self._repeats >= _MOST_REPEATS or now - self._last_at < _STILL_S * 3**self._repeats:
            return None
        self._repeats += 1
        return self.at(self.head)

    def joinable(self, most: int) -> int | None:
        """Where a new viewer can start: the last keyframe when at most `most` packets have followed it, else None."""
        if self.keyframe is None or self.head - self.keyframe >= min(most, self._mask):
            return None
        return self.keyframe

    def on_sender_report(self, source: object, report: SenderReport, now: float) -> None:
        """Keep the publisher's pairing of wall clock and media clock, moved to our timestamps. Of the last ones, the
        one that was least delayed on its way says best what that clock shows now."""
        if source is self._source:
            new = (report.ntp, report.timestamp + self._timestamp_shift & 0xFFFFFFFF, now)
            if self._reference is not None and abs(_ahead_s(new, self._reference)) > _CLOCK_WAS_SET_S:
                self._reports.clear()
            self._reports.append(new)
            self._reference = max(self._reports, key=lambda each: _ahead_s(each, new))
            self._anchor = self._anchor or new[:2]

    def clock(self, now: float) -> tuple[int, int] | None:
        """(NTP time, RTP timestamp) of this moment for a sender report: both tracks of a lecture keep the publisher's
        wall clock, so lips stay in sync over any number of hops. None until the source has said its own."""
        if self._reference is None or self.codec is None:
            return None
        ntp, timestamp, at = self._reference
        elapsed = now - at
        wall = ntp + int(elapsed * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
        return wall, timestamp + int(elapsed * self.codec.clock_rate) & 0xFFFFFFFF

    def offset_to(self, other: Track) -> int:
        """What to add to a timestamp of this track so that it says the same moment of capture as one of `other`, which
        has the same clock rate. By the publisher's own pairing of its clocks, always by the same one, so that all who
        are moved get the same; by the times of arrival as long as there is none."""
        rate = 90000 if self.codec is None else self.codec.clock_rate
        if self._anchor is not None and other._anchor is not None:
            (here, mine), (there, theirs) = self._anchor, other._anchor
            apart = difference(here, there, 64) * rate >> 32
        elif self._last_at is not None and other._last_at is not None:
            mine, theirs = self._last_timestamp, other._last_timestamp
            apart = int((self._last_at - other._last_at) * rate)
        else:
            return 0
        return difference(theirs + apart & 0xFFFFFFFF, mine, 32)


def _ahead_s(one: tuple[int, int, float], other: tuple[int, int, float]) -> float:
    """By how much the first report makes the source's clock show more than the second."""
    return difference(one[0], other[0], 64) / (1 << 32) - (one[2] - other[2])


class KeyframeRequests:
    """At most one request a second goes to the source, none while a keyframe asked for is on its way."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self._interval = interval_s
        self._asked: float | None = None
        self._wanted = False

    def want(self) -> None:
        self._wanted = True

    def take(self, now: float) -> bool:
        """Whether to send a request now."""
        if not self._wanted or (self._asked is not None and now - self._asked < self._interval):
            return False
        self._asked = now
        return True

    def satisfied(self) -> None:
        self._wanted = False
