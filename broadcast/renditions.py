"""Which rung of the picture an incoming packet belongs to, and which rungs to ask a parent for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broadcast import rtp
from broadcast.negotiate import Plan
from broadcast.rtp import Packet

_FIRST_AGAIN_S, _MOST_AGAIN_S = 0.1, 1.0


@dataclass(slots=True)
class _Asked:
    """What the parent was asked for last: PAUSE or RESUME, under which number, how often."""

    paused: bool
    number: int = 0
    again_at: float = 0.0
    again_s: float = _FIRST_AGAIN_S


class Rungs:
    """The renditions of a session's picture: a publisher's by RID (RFC 8852), a parent's by SSRC; else there is one."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        video = next((plan for plan in plans if plan.kind == "video"), Plan("video"))
        self._by_rid = {rid.encode(): rung for rung, rid in enumerate(video.rids)}
        self._by_ssrc = dict(video.ssrcs)
        self._by_ssrc.update({rtx: video.ssrcs[ssrc] for rtx, ssrc in video.rtx_ssrcs.items() if ssrc in video.ssrcs})
        self._slots = {rung: ssrc for ssrc, rung in video.ssrcs.items()}
        # The first is sent from the beginning, the others when they are asked for.
        self._asked = {rung: _Asked(paused=rung > 0) for rung in self._slots}

    @property
    def several(self) -> bool:
        return bool(self._by_rid or self._slots)

    @property
    def pausable(self) -> set[int]:
        """The rungs that need not come."""
        return set(self._slots)

    def of(self, packet: Packet, uris: dict[int, str], *, repair: bool) -> int | None:
        """None for a packet of which it cannot be told. A browser names the RID only until it has heard a report."""
        if not self.several:
            return 0
        rung = self._by_ssrc.get(packet.ssrc)
        if rung is None and self._by_rid:
            uri = rtp.REPAIRED_RID if repair else rtp.RID
            named = next((value for number, value in packet.extensions.items() if uris.get(number) == uri), b"")
            rung = self._by_rid.get(named)
            if rung is not None and len(self._by_ssrc) < 64:
                self._by_ssrc[packet.ssrc] = rung
        return rung

    def told(self, ssrc: int) -> int | None:
        """The rung that a parent sends under this SSRC."""
        return self._by_ssrc.get(ssrc) if self._slots else None

    def requests(self, wanted: set[int], flowing: set[int], now: float) -> list[tuple[int, int, bool]]:
        """(ssrc, number, paused) of each request due now (RFC 7728): again until it is seen to have been heard."""
        due = []
        for rung, ssrc in self._slots.items():
            asked, paused = self._asked[rung], rung not in wanted
            if asked.paused is not paused:
                number = asked.number + (1 if paused else 0)  # RFC 7728 §5.2: a new PauseID for each new pause
                asked = self._asked[rung] = _Asked(paused, number, now)
            elif (rung in flowing) is not paused:
                asked.again_at, asked.again_s = now + _FIRST_AGAIN_S, _FIRST_AGAIN_S
                continue
            if now >= asked.again_at:
                due.append((ssrc, asked.number, paused))
                asked.again_at, asked.again_s = now + asked.again_s, min(_MOST_AGAIN_S, asked.again_s * 2)
        return due
