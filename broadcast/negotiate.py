"""What this node answers to an offer, and what it offers to its parent (RFC 9725 §4.4, RFC 9429). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from broadcast import rtp
from broadcast.codecs import Codec, nearest
from broadcast.errors import OfferRefused
from broadcast.sdp import Description, Format, Media, Section

_INGEST_EXTENSIONS = rtp.END_TO_END | {rtp.MID, rtp.ABS_SEND_TIME, rtp.TRANSPORT_CC}
# The dependency descriptor numbers frames by encoding: a viewer who is moved to another would take them for old ones.
_SIMULCAST_EXTENSIONS = _INGEST_EXTENSIONS - {rtp.DEPENDENCY_DESCRIPTOR} | {rtp.RID, rtp.REPAIRED_RID}
_VIEW_EXTENSIONS = rtp.END_TO_END | {rtp.ABS_SEND_TIME}
_INGEST_FEEDBACK = {
    "video": ("nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"),
    "audio": ("nack", "transport-cc"),
}
_VIEW_FEEDBACK = {"video": ("nack", "nack pli", "ccm fir", "ccm pause nowait", "goog-remb"), "audio": ("nack",)}
Sources = dict[str, list[tuple[int, int]]]
MOST_RUNGS = 4
_SLOTS = tuple(str(rung) for rung in range(MOST_RUNGS))


@dataclass(slots=True)
class Plan:
    """What was agreed for one kind. `codecs` by payload type, `rtx`: payload type → that of its retransmissions,
    `extensions`: URI → number.

    Several renditions of one picture (simulcast): a publisher's are told apart by `rids`; towards a node there are
    `slots` of them, the lowest rung in the first; a parent's come under `ssrcs` (SSRC → rung) and are repaired under
    `rtx_ssrcs`."""

    kind: str
    codecs: dict[int, Codec] = field(default_factory=dict)
    rtx: dict[int, int] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    transport_cc: bool = False
    rids: tuple[str, ...] = ()
    slots: int = 0
    ssrcs: dict[int, int] = field(default_factory=dict)
    rtx_ssrcs: dict[int, int] = field(default_factory=dict)

    @property
    def payload_types(self) -> dict[Codec, int]:
        out: dict[Codec, int] = {}
        for payload_type, codec in self.codecs.items():
            out.setdefault(codec, payload_type)
        return out


def setup_for(offer: Description) -> tuple[str, bool]:
    """(our a=setup, whether we are the DTLS client): passive, active only where the offer is passive (RFC 8842 §5)."""
    if offer.setup not in ("", "actpass", "active", "passive"):
        raise OfferRefused(reason=f"a=setup:{offer.setup[:20]} is not known")
    return ("active", True) if offer.setup == "passive" else ("passive", False)


def answer_publish(offer: Description) -> tuple[list[Section], list[Plan]]:
    """Answer a WHIP offer: every codec that can be forwarded, in the publisher's order. Raises OfferRefused."""
    _check(offer, ("sendonly", "sendrecv"), "sendonly or sendrecv")
    sections, plans = [], []
    for index, media in enumerate(offer.media):
        formats = _usable(media, _INGEST_FEEDBACK[media.kind])
        rids = media.rids("send")[:MOST_RUNGS] if media.kind == "video" and rtp.RID in media.extensions else ()
        plan = _plan(media, formats, _SIMULCAST_EXTENSIONS if rids else _INGEST_EXTENSIONS)
        plan.rids = rids
        plan.transport_cc = rtp.TRANSPORT_CC in plan.extensions and any("transport-cc" in f.feedback for f in formats)
        sections.append(_section(media, index, "recvonly", formats, plan))
        plans.append(plan)
    numbers = [pt for plan in plans for pt in (*plan.codecs, *plan.rtx.values())]
    if len(numbers) != len(set(numbers)):
        raise OfferRefused(reason="one payload type stands for two codecs in the bundle")
    return sections, plans


def answer_view(offer: Description, sources: Sources, current: Iterable[Codec]) -> tuple[list[Section], list[Plan]]:
    """Answer a WHEP offer. All codecs in common are kept, those on air now first, so that a publisher who returns
    with another codec needs no new session. `sources`: kind → (ssrc, rtx ssrc) of each rung; a node that offers to
    receive a simulcast gets all of them, everybody else the first, under which it will see every rung. Raises
    OfferRefused."""
    _check(offer, ("recvonly", "sendrecv"), "recvonly or sendrecv")
    on_air = list(current)
    sections, plans = [], []
    for index, media in enumerate(offer.media):
        formats = _usable(media, _VIEW_FEEDBACK[media.kind])
        offered = {f.codec: f.payload_type for f in formats if f.codec is not None}
        for codec in on_air:
            if codec.kind == media.kind and nearest(codec, offered) is None:
                raise OfferRefused(reason=f"what is on air now is {codec.name}, which was not offered")
        first = {f.payload_type for f in formats if f.codec in on_air}
        formats.sort(key=lambda f: (f.apt if f.apt is not None else f.payload_type) not in first)
        plan = _plan(media, formats, _VIEW_EXTENSIONS)
        rids = media.rids("recv")[: len(sources[media.kind])] if media.kind == "video" else ()
        plan.slots = len(rids)
        pairs = sources[media.kind][: max(1, plan.slots)]
        shown = tuple((ssrc, rtx if plan.rtx else None) for ssrc, rtx in pairs)
        sections.append(_section(media, index, "sendonly", formats, plan, shown, rids))
        plans.append(plan)
    return sections, plans


