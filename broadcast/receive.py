"""What a receiver of one RTP source keeps: order, losses, jitter, and what it asks for again. Pure.

Times are seconds of one monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from broadcast.rtcp import ReportBlock, SenderReport
from broadcast.rtp import difference

# A jump further than this is a source that began anew, not loss (RFC 3550 A.1: MAX_DROPOUT 3000).
_DROPOUT = 3000
_REORDER_S = 0.010  # a packet is missed after this long: shorter is reordering
_GIVE_UP_S = 1.0
_TRIES = 10
_MOST_MISSING = 1000
_UNFINISHED_S = 0.05  # that a frame may stand still before its end is asked for


@dataclass(slots=True)
class _Missing:
    since: float
    ask_at: float
    tries: int = 0
    asked_at: float = 0.0


class Receiver:
    """One SSRC as it arrives. `clock_rate` in Hz."""

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.received = 0
        self.recovered = 0
        self.missed = 0  # packets that were asked for again at least once
        self.highest = -1
        self._first = 0
        self.repair_s: float | None = None  # from a request to the packet, smoothed: the source's round trip and haste
        self._missing: dict[int, _Missing] = {}
        self._jitter = 0.0
        self._transit: float | None = None
        self._expected_prior = 0
        self._received_prior = 0
        self._report: tuple[SenderReport, float] | None = None
        self._unfinished: float | None = None  # since when the newest packet, which does not end its frame, is there

    def on_packet(
        self, sequence: int, timestamp: int, now: float, *, repair: bool = False, ends: bool = True
    ) -> int | None:
        """The extended sequence number of an arriving packet, None for one that came before or far too late.

        `repair`: it is a retransmission, and counts only if it is missing: it must never move the numbering. `ends`: it
        is the last of its frame. Of slides the next frame may be far: what is lost at the end of one shows by this.
        """
        if repair and (self.highest < 0 or self._index(sequence) not in self._missing):
            return None
        if self.highest < 0:
            index = 1 << 16 | sequence  # room below, for what is older than the first packet
            self._first = self.highest = index
            self._unfinished = None if ends else now
        else:
            index = self._index(sequence)
            if index > self.highest:
                self._miss(self.highest + 1, index, now)
                self.recovered += self._missing.pop(index, None) is not None
                self.highest = index
                self._unfinished = None if ends else now
            else:
                missing = self._missing.pop(index, None)
                if missing is None:
                    return None
                self.recovered += 1
                if repair and missing.tries == 1:  # after a second request nobody knows which of them it answers
                    self._measure_repair(now - missing.asked_at)
        self.received += 1
        self._measure_jitter(timestamp, now)
        return index

    def _index(self, sequence: int) -> int:
        step = difference(sequence, self.highest & 0xFFFF)
        return self.highest + step + (1 << 16 if step < -_DROPOUT else 0)

    def _miss(self, start: int, stop: int, now: float) -> None:
        if stop - start > _DROPOUT:
            self._missing.clear()
            return
        for index in range(max(start, stop - _MOST_MISSING), stop):
            self._missing[index] = _Missing(now, now + _REORDER_S)

    def _measure_repair(self, took_s: float) -> None:
        known = self.repair_s
        self.repair_s = took_s if known is None else known + (took_s - known) / 4

    def _measure_jitter(self, timestamp: int, now: float) -> None:
        """RFC 3550 §6.4.1 and A.8."""
        transit = now * self.clock_rate - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < self.clock_rate * 10:  # else the source's clock jumped or its timestamp wrapped
                self._jitter += (change - self._jitter) / 16
        self._transit = transit

    @property
    def jitter_s(self) -> float:
        return self._jitter / self.clock_rate

    def nacks(self, now: float, round_trip_s: float) -> list[int]:
        """The sequence numbers (16 bit, ascending) to ask for now; each again after a round trip, then given up."""
        ask: list[int] = []
        if self._unfinished is not None and now - self._unfinished > _UNFINISHED_S:
            self._unfinished = None
            self._missing.setdefault(self.highest + 1, _Missing(now, now))
        for index, missing in list(self._missing.items()):
            if missing.tries >= _TRIES or now - missing.since > _GIVE_UP_S or self.highest - index > _MOST_MISSING:
                del self._missing[index]
            elif now >= missing.ask_at:
                self.missed += not missing.tries
                missing.tries += 1
                missing.asked_at = now
                missing.ask_at = now + max(0.020, round_trip_s * 1.25) * min(missing.tries, 4)
                ask.append(index)
        ask.sort()
        return [index & 0xFFFF for index in ask]

    @property
    def missing(self) -> int:
        return len(self._missing)

    def on_sender_report(self, report: SenderReport, now: float) -> None:
        self._report = (report, now)

    @property
    def sender_report(self) -> tuple[SenderReport, float] | None:
        """The source's last sender report and when it came."""
        return self._report

    @property
    def expected(self) -> int:
        return self.highest - self._first + 1 if self.highest >= 0 else 0

    @property
    def lost(self) -> int:
        return max(0, self.expected - self.received)

    @property
    def given_up(self) -> int:
        """Lost for good: what is still being asked for again does not count. Never falls."""
        ahead = self.highest + 1 in self._missing  # of what is expected so far, this one is not yet
        return max(0, self.expected - self.received - self.missing + ahead)

    def report(self, ssrc: int, now: float) -> ReportBlock:
        """The block for the next receiver report (RFC 3550 A.3); advances the interval that `fraction` is of."""
        expected, received = self.expected, self.received
        interval = expected - self._expected_prior
        lost = interval - (received - self._received_prior)
        self._expected_prior, self._received_prior = expected, received
        fraction = (lost << 8) // interval if interval > 0 and lost > 0 else 0
        lsr = dlsr = 0
        if self._report is not None:
            last, at = self._report
            lsr = last.ntp >> 16 & 0xFFFFFFFF
            dlsr = min(0xFFFFFFFF, int((now - at) * 65536))
        cumulative = max(-(1 << 23), min((1 << 23) - 1, expected - received))
        return ReportBlock(
            ssrc, min(255, fraction), cumulative, self.highest & 0xFFFFFFFF, int(self._jitter) & 0xFFFFFFFF, lsr, dlsr
        )


