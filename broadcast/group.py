"""A track on its way to those who watch it: alike for all of a group, apart for each leg."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from broadcast import rtp
from broadcast.codecs import Codec, nearest
from broadcast.negotiate import Plan
from broadcast.rtp import HEADER, difference
from broadcast.send import Sender, Way, Ways, runs
from broadcast.track import Sample, Track
from broadcast.vp8 import NO_IDS, Ids, following, ids_of, moved

if TYPE_CHECKING:
    from broadcast.viewer import Viewer

_PARTED = 1 << 14  # packets; libsrtp guesses right up to 2**15
_OVERLAP = 9000  # of 90,000 a second: what two rungs of one moment may be apart
_U16 = struct.Struct("!H")


class LegState(enum.Enum):
    WAITING = "waiting for a keyframe"
    CATCHING_UP = "catching up from the last keyframe"
    LIVE = "live"
    PAUSED = "takes no picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a track goes out: under which SSRCs, and for viewers who were moved to it, what is added to its sequence
    numbers, timestamps and frame numbers (VP8) so that theirs go on. Nothing before index `floor` is sent: its numbers
    belong to the rung before."""

    ssrc: int
    rtx_ssrc: int
    sequence: int = 0
    clock: int = 0
    floor: int = 0
    ids: Ids = NO_IDS


GroupKey = tuple[str, frozenset[tuple[Codec, int]], frozenset[tuple[str, int]], int, Place]


def group_key(track: Track, plan: Plan, place: Place) -> GroupKey:
    """What viewers must have in common to get the very same packets."""
    agreed = frozenset(plan.payload_types.items()), frozenset(plan.extensions.items())
    return plan.kind, *agreed, track.rung, place


class Group:
    """All legs of one track that agreed on the same payload types and extension numbers, and were moved to it, if at
    all, at the same moment: packets are rewritten once for all of them."""

    def __init__(self, track: Track, plan: Plan, place: Place) -> None:
        self.key = group_key(track, plan, place)
        self.track = track
        self.place = place
        self.legs: dict[Viewer, Leg] = {}
        self.packets = 0
        self.octets = 0
        self.last: int | None = None  # index of the last packet that went to the live legs
        self._live: list[tuple[list[Leg], Ways]] | None = None
        self._offered = plan.payload_types
        self._payload_type: dict[Codec, int | None] = {}
        self._numbers = {uri: number for uri, number in plan.extensions.items() if uri in rtp.END_TO_END}
        self._send_time = plan.extensions.get(rtp.ABS_SEND_TIME)

    @property
    def has_screens(self) -> bool:
        return any(not viewer.node for viewer in self.legs)

    def changed(self) -> None:
        """A leg has become live, has stopped being so, or has another way."""
        self._live = None

    def live(self) -> list[tuple[list[Leg], Ways]]:
        """The legs that take every packet and their ways, apart by the octets that protection adds; nodes before
        screens, since a subtree waits for each of them."""
        if self._live is None:
            found: dict[tuple[bool, int], tuple[list[Leg], list[Way]]] = {}
            for viewer, leg in self.legs.items():
                if leg.state is LegState.LIVE and (to := viewer.way) is not None:
                    legs, ways = found.setdefault((not viewer.node, to.tag), ([], []))
                    legs.append(leg)
                    ways.append(to)
            self._live = [(found[key][0], Ways(found[key][1])) for key in sorted(found)]
        return self._live

    def fan_out(self, samples: list[Sample], sender: Sender) -> list[Leg]:
        """Send these packets to all live legs; the legs for which the kernel would take no more."""
        # What was repaired from before a wrap of the sequence numbers goes only to those who ask for it: a receiver
        # whose first packets these were would guess another rollover counter than ours (RFC 3711 §3.3.1).
        shift, floor = self.place.sequence, self.place.floor
        cycle = self.track.head + shift >> 16
        plain = [
            p
            for s in samples
            if s.index >= floor and s.index + shift >> 16 == cycle and (p := self.plain(s)) is not None
        ]
        refused: dict[Leg, None] = {}
        for run in runs(plain):
            for legs, ways in self.live():
                for index in sender.fan_out(ways, run):
                    refused[legs[index]] = None
        if plain:
            self.packets += len(plain)
            self.octets += sum(len(s.payload) for s in samples)
            self.last = self.track.head
        return list(refused)

    def repeat(self, sample: Sample, sender: Sender) -> None:
        """Send a packet again to all live legs, the very same bytes; who has it drops it (RFC 3711 §3.3.2)."""
        plain = self.plain(sample) if sample.index >= self.place.floor else None
        if plain is not None and not self.parted:
            for _, ways in self.live():
                sender.fan_out(ways, [plain])

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
            sample.index + self.place.sequence,
            sample.timestamp + self.place.clock,
            self.place.ssrc,
            self._extension(sample),
            self.payload(sample),
        )

    def payload(self, sample: Sample) -> bytes:
        ids = self.place.ids
        return moved(sample.payload, ids) if ids and sample.codec.name == "vp8" else sample.payload

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
        timestamp = sample.timestamp + self.place.clock & 0xFFFFFFFF
        head = HEADER.pack(0x90 if extension else 0x80, second, sequence & 0xFFFF, timestamp, self.place.rtx_ssrc)
        return head + extension + _U16.pack(sample.index + self.place.sequence & 0xFFFF) + self.payload(sample)


