"""One who watches: a screen, a browser or a child node. State only; the packets are sent by the stream's fan-out."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field
from typing import Protocol

from broadcast import rtcp, rtp
from broadcast.codecs import Codec, nearest
from broadcast.figures import Totals
from broadcast.negotiate import Plan
from broadcast.peer import Peer
from broadcast.rtp import HEADER
from broadcast.send import Sender, Way, Ways, runs
from broadcast.track import Sample, Track

_JOIN_PACKETS = 400
_PARTED = 1 << 14  # packets; libsrtp guesses right up to 2**15
_CATCH_UP_PACKETS = 40  # a tick: what a joiner is sent of the history, so that a slow link is not flooded
_MOST_RESENT = 100  # a tick and leg
_U16 = struct.Struct("!H")


class LegState(enum.Enum):
    WAITING = "waiting for a keyframe"
    CATCHING_UP = "catching up from the last keyframe"
    LIVE = "live"


GroupKey = tuple[str, frozenset[tuple[Codec, int]], frozenset[tuple[str, int]]]


def group_key(plan: Plan) -> GroupKey:
    """What viewers must have agreed on alike to get the very same packets."""
    return plan.kind, frozenset(plan.payload_types.items()), frozenset(plan.extensions.items())


class Group:
    """All legs of one track that agreed on the same payload types and extension numbers: packets are rewritten once
    for all of them."""

    def __init__(self, track: Track, plan: Plan) -> None:
        self.key = group_key(plan)
        self.track = track
        self.legs: dict[Viewer, Leg] = {}
        self.packets = 0
        self.octets = 0
        self.last: int | None = None  # index of the last packet that went to the live legs
        self._live: dict[int, tuple[list[Leg], Ways]] | None = None
        self._offered = plan.payload_types
        self._payload_type: dict[Codec, int | None] = {}
        self._numbers = {uri: number for uri, number in plan.extensions.items() if uri in rtp.END_TO_END}
        self._send_time = plan.extensions.get(rtp.ABS_SEND_TIME)

    def changed(self) -> None:
        """A leg has become live, has stopped being so, or has another way."""
        self._live = None

    def live(self) -> dict[int, tuple[list[Leg], Ways]]:
        """The legs that take every packet and their ways, by the octets that protection adds."""
        if self._live is None:
            found: dict[int, tuple[list[Leg], list[Way]]] = {}
            for viewer, leg in self.legs.items():
                if leg.state is LegState.LIVE and (to := viewer.way) is not None:
                    legs, ways = found.setdefault(to.tag, ([], []))
                    legs.append(leg)
                    ways.append(to)
            self._live = {tag: (legs, Ways(ways)) for tag, (legs, ways) in found.items()}
        return self._live

    def fan_out(self, samples: list[Sample], sender: Sender) -> list[Leg]:
        """Send these packets to all live legs; the legs for which the kernel would take no more."""
        # What was repaired from before a wrap of the sequence numbers goes only to those who ask for it: a receiver
        # whose first packets these were would guess another rollover counter than ours (RFC 3711 §3.3.1).
        cycle = self.track.head >> 16
        plain = [p for s in samples if s.index >> 16 == cycle and (p := self.plain(s)) is not None]
        refused: dict[Leg, None] = {}
        for run in runs(plain):
            for legs, ways in self.live().values():
                for index in sender.fan_out(ways, run):
                    refused[legs[index]] = None
        if plain:
            self.packets += len(plain)
            self.octets += sum(len(s.payload) for s in samples)
            self.last = self.track.head
        return list(refused)

    @property
    def parted(self) -> bool:
        """Whether so much has gone by unsent that libsrtp's rollover counters can no longer be trusted: half a cycle
        on, packets would be refused, or worse, a keystream be used twice. Only new sessions mend it."""
        return self.last is not None and self.track.head - self.last >= _PARTED

    def payload_type(self, codec: Codec | None) -> int | None:
        """Under which number these viewers take `codec`; None if they cannot."""
        if codec is None:
            return None
        if codec not in self._payload_type:
            self._payload_type[codec] = nearest(codec, self._offered)
        return self._payload_type[codec]

    def plain(self, sample: Sample) -> bytes | None:
        """The packet as this group gets it before protection, None in a codec that it cannot decode."""
        payload_type = self.payload_type(sample.codec)
        if payload_type is None:
            return None
        return rtp.build(
            payload_type,
            sample.marker,
            sample.index,
            sample.timestamp,
            self.track.ssrc,
            self._extension(sample),
            sample.payload,
        )

    def _extension(self, sample: Sample) -> bytes:
        numbers = self._numbers
        elements = [(numbers[uri], value) for uri, value in sample.extensions if uri in numbers]
        if self._send_time is not None:
            elements.append((self._send_time, sample.sent))
        return rtp.extension_block(elements)

    def retransmission(self, sample: Sample, payload_type: int, sequence: int) -> bytes:
        """The packet again inside RTX (RFC 4588 §4): own SSRC and numbering, the original number before the payload."""
        extension = self._extension(sample)
        second = payload_type | 0x80 if sample.marker else payload_type
        head = HEADER.pack(
            0x90 if extension else 0x80, second, sequence & 0xFFFF, sample.timestamp, self.track.rtx_ssrc
        )
        return head + extension + _U16.pack(sample.index & 0xFFFF) + sample.payload


@dataclass(slots=True, eq=False)
class Leg:
    """One track on its way to one viewer. `last` is the index of the last packet that was sent while not live."""

    group: Group
    rtx: dict[int, int]
    state: LegState = LegState.WAITING
    cursor: int = 0
    rtx_sequence: int = 0
    resent: int = 0
    resend: dict[int, None] = field(default_factory=dict)
    fraction_lost: float = 0.0
    last: int | None = None
    _packets: int = 0
    _octets: int = 0

    def become(self, state: LegState) -> None:
        """Change the state. While live, a leg's packets are counted by its group."""
        if self.state is LegState.LIVE:
            self.last = self.group.last
        elif state is LegState.LIVE and self.group.last is None:
            self.group.last = self.group.track.head if self.last is None else self.last
        sign = (state is LegState.LIVE) - (self.state is LegState.LIVE)
        self._packets -= sign * self.group.packets
        self._octets -= sign * self.group.octets
        self.state = state
        self.group.changed()

    def count(self, packets: int, octets: int) -> None:
        """Packets that were sent to this leg alone."""
        self._packets += packets
        self._octets += octets

    @property
    def parted(self) -> bool:
        """As `Group.parted`, for a leg that was not live for long."""
        return (
            self.state is not LegState.LIVE and self.last is not None and self.group.track.head - self.last >= _PARTED
        )

    @property
    def sent(self) -> tuple[int, int]:
        """(packets, octets) so far, as a sender report says them."""
        live = self.state is LegState.LIVE
        return self._packets + live * self.group.packets, self._octets + live * self.group.octets


