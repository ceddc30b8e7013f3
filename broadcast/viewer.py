"""One who watches: a screen, a browser or a child node. State only; the packets are sent by the stream's fan-out."""

from __future__ import annotations

from typing import Protocol

from broadcast import rtcp
from broadcast.figures import ShownRung, Totals
from broadcast.group import Leg, LegState
from broadcast.peer import Peer
from broadcast.rtp import difference
from broadcast.rungs import Chooser
from broadcast.send import Sender, Way, runs

JOIN_PACKETS = 400
_CATCH_UP_PACKETS = 40  # a tick: what a joiner is sent of the history, so that a slow link is not flooded
_MOST_RESENT = 100  # a tick and leg
_MOST_REPORTED = 1 << 14  # packets between two reports that can be believed


class Audience(Protocol):
    """The stream that a viewer watches."""

    def viewer_connected(self, viewer: Viewer) -> None: ...
    def viewer_gone(self, viewer: Viewer) -> None: ...
    def viewer_busy(self, viewer: Viewer) -> None: ...
    def viewer_wants(self, viewer: Viewer) -> None: ...
    def want_keyframe(self, rung: int = 0) -> None: ...
    def shown(self, viewer: Viewer) -> ShownRung: ...


class Viewer:
    """The handler of a viewer's peer, one leg for each track that was agreed on. `node`: a child node, not a screen.
    `chooser` follows what it can take."""

    takes_rtp = False

    def __init__(self, legs: list[Leg], audience: Audience, *, node: bool, now: float = 0.0) -> None:
        self.peer: Peer | None = None
        self.legs = legs
        self.node = node
        self.chooser = Chooser(now)
        self.round_trip_s: float | None = None
        self._nacks = 0
        self._audience = audience
        self._by_ssrc = {leg.group.place.ssrc: leg for leg in legs}

    @property
    def way(self) -> Way | None:
        return None if self.peer is None else self.peer.way

    @property
    def is_busy(self) -> bool:
        """Whether there is something to send to this viewer alone."""
        return any(leg.resend or leg.state is LegState.CATCHING_UP for leg in self.legs)

    @property
    def awaited(self) -> set[int]:
        """The rungs of which a keyframe would help: not those in a codec that this viewer cannot decode."""
        found = set()
        for leg in self.legs:
            track = leg.aim or (leg.group.track if leg.state is LegState.WAITING else None)
            if track is not None and (track.codec is None or leg.group.payload_type(track.codec) is not None):
                found.add(track.rung)
        return found

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
                if leg is not None and leg.is_picture and leg.state is not LegState.PAUSED:
                    self._audience.want_keyframe(leg.group.track.rung)
            elif isinstance(message, rtcp.Remb):
                self.chooser.can_take(message.bitrate, now)
            elif isinstance(message, rtcp.PauseRequest):
                self._on_pause(message)
            elif isinstance(message, rtcp.ReceiverReport | rtcp.SenderReport):
                self._on_reports(message.reports, now)

    def _on_pause(self, message: rtcp.PauseRequest) -> None:
        leg = self._by_ssrc.get(message.ssrc)
        if leg is None or leg.slot is None:
            return
        if leg.pause_number is not None and difference(message.number, leg.pause_number) < 0:
            return  # one that was overtaken
        leg.pause_number = message.number
        if leg.wanted is message.paused:
            leg.wanted = not message.paused
            self._audience.viewer_wants(self)

    def _on_reports(self, reports: tuple[rtcp.ReportBlock, ...], now: float) -> None:
        for block in reports:
            leg = self._by_ssrc.get(block.ssrc)
            if leg is None:
                continue
            leg.fraction_lost = block.fraction / 256
            if leg.reported is not None:
                expected = difference(block.highest, leg.reported[0], 32)
                if 0 <= expected < _MOST_REPORTED:
                    self.chooser.took(expected, block.lost - leg.reported[1], now)
            leg.reported = block.highest, block.lost
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
            totals.packets_out += packets + leg.rtx_packets
            totals.octets_out += octets + leg.rtx_octets
            totals.retransmissions += leg.resent

    def work(self, sender: Sender) -> None:
        """Retransmit and catch up. Every 20 ms or so while `is_busy`."""
        for leg in self.legs:
            if leg.resend:
                self._resend(leg, sender)
            if leg.state is LegState.CATCHING_UP:
                self.catch_up(leg, sender)

    def _send(self, plain: list[bytes], sender: Sender) -> None:
        if self.way is not None:
            for run in runs(plain):
                sender.send(self.way, run)

    def join(self, leg: Leg) -> bool:
        """Start a waiting leg if it can start now: sound at once, picture at the last keyframe. False: it must wait."""
        if leg.state is not LegState.WAITING:
            return True
        track = leg.group.track
        if track.kind == "audio":
            leg.become(LegState.LIVE)
            return True
        start = track.joinable(JOIN_PACKETS)
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
            self._send(plain, sender)
            leg.count(len(plain), sum(map(len, plain)))
        if leg.cursor > track.head:
            leg.become(LegState.LIVE)

    def _resend(self, leg: Leg, sender: Sender) -> None:
        again: list[bytes] = []
        apart: list[bytes] = []  # by RTX: a stream of its own, of which the media's sender report says nothing
        for sequence in leg.resend:
            found = leg.find(sequence)
            if found is None:
                continue
            group, sample = found
            payload_type = group.payload_type(sample.codec)
            rtx = None if payload_type is None else leg.rtx.get(payload_type)
            if rtx is not None:
                leg.rtx_sequence += 1
                apart.append(group.retransmission(sample, rtx, leg.rtx_sequence))
            elif (plain := group.plain(sample)) is not None:
                again.append(plain)
        leg.resend.clear()
        leg.resent += len(again) + len(apart)
        leg.count(len(again), sum(map(len, again)))
        leg.count_apart(len(apart), sum(map(len, apart)))
        self._send(again + apart, sender)

    @property
    def has_begun(self) -> bool:
        """Whether something has been sent of every track."""
        return all(leg.sent[0] for leg in self.legs)

    def report(self, now: float) -> None:
        """Send a report for each track, all in one compound packet (RFC 3550 §6.1)."""
        if self.peer is None:
            return
        parts: list[bytes] = []
        for leg in self.legs:
            if leg.slot and leg.state is LegState.PAUSED:
                continue
            place, clock, (packets, octets) = leg.group.place, leg.group.track.clock(now), leg.sent
            if clock is not None and packets and leg.state is not LegState.PAUSED:
                moved = clock[1] + place.clock & 0xFFFFFFFF
                report = rtcp.SenderReport(place.ssrc, clock[0], moved, packets, octets, ())
                parts.append(rtcp.sender_report(report))
            else:  # nothing to say but that we are here: a child tells a silent parent from a dead one
                parts.append(rtcp.receiver_report(place.ssrc, ()))
            parts.append(rtcp.source_description(place.ssrc, "tongtang"))
        self.peer.send_rtcp(b"".join(parts))

    @property
    def shown(self) -> ShownRung:
        """What is sent now."""
        return self._audience.shown(self)

    def tell(self, slots: list[rtcp.Rendition]) -> None:
        """What a node can have in each of its slots."""
        told = [s for s in slots if s.ssrc in self._by_ssrc]
        if told and self.peer is not None:  # in a compound, which begins with a report (RFC 3550 §6.1)
            head = rtcp.receiver_report(told[0].ssrc, ()) + rtcp.source_description(told[0].ssrc, "tongtang")
            self.peer.send_rtcp(head + b"".join(rtcp.rendition(each) for each in told))
