"""One lecture on this node: its tracks, who feeds them, who watches them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace

from broadcast import rtcp
from broadcast.casting import LINGER_S, Casting
from broadcast.codecs import Codec
from broadcast.figures import Hop, Meter, ShownRung, StreamFigures, StreamStatus, Totals, capture_delay_s
from broadcast.group import Group, GroupKey, Leg, LegState, Place, group_key
from broadcast.ingest import Ingest
from broadcast.negotiate import MOST_RUNGS, Plan, Sources
from broadcast.rota import Rota
from broadcast.rungs import Pin
from broadcast.send import Sender
from broadcast.track import Sample, Track
from broadcast.viewer import JOIN_PACKETS, Viewer

_log = logging.getLogger(__name__)
_CAPACITY = {"video": 2048, "audio": 512}
_LIVE_S = 2.0
_HEARD_S = 4.0  # from a source of slides: checks and reports, also while no slide changes
_SLIDES = ":slides"
_CHOICE_S = 1.0
_NODE_REPORT_S, _SCREEN_REPORT_S = 1.0, 3.0  # a child tells a silent parent from a dead one by them


def slides_of(lecture: str) -> str:
    """The name of the stream that carries a lecture's slides beside its main one, which has camera and sound."""
    return lecture + _SLIDES