class Audience(Protocol):
    """The stream that a viewer watches."""

    def viewer_connected(self, viewer: Viewer) -> None: ...
    def viewer_gone(self, viewer: Viewer) -> None: ...
    def viewer_busy(self, viewer: Viewer) -> None: ...
    def want_keyframe(self) -> None: ...


class Viewer:
    """The handler of a viewer's peer, one leg for each track that was agreed on. `node`: a child node, not a screen."""

    takes_rtp = False

    def __init__(self, legs: list[Leg], audience: Audience, *, node: bool) -> None:
        self.peer: Peer | None = None
        self.legs = legs
        self.node = node
        self.round_trip_s: float | None = None
        self._nacks = 0
        self._audience = audience
        self._by_ssrc = {leg.group.track.ssrc: leg for leg in legs}

    @property
    def way(self) -> Way | None:
        return None if self.peer is None else self.peer.way

    @property
    def is_busy(self) -> bool:
        """Whether there is something to send to this viewer alone."""
        return any(leg.resend or leg.state is LegState.CATCHING_UP for leg in self.legs)

    @property
    def awaits_keyframe(self) -> bool:
        """Whether a keyframe would help: not one of a codec that this viewer cannot decode."""
        return any(
            leg.state is LegState.WAITING and leg.group.payload_type(leg.group.track.codec) is not None
            for leg in self.legs
        )

    def on_connected(self, now: float) -> None:
        self._audience.viewer_connected(self)

    def on_moved(self) -> None:
        for leg in self.legs:
            leg.group.changed()

    def on_rtp(self, data: bytes, now: float) -> None:
        """A viewer sends no media; what it sends is dropped."""

    def on_closed(self, reason: str) -> None:
        self._audience.viewer_gone(self)

    def on_rtcp(self, data: bytes, now: float) -> None:
        for message in rtcp.parse(data):
            if isinstance(message, rtcp.Nack):
                leg = self._by_ssrc.get(message.ssrc)
                if leg is not None:
                    self._nacks += len(message.sequences)
                    for sequence in message.sequences:
                        if len(leg.resend) < _MOST_RESENT:
                            leg.resend[sequence] = None
                    self._audience.viewer_busy(self)
            elif isinstance(message, rtcp.KeyframeRequest):
                leg = self._by_ssrc.get(message.ssrc)
                if leg is not None and leg.group.track.kind == "video":
                    self._audience.want_keyframe()
            elif isinstance(message, rtcp.ReceiverReport | rtcp.SenderReport):
                self._on_reports(message.reports, now)

    def _on_reports(self, reports: tuple[rtcp.ReportBlock, ...], now: float) -> None:
        for block in reports:
            leg = self._by_ssrc.get(block.ssrc)
            if leg is None:
                continue
            leg.fraction_lost = block.fraction / 256
            clock = leg.group.track.clock(now)
            if block.lsr and clock is not None:
                trip = ((clock[0] >> 16) - block.lsr - block.dlsr & 0xFFFFFFFF) / 65536  # RFC 3550 §6.4.1
                if trip < 10:
                    self.round_trip_s = trip

    def add_to(self, totals: Totals) -> None:
        """What was sent to this viewer and what it asked for again so far."""
        totals.nacks_received += self._nacks
        for leg in self.legs:
            packets, octets = leg.sent
            totals.packets_out += packets
            totals.octets_out += octets
            totals.retransmissions += leg.resent

    def work(self, sender: Sender) -> None:
        """Retransmit and catch up. Every 20 ms or so while `is_busy`."""
        for leg in self.legs:
            if leg.resend:
                self._resend(leg, sender)
            if leg.state is LegState.CATCHING_UP:
                self.catch_up(leg, sender)

    def _send(self, leg: Leg, plain: list[bytes], sender: Sender) -> None:
        if self.way is not None and plain:
            for run in runs(plain):
                sender.send(self.way, run)
            leg.count(len(plain), sum(map(len, plain)))

    def join(self, leg: Leg) -> bool:
        """Start a waiting leg if it can start now: sound at once, picture at the last keyframe. False: it must wait."""
        if leg.state is not LegState.WAITING:
            return True
        track = leg.group.track
        if track.kind == "audio":
            leg.become(LegState.LIVE)
            return True
        start = track.joinable(_JOIN_PACKETS)
        if start is None or leg.group.payload_type(track.codec) is None:
            return False
        leg.cursor = start
        leg.become(LegState.CATCHING_UP)
        return True

    def catch_up(self, leg: Leg, sender: Sender) -> None:
        """Send the next piece of history; live once nothing is left of it."""
        track = leg.group.track
        samples = track.since(leg.cursor)[:_CATCH_UP_PACKETS]
        if samples:
            plain = [p for s in samples if (p := leg.group.plain(s)) is not None]
            leg.cursor = samples[-1].index + 1
            leg.last = samples[-1].index
            self._send(leg, plain, sender)
        if leg.cursor > track.head:
            leg.become(LegState.LIVE)

    def _resend(self, leg: Leg, sender: Sender) -> None:
        group, track = leg.group, leg.group.track
        again: list[bytes] = []
        for sequence in leg.resend:
            sample = track.find(sequence)
            if sample is None:
                continue
            payload_type = group.payload_type(sample.codec)
            rtx = None if payload_type is None else leg.rtx.get(payload_type)
            if rtx is None:
                plain = group.plain(sample)
            else:
                leg.rtx_sequence += 1
                plain = group.retransmission(sample, rtx, leg.rtx_sequence)
            if plain is not None:
                again.append(plain)
        leg.resend.clear()
        leg.resent += len(again)
        self._send(leg, again, sender)

    def report(self, now: float) -> None:
        """Send a report for each track, all in one compound packet (RFC 3550 §6.1). Once a second."""
        if self.peer is None:
            return
        parts: list[bytes] = []
        for leg in self.legs:
            track = leg.group.track
            clock, (packets, octets) = track.clock(now), leg.sent
            if clock is not None and packets:
                parts.append(rtcp.sender_report(rtcp.SenderReport(track.ssrc, *clock, packets, octets, ())))
            else:  # nothing to say but that we are here: a child tells a silent parent from a dead one
                parts.append(rtcp.receiver_report(track.ssrc, ()))
            parts.append(rtcp.source_description(track.ssrc, "tongtang"))
        self.peer.send_rtcp(b"".join(parts))
