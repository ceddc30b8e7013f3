"""Who gets which rung of the picture, and which rungs this node therefore needs. Nothing here acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from broadcast import rtcp
from broadcast.figures import ShownRung
from broadcast.group import Leg, LegState
from broadcast.ladder import Ladder
from broadcast.rungs import SOUND_ALONE, Pin
from broadcast.track import Track
from broadcast.viewer import JOIN_PACKETS, Viewer

LINGER_S = 5.0  # a rung is pulled for so long after the last screen that needed it: they often come back
_NODE_LINGER_S = 0.5  # a node has waited itself


class Casting:
    """`tracks`: one for each rung. `pin` is for the venue's own screens, not for nodes."""

    def __init__(self, tracks: Sequence[Track], linger_s: float) -> None:
        self._linger_s = linger_s
        self.ladder = Ladder(tracks)
        self.pin = Pin.AUTO
        self._tracks = tracks
        self._needed: dict[int, float] = {}  # rung → until when

    def on_air(self) -> list[Track]:
        """From the best rung down."""
        return [self._tracks[rung] for rung in reversed(self.ladder.order or (0,))]

    def start(self, slot: int | None) -> Track:
        """Where a leg begins: in its slot's rung, or for a screen in the best that is here already."""
        order = self.ladder.order or (0,)
        if slot is not None:
            return self._tracks[order[min(slot, len(order) - 1)]]
        here = [rung for rung in order if self._tracks[rung].joinable(JOIN_PACKETS) is not None]
        return self._tracks[(here or order)[-1]]

    def targets(self, viewer: Viewer) -> list[tuple[Leg, Track | None]]:
        """The track that each leg of the picture is to have now, None for no picture; nothing while it is not known
        which rungs there are."""
        order = self.ladder.order
        legs = [leg for leg in viewer.legs if leg.is_picture]
        if order is None:
            return []
        ranks = [(leg, self._rank(viewer, leg, len(order))) for leg in legs]
        return [(leg, self._tracks[order[rank]] if 0 <= rank < len(order) else None) for leg, rank in ranks]

    def _rank(self, viewer: Viewer, leg: Leg, count: int) -> int:
        if leg.slot is not None:
            return leg.slot if leg.wanted else SOUND_ALONE
        pinned = None if viewer.node else self.pin.rung(count)
        return viewer.chooser.rung(count) if pinned is None else pinned

    def choose(self, viewer: Viewer, now: float) -> bool:
        """By what a viewer reports; whether it is to have another rung."""
        rates = self.ladder.rates()
        before = viewer.chooser.rung(len(rates))
        return viewer.chooser.decide(rates, now) != before

    def expect(self, now: float) -> None:
        """Somebody will watch in a moment: what they will see is needed now already."""
        for rung in (self.ladder.order or ())[-1:]:
            self._needed[rung] = now + self._linger_s

    def wanted(self, screens: Iterable[int], nodes: Iterable[int], now: float) -> set[int]:
        """The rungs to have here when these are in use: they, and those that were until a moment ago."""
        order = self.ladder.order
        if self.ladder.has_one:
            return {0} if order is None or order else set()
        for rungs, linger_s in ((nodes, _NODE_LINGER_S), (screens, self._linger_s)):
            for rung in rungs:
                self._needed[rung] = max(self._needed.get(rung, 0.0), now + linger_s)
        return {rung for rung, until in self._needed.items() if until > now and (order is None or rung in order)}

    def shown(self, viewer: Viewer) -> ShownRung:
        """What a viewer gets now."""
        order = self.ladder.order or (0,)
        leg = next((leg for leg in viewer.legs if leg.is_picture), None)
        if leg is None or leg.state is LegState.PAUSED:
            return ShownRung(rung=None, rungs=len(order))
        rung = leg.group.track.rung
        width, height = self.ladder.size(rung)
        return ShownRung(
            rung=order.index(rung) if rung in order else 0,
            rungs=len(order),
            width=width,
            height=height,
            kbit_s=round(self.ladder.rate(rung) / 1000, 1),
        )

    def renditions(self, viewer: Viewer, *, shows: bool) -> list[rtcp.Rendition]:
        """What a node can have in each of its slots. `shows`: there is a picture."""
        order = (self.ladder.order or ()) if shows else ()
        told = []
        for leg in viewer.legs:
            if leg.slot is not None:
                ssrc = leg.group.place.ssrc
                rung = order[leg.slot] if leg.slot < len(order) else None
                if rung is None:
                    told.append(rtcp.Rendition(ssrc, None))
                else:
                    told.append(rtcp.Rendition(ssrc, int(self.ladder.rate(rung)), *self.ladder.size(rung)))
        return told