class Stream:
    """`on_change` is called when the stream gets or loses its source. Slides may stand still for minutes: their stream
    is live for as long as its source is heard of."""

    def __init__(self, name: str, sender: Sender, *, on_change: Callable[[], None], linger_s: float = LINGER_S) -> None:
        self.name = name
        self.sender = sender
        self.source: Ingest | None = None
        self.viewers: set[Viewer] = set()
        self._stands_still = name.endswith(_SLIDES)
        self.last_used = 0.0
        self.last_tick = 0.0
        self._tracks = {"audio": [_new_track("audio")], "video": [_new_track("video", n) for n in range(MOST_RUNGS)]}
        self._casting = Casting(self._tracks["video"], linger_s)
        self.ladder = self._casting.ladder
        self._groups: dict[GroupKey, Group] = {}
        self._waiting: set[Viewer] = set()
        self._busy: set[Viewer] = set()
        self._nodes: set[Viewer] = set()
        self._unreported: set[Viewer] = set()
        self._node_reports: Rota[Viewer] = Rota(_NODE_REPORT_S)
        self._reports: Rota[Viewer] = Rota(_SCREEN_REPORT_S)
        self._choices: Rota[Viewer] = Rota(_CHOICE_S)
        self._on_change = on_change
        self._meter = Meter()
        self._delay_s: float | None = None
        self._past = Totals()  # of sources and viewers that have gone

    def track(self, kind: str, rung: int = 0) -> Track:
        return self._tracks[kind][rung]

    @property
    def sources(self) -> Sources:
        """Kind → (ssrc, rtx ssrc) of what this node sends, of each rung."""
        return {kind: [(t.ssrc, t.rtx_ssrc) for t in tracks] for kind, tracks in self._tracks.items()}

    @property
    def _on_air(self) -> list[Track]:
        """Sound, then the picture from its best rung down."""
        return self._tracks["audio"] + self._casting.on_air()

    def codecs(self) -> list[Codec]:
        """What is on air now."""
        return list(dict.fromkeys(t.codec for t in self._on_air if t.codec is not None))

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
        if before is not source:
            self.ladder.begin(several=source.several, pulled=not source.local, now=source.since)
            self._retarget_all()
        source.want_keyframe()
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
        legs = []
        for plan in plans:
            for slot in range(plan.slots) if plan.slots else [None]:
                pair = self._tracks[plan.kind][slot or 0]
                track = self._casting.start(slot) if plan.kind == "video" else pair
                group = self._group(track, plan, Place(ssrc=pair.ssrc, rtx_ssrc=pair.rtx_ssrc))
                leg = Leg(group, plan, dict(plan.rtx), slot, wanted=not slot, rtx_sequence=secrets.randbits(14))
                leg.state = LegState.PAUSED if slot else LegState.WAITING
                legs.append(leg)
        return legs

    def _group(self, track: Track, plan: Plan, place: Place) -> Group:
        return self._groups.get(group_key(track, plan, place)) or Group(track, plan, place)

    def expect(self) -> None:
        """Somebody will watch in a moment."""
        self._casting.expect(self.last_tick)

    def viewer_connected(self, viewer: Viewer) -> None:
        self.viewers.add(viewer)
        self._unreported.add(viewer)
        if viewer.node:
            self._nodes.add(viewer)
        for leg in viewer.legs:
            if leg.state is not LegState.PAUSED:
                # The group may have been let go while this viewer was connecting.
                leg.group = self._groups.setdefault(leg.group.key, leg.group)
                leg.group.legs[viewer] = leg
        self._retarget(viewer)
        self._admit(viewer)
        self._tell(viewer)

    def viewer_gone(self, viewer: Viewer) -> None:
        if viewer in self.viewers:
            viewer.add_to(self._past)
        self.viewers.discard(viewer)
        self._nodes.discard(viewer)
        self._unreported.discard(viewer)
        self._waiting.discard(viewer)
        self._busy.discard(viewer)
        for leg in viewer.legs:
            leg.leave(viewer)
            self._let_go(leg.group)

    def _let_go(self, group: Group) -> None:
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
            moved = leg.aim is not None and self._move(viewer, leg)
            joined = leg.state is LegState.PAUSED or (viewer in leg.group.legs and viewer.join(leg))
            if leg.state is LegState.CATCHING_UP:
                viewer.catch_up(leg, self.sender)
                self._busy.add(viewer)
            if not joined or leg.aim is not None:
                self._waiting.add(viewer)
                self.want_keyframe((leg.aim or leg.group.track).rung)
            elif moved and viewer.node:
                self._unreported.add(viewer)

    def want_keyframe(self, rung: int = 0) -> None:
        if self.source is not None:
            self.source.want_keyframe(rung)

    # The rungs

    def set_pin(self, pin: Pin) -> None:
        """What the venue's own screens are to show."""
        if pin is not self._casting.pin:
            self._casting.pin = pin
            self._retarget_all()

    def shown(self, viewer: Viewer) -> ShownRung:
        return self._casting.shown(viewer)

    def viewer_wants(self, viewer: Viewer) -> None:
        """A node takes another set of rungs from now on."""
        self._retarget(viewer)

    def _retarget_all(self) -> None:
        for viewer in list(self.viewers):
            self._retarget(viewer)
            self._tell(viewer)

    def _retarget(self, viewer: Viewer) -> None:
        for leg, track in self._casting.targets(viewer):
            self._aim(viewer, leg, track)

    def _aim(self, viewer: Viewer, leg: Leg, track: Track | None) -> None:
        if track is None:
            if leg.state is not LegState.PAUSED:
                _log.debug("a viewer of %s takes no picture", self.name)
                leg.become(LegState.PAUSED)
                leg.leave(viewer)
                self._let_go(leg.group)
            leg.aim = None
        elif leg.group.track is track and viewer in leg.group.legs:
            leg.aim = None
        elif leg.aim is not track:
            leg.aim = track
            if leg.state is LegState.PAUSED:
                leg.become(LegState.WAITING)
            self._admit(viewer)

    def _move(self, viewer: Viewer, leg: Leg) -> bool:
        """To the rung that the leg is to have, if that can be begun with now."""
        track = leg.aim
        assert track is not None
        start = track.joinable(JOIN_PACKETS)
        if start is None or leg.group.payload_type(track.codec) is None:
            return False
        place = leg.place_at(track, start)
        if place is None:
            return False
        old = leg.group
        group = self._group(track, leg.plan, place)
        leg.move(viewer, self._groups.setdefault(group.key, group), start)
        self._let_go(old)
        return True

    def wanted(self, now: float) -> set[int]:
        """The rungs that somebody needs."""
        screens, nodes = set[int](), set[int]()
        for group in self._groups.values():
            if group.track.kind == "video":
                (screens if group.has_screens else nodes).add(group.track.rung)
        for viewer in self._waiting:
            (nodes if viewer.node else screens).update(viewer.awaited)
        return self._casting.wanted(screens, nodes, now)

    def told(self, rung: int, rendition: rtcp.Rendition, now: float) -> None:
        if self.ladder.told(rung, rendition, now):
            self._retarget_all()

    def _tell(self, viewer: Viewer) -> None:
        viewer.tell(self._casting.renditions(viewer, shows=self._shows(self.last_tick)))

    # The flow

    def flush(self) -> None:
        """Send what has come in since the last time to all who watch."""
        for tracks in self._tracks.values():
            for track in tracks:
                if track.pending:
                    self._flush(track)

    def _flush(self, track: Track) -> None:
        samples, track.pending = track.pending, []
        for group in list(self._groups.values()):
            if group.track is track:
                self._fan_out(group, samples)
        if track.kind != "video":
            return
        if self.ladder.flowed(track.rung, sum(s.marker for s in samples)):
            self._retarget_all()
        if any(s.keyframe for s in samples):
            if self.ladder.keyframe(track.rung):
                self._retarget_all()
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
        self.last_tick = now
        if self.source is not None:
            self.source.tick(now)
            for rung in {rung for viewer in self._waiting for rung in viewer.awaited}:
                self.want_keyframe(rung)
        for viewer in list(self._busy):
            viewer.work(self.sender)
            if not viewer.is_busy:
                self._busy.discard(viewer)
        self._repeat_tails(now)
        self._report_some(now)
        self._choose_some(self._choices.due(self.viewers, now), now)

    def _repeat_tails(self, now: float) -> None:
        for track in self._tracks["video"]:
            sample = track.tail(now)
            if sample is not None:
                for group in self._groups.values():
                    if group.track is track:
                        group.repeat(sample, self.sender)

    def _report_some(self, now: float) -> None:
        """Sender reports, spread over the ticks: to a node once a second, to a screen every three seconds and soon
        after it has come, since its picture and sound are in time with each other only from then on."""
        for viewer in self._node_reports.due(self._nodes, now):
            viewer.report(now)
        for viewer in self._reports.due(self.viewers, now):
            self._unreported.discard(viewer)
            if not viewer.node:
                viewer.report(now)
        for viewer in [each for each in self._unreported if each.has_begun]:
            self._unreported.discard(viewer)
            viewer.report(now)

    def _choose_some(self, viewers: Iterable[Viewer], now: float) -> None:
        """What each viewer can take by what it reports."""
        for viewer in viewers:
            if self._casting.choose(viewer, now):
                self._retarget(viewer)

    def measure(self, seconds: float) -> None:
        """Take the figures of the interval since the last call. Once a second."""
        source, now = self.source, self.last_tick
        changed = self.ladder.measure(seconds)
        if source is not None:
            changed |= self.ladder.link(*source.missed(), now)
        if changed:
            self._retarget_all()
        for viewer in self._nodes:
            self._tell(viewer)
        if source is not None:
            self._meter.take(seconds, source.octets, *source.loss())
            delays = (capture_delay_s(track) for track in self._on_air)
            self._delay_s = next((delay for delay in delays if delay is not None), None)

    def status(self, now: float) -> StreamStatus:
        picture, sound = self._shows(now), self._flows("audio", now)
        nodes = sum(v.node for v in self.viewers)
        audio, *video = [track.codec for track in self._on_air]
        return StreamStatus(
            live=picture or sound,
            fed=self.source is not None,
            picture=picture,
            sound=sound,
            kbit_s=round(self._meter.kbit_s, 1),
            loss=round(self._meter.loss, 4),
            viewers=len(self.viewers) - nodes,
            nodes=nodes,
            video_codec=next((codec.name for codec in video if codec is not None), None),
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
        if source is None or last is None:
            return False
        if self._stands_still and source.peer is not None:
            return now - max(last, source.peer.last_heard) < _HEARD_S
        return now - last < _LIVE_S

    def _shows(self, now: float) -> bool:
        """Whether there is a picture, on this node or to be had from the parent."""
        return self._flows("video", now) or (not self.ladder.has_one and self.ladder.is_told(now))

    def published_here(self, now: float) -> bool:
        """Whether a publisher of this node is on air and has not fallen silent."""
        source = self.source
        return source is not None and source.local and (self._flows("video", now) or self._flows("audio", now))

    def is_worth_watching(self, now: float) -> bool:
        """Whether somebody who comes now would see or hear something."""
        return self._shows(now) or self._flows("audio", now)

    def close(self, reason: str) -> None:
        for peer in [v.peer for v in self.viewers] + [self.source.peer if self.source else None]:
            if peer is not None:
                peer.close(reason)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _end(viewer: Viewer, reason: str) -> None:
    if viewer.peer is not None:
        viewer.peer.close(reason)


def _new_track(kind: str, rung: int = 0) -> Track:
    ssrc, rtx = secrets.randbits(32), secrets.randbits(32)
    return Track(kind, ssrc, rtx, secrets.randbits(15), secrets.randbits(32), _CAPACITY[kind], rung=rung)
