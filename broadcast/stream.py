"""One lecture on this node: its tracks, who feeds them, who watches them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from broadcast.codecs import Codec
from broadcast.figures import Hop, Meter, Totals, capture_delay_s
from broadcast.ingest import Ingest
from broadcast.negotiate import Plan, Sources
from broadcast.rota import Rota
from broadcast.send import Sender
from broadcast.track import Sample, Track
from broadcast.viewer import Group, GroupKey, Leg, LegState, Viewer, group_key

_log = logging.getLogger(__name__)
_CAPACITY = {"video": 2048, "audio": 512}
_LIVE_S = 2.0
_REPORT_S = 1.0


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
class StreamFigures:
    """For those who watch the node itself. `round_trips_s`: of all viewers that have been measured."""

    lecture: str
    totals: Totals
    status: StreamStatus
    round_trips_s: tuple[float, ...]


class Stream:
    """`on_change` is called when the stream gets or loses its source."""

    def __init__(self, name: str, sender: Sender, *, on_change: Callable[[], None]) -> None:
        self.name = name
        self.sender = sender
        self.source: Ingest | None = None
        self.viewers: set[Viewer] = set()
        self.last_used = 0.0
        self._tracks = {kind: _new_track(kind) for kind in _CAPACITY}
        self._groups: dict[GroupKey, Group] = {}
        self._waiting: set[Viewer] = set()
        self._busy: set[Viewer] = set()
        self._reports: Rota[Viewer] = Rota(_REPORT_S)
        self._on_change = on_change
        self._meter = Meter()
        self._delay_s: float | None = None
        self._past = Totals()  # of sources and viewers that have gone

    def track(self, kind: str) -> Track:
        return self._tracks[kind]

    @property
    def sources(self) -> Sources:
        """Kind → (ssrc, rtx ssrc) of what this node sends."""
        return {kind: (t.ssrc, t.rtx_ssrc) for kind, t in self._tracks.items()}

    def codecs(self) -> list[Codec]:
        """What is on air now."""
        return [t.codec for t in self._tracks.values() if t.codec is not None]

    # The feeding side

    def source_live(self, source: Ingest) -> None:
        """A source has connected: the newest one feeds the lecture, the one before is let go."""
        before, self.source = self.source, source
        if before is not source:
            self._meter = Meter()
            if before is not None:
                before.add_to(self._past)
        if before is not None and before is not source and before.peer is not None:
            before.peer.close("another publisher took over")
        source.want_keyframe("video")
        _log.info("lecture %s has a source", self.name)
        self._on_change()

    def source_gone(self, source: Ingest, reason: str) -> None:
        if self.source is source:
            self.source = None
            source.add_to(self._past)
            self._meter = Meter()
            _log.info("lecture %s lost its source: %s", self.name, reason)
            self._on_change()

    # The watching side

    def legs(self, plans: list[Plan]) -> list[Leg]:
        """The legs of a viewer that agreed on these plans."""
        return [Leg(self._group(plan), dict(plan.rtx), rtx_sequence=secrets.randbits(14)) for plan in plans]

    def _group(self, plan: Plan) -> Group:
        group = self._groups.get(group_key(plan))
        if group is None:
            group = Group(self._tracks[plan.kind], plan)
        return group

    def viewer_connected(self, viewer: Viewer) -> None:
        self.viewers.add(viewer)
        for leg in viewer.legs:
            # The group may have been let go while this viewer was connecting.
            leg.group = self._groups.setdefault(leg.group.key, leg.group)
            leg.group.legs[viewer] = leg
        self._admit(viewer)

    def viewer_gone(self, viewer: Viewer) -> None:
        if viewer in self.viewers:
            viewer.add_to(self._past)
        self.viewers.discard(viewer)
        self._waiting.discard(viewer)
        self._busy.discard(viewer)
        for leg in viewer.legs:
            group = leg.group
            if group.legs.pop(viewer, None) is not None:
                group.changed()
            if not group.legs and self._groups.get(group.key) is group:
                del self._groups[group.key]

    def viewer_busy(self, viewer: Viewer) -> None:
        self._busy.add(viewer)

    def _admit(self, viewer: Viewer) -> None:
        self._waiting.discard(viewer)
        for leg in viewer.legs:
            if leg.parted:
                _end(viewer, "too much went by that this viewer could not take")
                return
            if not viewer.join(leg):
                self._waiting.add(viewer)
                self.want_keyframe()
            elif leg.state is LegState.CATCHING_UP:
                viewer.catch_up(leg, self.sender)
                self._busy.add(viewer)

    def want_keyframe(self) -> None:
        if self.source is not None:
            self.source.want_keyframe("video")

    # The flow

    def flush(self) -> None:
        """Send what has come in since the last time to all who watch."""
        for track in self._tracks.values():
            if track.pending:
                samples, track.pending = track.pending, []
                for group in self._groups.values():
                    if group.track is track:
                        self._fan_out(group, samples)
                if self._waiting and any(s.keyframe for s in samples):
                    for viewer in list(self._waiting):
                        self._admit(viewer)

    def _fan_out(self, group: Group, samples: list[Sample]) -> None:
        if group.parted:
            group.last = None
            for viewer in [v for v, leg in group.legs.items() if leg.state is LegState.LIVE]:
                _end(viewer, "too much went by that this viewer could not take")
        refused = group.fan_out(samples, self.sender)
        self._past.stalls += len(refused)
        if refused and group.track.kind == "video":
            # They cannot take more: no picture until the next keyframe, sound goes on.
            owners = {leg: viewer for viewer, leg in group.legs.items()}
            for leg in refused:
                leg.become(LegState.WAITING)
                self._waiting.add(owners[leg])

    def tick(self, now: float) -> None:
        """Every 20 ms or so."""
        if self.source is not None:
            self.source.tick(now)
            if any(viewer.awaits_keyframe for viewer in self._waiting):
                self.want_keyframe()
        for viewer in list(self._busy):
            viewer.work(self.sender)
            if not viewer.is_busy:
                self._busy.discard(viewer)
        self._report_some(now)

    def _report_some(self, now: float) -> None:
        """Each viewer's sender reports once a second, spread over the ticks."""
        for viewer in self._reports.due(self.viewers, now):
            viewer.report(now)

    def measure(self, seconds: float) -> None:
        """Take the figures of the interval since the last call. Once a second."""
        source = self.source
        if source is not None:
            self._meter.take(seconds, source.octets, *source.loss())
            delays = (capture_delay_s(track) for track in self._tracks.values())
            self._delay_s = next((delay for delay in delays if delay is not None), None)

    def status(self, now: float) -> StreamStatus:
        picture, sound = (self._flows(kind, now) for kind in ("video", "audio"))
        nodes = sum(v.node for v in self.viewers)
        video, audio = self._tracks["video"].codec, self._tracks["audio"].codec
        return StreamStatus(
            live=picture or sound,
            fed=self.source is not None,
            picture=picture,
            sound=sound,
            kbit_s=round(self._meter.kbit_s, 1),
            loss=round(self._meter.loss, 4),
            viewers=len(self.viewers) - nodes,
            nodes=nodes,
            video_codec=video.name if video else None,
            audio_codec=audio.name if audio else None,
            hop=None if self.source is None else self._hop(self.source),
        )

    def _hop(self, source: Ingest) -> Hop:
        return Hop(
            loss=round(self._meter.recent_loss, 4),
            round_trip_ms=_milliseconds(source.round_trip_s),
            jitter_ms=_milliseconds(source.jitter_s),
            delay_ms=_milliseconds(self._delay_s),
        )

    def figures(self, now: float) -> StreamFigures:
        totals = replace(self._past)
        for one in (*self.viewers, *((self.source,) if self.source else ())):
            one.add_to(totals)
        return StreamFigures(
            lecture=self.name,
            totals=totals,
            status=self.status(now),
            round_trips_s=tuple(v.round_trip_s for v in self.viewers if v.round_trip_s is not None),
        )

    def _flows(self, kind: str, now: float) -> bool:
        source = self.source
        last = source.last_of(kind) if source is not None else None
        return last is not None and now - last < _LIVE_S

    def published_here(self, now: float) -> bool:
        """Whether a publisher of this node is on air and has not fallen silent."""
        source = self.source
        return source is not None and source.local and (self._flows("video", now) or self._flows("audio", now))

    def is_worth_watching(self, now: float) -> bool:
        """Whether somebody who comes now would see or hear something."""
        return any(self._flows(kind, now) for kind in self._tracks)

    def close(self, reason: str) -> None:
        for peer in [v.peer for v in self.viewers] + [self.source.peer if self.source else None]:
            if peer is not None:
                peer.close(reason)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _end(viewer: Viewer, reason: str) -> None:
    if viewer.peer is not None:
        viewer.peer.close(reason)


def _new_track(kind: str) -> Track:
    ssrc, rtx = secrets.randbits(32), secrets.randbits(32)
    return Track(kind, ssrc, rtx, secrets.randbits(15), secrets.randbits(32), _CAPACITY[kind])
