"""What comes in: a publisher's (WHIP) or the parent's (WHEP) media, put in order and handed to the lecture's tracks."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Protocol

from broadcast import rtcp, rtp
from broadcast.codecs import Codec
from broadcast.estimate import new_estimator
from broadcast.figures import Totals
from broadcast.negotiate import Plan
from broadcast.peer import Peer
from broadcast.receive import Receiver, TransportFeedback
from broadcast.renditions import Rungs
from broadcast.rtp import Packet
from broadcast.track import Extensions, KeyframeRequests, Track

_log = logging.getLogger(__name__)
_MOST_SOURCES = 16
_TAKE_OVER_S = 0.5
_FLOWS_S = 0.25
_ESTIMATE_GAP_S = 2.0
_FEEDBACK_S = 0.05
_REPORT_S = 1.0
_ROUND_TRIP_S = 0.1  # assumed until it has been measured


class Lecture(Protocol):
    """The stream that an ingest feeds."""

    def track(self, kind: str, rung: int = 0) -> Track: ...
    def wanted(self, now: float) -> set[int]:
        """The rungs that somebody needs."""

    def told(self, rung: int, rendition: rtcp.Rendition, now: float) -> None:
        """The parent's word on a rung."""

    def source_gone(self, source: Ingest, reason: str) -> None: ...
    def source_live(self, source: Ingest) -> None: ...


_Name = tuple[str, int]  # kind and rung


class _Source:
    """One SSRC."""

    __slots__ = ("last", "name", "receiver", "ssrc")

    def __init__(self, ssrc: int, name: _Name, clock_rate: int) -> None:
        self.ssrc = ssrc
        self.name = name
        self.receiver = Receiver(clock_rate)
        self.last = 0.0