class TransportFeedback:
    """Arrival times by transport-wide sequence number, for the publisher's own congestion control.

    draft-holmer-rmcat-transport-wide-cc-extensions-01: with it a browser probes and reaches its full rate in seconds.
    """

    def __init__(self) -> None:
        self._arrivals: dict[int, float] = {}
        self._highest: int | None = None
        self._next: int | None = None
        self._count = 0

    def on_packet(self, sequence: int, now: float) -> None:
        if self._highest is None:
            index = 1 << 16 | sequence
            self._highest = self._next = index
        else:
            index = self._highest + difference(sequence, self._highest & 0xFFFF)
            self._highest = max(self._highest, index)
        self._arrivals[index] = now

    def take(self) -> tuple[int, int, int, list[int | None]] | None:
        """(base, reference time in 64 ms, count, deltas in 250 µs) for `rtcp.transport_cc`; None when nothing came."""
        if not self._arrivals or self._next is None:
            return None
        base = min(self._next, min(self._arrivals))
        end = max(self._arrivals)
        if end - base > 500:
            base = end - 500
        first = min(at for index, at in self._arrivals.items() if index >= base)
        reference = int(first / 0.064)
        clock = reference * 256  # in 250 µs
        deltas: list[int | None] = []
        for index in range(base, end + 1):
            at = self._arrivals.get(index)
            if at is None:
                deltas.append(None)
            else:
                tick = int(at / 0.00025)
                deltas.append(tick - clock)
                clock = tick
        while deltas and deltas[0] is None and base < self._next:
            deltas.pop(0)
            base += 1
        self._arrivals.clear()
        self._next = end + 1
        count, self._count = self._count, self._count + 1 & 0xFF
        return base & 0xFFFF, reference, count, deltas