def _check(offer: Description, directions: tuple[str, ...], wanted: str) -> None:
    kinds = [m.kind for m in offer.media]
    if any(k not in ("audio", "video") for k in kinds):
        raise OfferRefused(reason="only audio and video can be carried")
    if len(kinds) != len(set(kinds)):
        raise OfferRefused(reason="at most one audio and one video track can be carried")
    if len({stream for m in offer.media if (stream := m.stream) is not None}) > 1:
        raise OfferRefused(reason="all tracks must belong to one MediaStream")
    for media in offer.media:
        if media.direction not in directions:
            raise OfferRefused(reason=f"the direction must be {wanted}")
        if not media.rtcp_mux:
            raise OfferRefused(reason="a=rtcp-mux is needed")
        if "SAVP" not in media.protocol:
            raise OfferRefused(reason=f"{media.protocol[:40]} is not DTLS-SRTP")
    if len(kinds) > 1 and not {m.mid for m in offer.media} <= set(offer.bundle):
        raise OfferRefused(reason="all media must be in one BUNDLE group")


def _usable(media: Media, feedback: tuple[str, ...]) -> list[Format]:
    known = {f.payload_type for f in media.formats if f.codec is not None}
    if not known:
        raise OfferRefused(reason=f"no {media.kind} codec that can be forwarded")
    out = []
    for f in media.formats:
        if f.codec is not None:
            out.append(Format(f.payload_type, f.codec, f.fmtp, None, tuple(x for x in f.feedback if x in feedback)))
        elif f.apt in known:
            out.append(f)
    return out


def _plan(media: Media, formats: list[Format], extensions: frozenset[str]) -> Plan:
    return Plan(
        kind=media.kind,
        codecs={f.payload_type: f.codec for f in formats if f.codec is not None},
        rtx={f.apt: f.payload_type for f in formats if f.apt is not None},
        extensions={uri: number for uri, number in media.extensions.items() if uri in extensions},
    )


def _section(
    media: Media,
    index: int,
    direction: str,
    formats: list[Format],
    plan: Plan,
    sources: tuple[tuple[int, int | None], ...] = (),
    rids: tuple[str, ...] = (),
) -> Section:
    extensions = tuple((number, uri) for uri, number in plan.extensions.items())
    return Section(
        media.kind,
        media.mid or str(index),
        direction,
        tuple(formats),
        extensions,
        sources,
        rids=rids or plan.rids,
        paused=bool(rids),
    )


def _offered(number: int, codec: Codec, fmtp: str = "") -> list[Format]:
    if codec.kind == "audio":
        return [Format(number, codec, fmtp, None, _VIEW_FEEDBACK["audio"])]
    return [Format(number, codec, fmtp, None, _VIEW_FEEDBACK["video"]), Format(number + 1, None, "", number, ())]


def _h264(number: int, mode: int, level_id: str) -> list[Format]:
    fmtp = f"level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={level_id}"
    return _offered(number, Codec("video", "h264", 90000, 1, f"{mode}/{level_id[:4]}"), fmtp)


# What a node asks its parent for: all that any publisher may send, since nothing is decoded on the way.
_OFFER_AUDIO = [
    *_offered(111, Codec("audio", "opus", 48000, 2), "minptime=10;useinbandfec=1"),
    *_offered(9, Codec("audio", "g722", 8000)),
    *_offered(0, Codec("audio", "pcmu", 8000)),
    *_offered(8, Codec("audio", "pcma", 8000)),
]
_OFFER_VIDEO = [
    *_offered(96, Codec("video", "vp8", 90000)),
    *_h264(98, 1, "42001f"),
    *_h264(100, 0, "42001f"),
    *_h264(102, 1, "42e01f"),
    *_h264(104, 0, "42e01f"),
    *_h264(106, 1, "4d001f"),
    *_h264(108, 0, "4d001f"),
    *_h264(112, 1, "64001f"),
    *_h264(114, 0, "64001f"),
    *_h264(116, 1, "640c1f"),
    *_offered(118, Codec("video", "vp9", 90000, 1, "0"), "profile-id=0"),
    *_offered(120, Codec("video", "vp9", 90000, 1, "2"), "profile-id=2"),
    *_offered(122, Codec("video", "av1", 90000, 1, "0"), "profile=0"),
]
_OFFER_EXTENSIONS = tuple(enumerate(sorted(rtp.END_TO_END), start=1))


def offer_view() -> list[Section]:
    """The sections of a child's WHEP offer: one audio and one video track, receive only. Of the picture as many
    renditions as the parent can send, all but the lowest only when asked for."""
    video = tuple(_OFFER_VIDEO)
    return [
        Section("audio", "0", "recvonly", tuple(_OFFER_AUDIO), _OFFER_EXTENSIONS),
        Section("video", "1", "recvonly", video, _OFFER_EXTENSIONS, rids=_SLOTS, paused=True),
    ]


def plans_from_answer(answer: Description) -> list[Plan]:
    """What the parent's answer to `offer_view` agreed on. Raises OfferRefused when it is of no use."""
    plans = []
    for media in answer.media:
        if media.kind not in ("audio", "video") or media.port == 0 or media.direction not in ("sendonly", "sendrecv"):
            continue
        plan = _plan(media, _usable(media, ()), rtp.END_TO_END)
        slots = media.groups("SIM")
        if media.kind == "video" and slots and media.rids("send"):
            plan.ssrcs = {ssrc: rung for rung, ssrc in enumerate(slots[0][:MOST_RUNGS])}
            plan.rtx_ssrcs = {pair[1]: pair[0] for pair in media.groups("FID") if len(pair) == 2}
        plans.append(plan)
    if not plans:
        raise OfferRefused(reason="the answer sends nothing")
    return plans