@dataclass(slots=True, eq=False)
class Leg:
    """One track on its way to one viewer. `last` is the index of the last packet that was sent while not live.

    `aim`: the rung that it is to be moved to at that one's next keyframe, or at which it begins again after a pause.
    `slot`: of a node, which may take several rungs side by side, the rung counted from the lowest; `wanted` while it
    does. `before` and `first`: where it came from, and its first packet since, for those who ask again for the last.
    """

    group: Group
    plan: Plan
    rtx: dict[int, int]
    slot: int | None = None
    wanted: bool = True
    pause_number: int | None = None
    aim: Track | None = None
    before: Group | None = None
    first: int = 0
    ids: Ids = NO_IDS  # of the last frame before a pause
    reported: tuple[int, int] | None = None
    state: LegState = LegState.WAITING
    cursor: int = 0
    rtx_sequence: int = 0
    resent: int = 0
    resend: dict[int, None] = field(default_factory=dict)
    fraction_lost: float = 0.0
    last: int | None = None
    rtx_packets: int = 0
    rtx_octets: int = 0
    _packets: int = 0
    _octets: int = 0

    def become(self, state: LegState) -> None:
        """Change the state. While live, a leg's packets are counted by its group."""
        self.ids = self.shown
        if self.state is LegState.LIVE:
            self.last = self.group.last
        elif state is LegState.LIVE and self.group.last is None:
            self.group.last = self.group.track.head if self.last is None else self.last
        sign = (state is LegState.LIVE) - (self.state is LegState.LIVE)
        self._packets -= sign * self.group.packets
        self._octets -= sign * self.group.octets
        self.state = state
        self.group.changed()

    @property
    def is_picture(self) -> bool:
        return self.group.track.kind == "video"

    @property
    def newest(self) -> int | None:
        """The index of the last packet that was sent; None before the first."""
        return self.group.last if self.state is LegState.LIVE else self.last

    def place_at(self, track: Track, start: int) -> Place | None:
        """How `track` goes on from packet `start`, a keyframe's, where this leg has stopped; None if that is older than
        what has been sent already: time must not run back."""
        last, old = self.newest, self.group
        if last is None:
            return replace(old.place, sequence=0, clock=0, floor=0, ids=NO_IDS)
        if track is old.track and start <= last:
            return old.place
        sent, coming = old.track.at(last), track.at(start)
        clock = old.place.clock + (0 if track is old.track else track.offset_to(old.track))
        if sent is not None and coming is not None:
            ahead = difference(coming.timestamp + clock, sent.timestamp + old.place.clock, 32)
            if ahead < -_OVERLAP:
                return None
            clock += max(0, 1 - ahead)  # of one moment, but another frame
        sequence = last + 1 - start + old.place.sequence
        ids = NO_IDS if coming is None or coming.codec.name != "vp8" else following(self.shown, ids_of(coming.payload))
        return replace(old.place, sequence=sequence, clock=clock & 0xFFFFFFFF, floor=start, ids=ids)

    @property
    def shown(self) -> Ids:
        """The numbers of the last frame that was sent, as they were sent."""
        last = self.newest
        sample = None if last is None else self.group.track.at(last)
        if sample is None or sample.codec.name != "vp8":
            return self.ids
        return ids_of(self.group.payload(sample))

    def move(self, viewer: Viewer, group: Group, start: int) -> None:
        """Go on in this group from its packet `start`."""
        last, old = self.newest, self.group
        self.become(LegState.WAITING)
        self.leave(viewer)
        again = group is old and last is not None
        if not again:
            self.before, self.first = (None if last is None else old), start + group.place.sequence
            self.last = None if last is None else start - 1
        self.group, self.aim = group, None
        group.legs[viewer] = self
        self.cursor = last + 1 if again and last is not None else start
        self.become(LegState.CATCHING_UP)

    def leave(self, viewer: Viewer) -> None:
        if self.group.legs.pop(viewer, None) is not None:
            self.group.changed()

    def find(self, sequence: int) -> tuple[Group, Sample] | None:
        """The packet that was sent with this 16-bit sequence number, and in which group."""
        group = self.group
        head = group.track.head + group.place.sequence
        if self.before is not None and head + difference(sequence, head & 0xFFFF) < self.first:
            group = self.before
        sample = group.track.find(sequence - group.place.sequence & 0xFFFF)
        return None if sample is None or sample.index < group.place.floor else (group, sample)

    def count(self, packets: int, octets: int) -> None:
        """Packets that were sent to this leg alone."""
        self._packets += packets
        self._octets += octets

    def count_apart(self, packets: int, octets: int) -> None:
        """Packets of RTX, which has an SSRC of its own: the media's sender report does not count them (RFC 4588 §7)."""
        self.rtx_packets += packets
        self.rtx_octets += octets

    @property
    def parted(self) -> bool:
        """As `Group.parted`, for a leg that was not live for long."""
        return (
            self.state in (LegState.WAITING, LegState.CATCHING_UP)
            and self.aim is None  # else its numbers will go on without a gap
            and self.last is not None
            and self.group.track.head - self.last >= _PARTED
        )

    @property
    def sent(self) -> tuple[int, int]:
        """(packets, octets) so far, as a sender report says them."""
        live = self.state is LegState.LIVE
        return self._packets + live * self.group.packets, self._octets + live * self.group.octets