class Ingest:
    """The handler of the peer that feeds a lecture. `local`: a publisher's, not the parent's."""

    takes_rtp = True

    def __init__(self, stream: Lecture, plans: list[Plan], *, on_closed: Callable[[str], None] | None = None) -> None:
        self.peer: Peer | None = None
        self.local = on_closed is None
        self.octets = 0
        self.packets = 0
        self.last_media: float | None = None
        self.since = 0.0  # when it connected
        self._stream = stream
        self._on_closed = on_closed
        self._ssrc = secrets.randbits(32)
        self._codecs: dict[int, tuple[str, Codec]] = {}
        self._rtx: dict[int, int] = {}
        self._uris: dict[str, dict[int, str]] = {}
        for plan in plans:
            self._codecs.update({pt: (plan.kind, codec) for pt, codec in plan.codecs.items()})
            self._rtx.update({rtx: pt for pt, rtx in plan.rtx.items()})
            self._uris[plan.kind] = {number: uri for uri, number in plan.extensions.items()}
        self._sources: dict[int, _Source] = {}
        self._primary: dict[_Name, _Source] = {}
        self._requests: dict[int, KeyframeRequests] = {}
        self._rungs = Rungs(plans)
        self.several = self._rungs.several
        self._feedback = TransportFeedback() if any(p.transport_cc for p in plans) else None
        uses_send_time = any(rtp.ABS_SEND_TIME in p.extensions for p in plans)
        self._estimator = new_estimator() if uses_send_time and self._feedback is None else None
        self._estimated = 0.0
        self._nacks = self._keyframe_requests = 0
        self._forgotten = (0, 0)  # packets lost and recovered of SSRCs that are no longer kept
        self._next_feedback = self._next_report = 0.0

    def on_connected(self, now: float) -> None:
        self.since = now
        self._stream.source_live(self)

    def on_moved(self) -> None:
        """Nothing to do: only RTCP goes this way, and it asks for the address each time."""

    def on_closed(self, reason: str) -> None:
        self._stream.source_gone(self, reason)
        if self._on_closed is not None:
            self._on_closed(reason)

    def on_rtp(self, data: bytes, now: float) -> None:
        try:
            packet = rtp.parse(data)
        except ValueError:
            return
        self.octets += len(data)
        self.packets += 1
        original = self._rtx.get(packet.payload_type)
        known = self._codecs.get(packet.payload_type if original is None else original)
        if known is None:
            return
        kind, codec = known
        uris = self._uris[kind]
        self._congestion(packet, uris, len(data), now)
        rung = self._rungs.of(packet, uris, repair=original is not None) if kind == "video" else 0
        if rung is None:
            return
        if original is not None:
            primary = self._primary.get((kind, rung))
            unwrapped = None if primary is None else rtp.unwrap_rtx(packet, original, primary.ssrc)
            if unwrapped is None:
                return
            packet = unwrapped
        name = kind, rung
        source = self._source(packet.ssrc, name, codec.clock_rate, now)
        index = source.receiver.on_packet(
            packet.sequence,
            packet.timestamp,
            now,
            repair=original is not None,
            ends=packet.marker or kind != "video",
        )
        if index is None or self._primary.get(name) is not source:
            return
        self.last_media = source.last = now
        kept: Extensions = tuple(
            (uri, value) for number, value in packet.extensions.items() if (uri := uris.get(number)) in rtp.END_TO_END
        )
        sample = self._stream.track(*name).push(source, codec, index, packet, kept, rtp.abs_send_time(now), now)
        if sample is not None and sample.keyframe and rung in self._requests:
            self._requests[rung].satisfied()

    def _source(self, ssrc: int, name: _Name, clock_rate: int, now: float) -> _Source:
        """The source of this SSRC. A new one takes over its rung at once, a former one when the present is silent."""
        source = self._sources.get(ssrc)
        primary = self._primary.get(name)
        if source is None:
            if len(self._sources) >= _MOST_SOURCES:
                idle = [s for s in self._sources.values() if s not in self._primary.values()]
                self._forget(min(idle, key=lambda s: s.last))
            source = self._sources[ssrc] = _Source(ssrc, name, clock_rate)
            self._primary[name] = source
        elif primary is not source and (primary is None or now - primary.last > _TAKE_OVER_S):
            self._primary[name] = source
        return source

    def _forget(self, source: _Source) -> None:
        del self._sources[source.ssrc]
        lost, recovered = self._forgotten
        self._forgotten = lost + source.receiver.given_up, recovered + source.receiver.recovered

    def _congestion(self, packet: Packet, uris: dict[int, str], size: int, now: float) -> None:
        for number, value in packet.extensions.items():
            uri = uris.get(number)
            if uri == rtp.TRANSPORT_CC and self._feedback is not None and len(value) == 2:
                self._feedback.on_packet(value[0] << 8 | value[1], now)
            elif uri == rtp.ABS_SEND_TIME and self._estimator is not None and len(value) == 3:
                if now - self._estimated > _ESTIMATE_GAP_S:  # its buckets are walked millisecond by millisecond
                    self._estimator = new_estimator()
                self._estimated = now
                update = self._estimator.add(int(now * 1000), int.from_bytes(value, "big"), size, packet.ssrc)
                if update is not None:
                    self._send(rtcp.remb(self._ssrc, update[0], update[1]))

    def on_rtcp(self, data: bytes, now: float) -> None:
        for message in rtcp.parse(data):
            if isinstance(message, rtcp.SenderReport):
                source = self._sources.get(message.ssrc)
                if source is not None:
                    source.receiver.on_sender_report(message, now)
                    track = self._stream.track(*source.name)
                    track.on_sender_report(source, message, now - (self.round_trip_s or 0) / 2)
            elif isinstance(message, rtcp.Rendition):
                rung = self._rungs.told(message.ssrc)
                if rung is not None:
                    self._stream.told(rung, message, now)

    def want_keyframe(self, rung: int = 0) -> None:
        self._requests.setdefault(rung, KeyframeRequests()).want()

    def tick(self, now: float) -> None:
        """Ask again for what is missing, report, request keyframes. Every 20 ms or so."""
        wanted = self._stream.wanted(now)
        for (kind, rung), source in self._primary.items():
            missing = source.receiver.nacks(now, self.round_trip_s or source.receiver.repair_s or _ROUND_TRIP_S)
            if missing:
                self._nacks += len(missing)
                self._send(rtcp.nack(self._ssrc, source.ssrc, missing))
            unneeded = rung in self._rungs.pausable and rung not in wanted
            if kind == "video" and not unneeded and rung in self._requests and self._requests[rung].take(now):
                self._keyframe_requests += 1
                self._send(rtcp.pli(self._ssrc, source.ssrc))
        for rung in self._rungs.pausable - wanted:
            self._stream.track("video", rung).keyframe = None  # an old picture is nothing to begin with
        for ssrc, number, paused in self._rungs.requests(wanted, self._flowing(now), now):
            self._send(rtcp.pause(self._ssrc, ssrc, number, paused=paused))
        if now >= self._next_feedback:
            self._next_feedback = now + _FEEDBACK_S
            self._send_feedback()
        if now >= self._next_report:
            self._next_report = now + _REPORT_S
            blocks = [s.receiver.report(s.ssrc, now) for s in self._primary.values()]
            if blocks:
                report = rtcp.receiver_report(self._ssrc, blocks)
                self._send(report + rtcp.source_description(self._ssrc, "tongtang"))

    def _send_feedback(self) -> None:
        taken = self._feedback.take() if self._feedback is not None else None
        media = next((s.ssrc for s in self._primary.values()), None)
        if taken is not None and media is not None:
            base, reference, count, deltas = taken
            self._send(rtcp.transport_cc(self._ssrc, media, base, reference, count, deltas))

    def _send(self, plain: bytes) -> None:
        if self.peer is not None:
            self.peer.send_rtcp(plain)

    def _flowing(self, now: float) -> set[int]:
        return {rung for (kind, rung), s in self._primary.items() if kind == "video" and now - s.last < _FLOWS_S}

    def last_of(self, kind: str) -> float | None:
        """When the last packet of this kind came; None before the first."""
        primaries = [s for (each, _), s in self._primary.items() if each == kind and s.receiver.received]
        return max((s.last for s in primaries), default=None)

    def loss(self) -> tuple[int, int]:
        """(packets expected, packets lost for good) so far."""
        receivers = [s.receiver for s in self._primary.values()]
        return sum(r.expected for r in receivers), sum(r.given_up for r in receivers)

    def missed(self) -> tuple[int, int]:
        """(packets expected, packets that had to be asked for again) so far."""
        receivers = [s.receiver for s in self._primary.values()]
        return sum(r.expected for r in receivers), sum(r.missed for r in receivers)

    @property
    def round_trip_s(self) -> float | None:
        """To the parent; None to a publisher, whom this side does not ask."""
        dialer = None if self.peer is None else self.peer.dialer
        return None if dialer is None else dialer.round_trip_s

    @property
    def jitter_s(self) -> float | None:
        """Of the sound, whose packets come evenly; of the picture, a frame at a time, where there is no sound."""
        primaries = sorted(self._primary.items())  # sound first, then the lowest rung
        return primaries[0][1].receiver.jitter_s if primaries else None

    def add_to(self, totals: Totals) -> None:
        """What has come in and what was asked for so far."""
        totals.packets_in += self.packets
        totals.octets_in += self.octets
        totals.nacks_sent += self._nacks
        totals.keyframe_requests += self._keyframe_requests
        totals.lost += self._forgotten[0]
        totals.recovered += self._forgotten[1]
        for source in self._sources.values():
            totals.lost += source.receiver.given_up
            totals.recovered += source.receiver.recovered
