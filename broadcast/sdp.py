"""SDP (RFC 8866) as WHIP and WHEP use it: offers read, answers written, by JSEP's rules (RFC 9429). Pure.

aiortc's own parser asserts its way through and drops rid, simulcast and rtcp-rsize lines, so this reads the few
lines that matter into plain records and refuses the rest with a reason.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from broadcast.codecs import AUDIO, CLOCK_RATE, VIDEO, Codec, profile_of
from broadcast.errors import SdpInvalid

_MOST_BYTES = 64 * 1024
_MEDIA = re.compile(r"^(\w{1,20}) (\d{1,5}) ([A-Z/]{1,40}) (.+)$")
_CODECS = {"audio": AUDIO, "video": VIDEO}
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_RID = re.compile(r"[0-9A-Za-z_-]{1,64}")  # RFC 8851 §10


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of a media section; `apt` names the payload type that a retransmission format repairs."""

    payload_type: int
    codec: Codec | None
    fmtp: str
    apt: int | None
    feedback: tuple[str, ...]


@dataclass(slots=True)
class Media:
    kind: str
    port: int
    protocol: str
    mid: str
    direction: str
    formats: list[Format]
    extensions: dict[str, int]
    rtcp_mux: bool
    ssrcs: list[int]
    candidates: list[str]
    attributes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def stream(self) -> str | None:
        """The MediaStream that the track belongs to (RFC 8830); None where none is named."""
        name = next((v.split(" ")[0] for k, v in self.attributes if k == "msid"), "-")
        return None if name in ("", "-") else name

    def rids(self, direction: str) -> tuple[str, ...]:
        """The simulcast streams that the other side would "send" or "recv" (RFC 8853 §5.1), by RID; of alternatives the
        first, whether it begins paused ("~") or not."""
        words = next((v.split() for k, v in self.attributes if k == "simulcast"), [])
        listed = dict(zip(words[::2], words[1::2], strict=False)).get(direction, "")
        first = [streams.partition(",")[0].removeprefix("~") for streams in listed.split(";")]
        declared = {v.split(" ")[0] for k, v in self.attributes if k == "rid" and f" {direction}" in v}
        return tuple(dict.fromkeys(rid for rid in first if rid in declared and _RID.fullmatch(rid)))

    def groups(self, semantics: str) -> list[list[int]]:
        """The a=ssrc-group lines of this kind (RFC 5576 §4.2)."""
        lines = (v.split() for k, v in self.attributes if k == "ssrc-group")
        return [_numbers(words[1:]) for words in lines if words and words[0] == semantics]

    def codecs(self) -> dict[Codec, int]:
        """Codec → the payload type that it was offered under first."""
        out: dict[Codec, int] = {}
        for f in self.formats:
            if f.codec is not None:
                out.setdefault(f.codec, f.payload_type)
        return out

    def rtx(self) -> dict[int, int]:
        """Payload type → the payload type of its retransmission format (RFC 4588)."""
        return {f.apt: f.payload_type for f in self.formats if f.apt is not None}


@dataclass(slots=True)
class Description:
    media: list[Media]
    bundle: list[str]
    ice_lite: bool
    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    setup: str
    allow_mixed: bool


def parse(text: str) -> Description:
    """Read an offer or an answer. Raises SdpInvalid with what is wrong."""
    if len(text) > _MOST_BYTES:
        raise SdpInvalid(reason=f"it is longer than {_MOST_BYTES} bytes")
    session, sections = _sections(text)
    attributes = _attributes(session)
    media = [_media(lines) for lines in sections]
    if not media:
        raise SdpInvalid(reason="it has no m= line")
    every = [attributes] + [m.attributes for m in media]
    ufrag, password = _first(every, "ice-ufrag"), _first(every, "ice-pwd")
    if not 4 <= len(ufrag) <= 256 or not 22 <= len(password) <= 256:
        raise SdpInvalid(reason="the ICE credentials are missing or too short (RFC 8839 §5.4)")
    fingerprints = tuple(dict.fromkeys(_fingerprint(v) for group in every for k, v in group if k == "fingerprint"))
    if not fingerprints:
        raise SdpInvalid(reason="there is no certificate fingerprint (RFC 8122)")
    bundle = next((v.split()[1:] for k, v in attributes if k == "group" and v.startswith("BUNDLE")), [])
    return Description(
        media,
        bundle,
        any(k == "ice-lite" for k, _ in attributes),
        ufrag,
        password,
        fingerprints,
        _first(every, "setup"),
        any(k == "extmap-allow-mixed" for group in every for k, _ in group),
    )


def _sections(text: str) -> tuple[list[str], list[list[str]]]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != "v=0":
        raise SdpInvalid(reason="it does not begin with v=0")
    session: list[str] = []
    sections: list[list[str]] = []
    for line in lines:
        if len(line) < 2 or line[1] != "=":
            raise SdpInvalid(reason="a line has no type")
        if line.startswith("m="):
            sections.append([line])
        elif sections:
            sections[-1].append(line)
        else:
            session.append(line)
    return session, sections


def _attributes(lines: list[str]) -> list[tuple[str, str]]:
    pairs = (line[2:].partition(":") for line in lines if line.startswith("a="))
    return [(key, value.strip()) for key, _, value in pairs]


def _first(groups: list[list[tuple[str, str]]], key: str) -> str:
    return next((v for group in groups for k, v in group if k == key), "")


def _fingerprint(value: str) -> tuple[str, str]:
    algorithm, _, digest = value.partition(" ")
    return algorithm.lower(), digest.strip().upper()


def _media(lines: list[str]) -> Media:
    match = _MEDIA.match(lines[0][2:])
    if match is None:
        raise SdpInvalid(reason="an m= line cannot be read")
    kind, port, protocol, names = match.groups()
    attributes = _attributes(lines)
    return Media(
        kind=kind,
        port=int(port),
        protocol=protocol,
        mid=_first([attributes], "mid"),
        direction=next((k for k, _ in attributes if k in _DIRECTIONS), "sendrecv"),
        formats=_formats(kind, names.split(), attributes) if kind in ("audio", "video") else [],
        extensions=_extensions(attributes),
        rtcp_mux=any(k == "rtcp-mux" for k, _ in attributes),
        ssrcs=_ssrcs(attributes),
        candidates=[v for k, v in attributes if k == "candidate"],
        attributes=attributes,
    )


def _formats(kind: str, names: list[str], attributes: list[tuple[str, str]]) -> list[Format]:
    maps = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}  # RFC 3551 §6: these need no rtpmap
    fmtps: dict[int, str] = {}
    feedback: dict[str, list[str]] = {}
    for key, value in attributes:
        number, _, rest = value.partition(" ")
        if key == "rtpmap" and _is_small(number):
            maps[int(number)] = rest
        elif key == "fmtp" and _is_small(number):
            fmtps[int(number)] = rest
        elif key == "rtcp-fb":
            feedback.setdefault(number, []).append(rest)
    out = []
    for name in names:
        if not _is_small(name) or int(name) > 127:
            raise SdpInvalid(reason=f"{name[:20]} is not a payload type")
        payload_type = int(name)
        fmtp = fmtps.get(payload_type, "")
        pairs = (item.strip().partition("=") for item in fmtp.split(";"))
        parameters = {k.lower(): v for k, _, v in pairs}
        codec_name, _, rest = maps.get(payload_type, "").partition("/")
        rate, _, channels = rest.partition("/")
        codec, apt = None, None
        if codec_name.lower() == "rtx" and _is_small(parameters.get("apt", "")):
            apt = int(parameters["apt"])
        elif rate == str(CLOCK_RATE.get(codec_name.lower())) and codec_name.lower() in _CODECS[kind]:
            lower = codec_name.lower()
            count = int(channels) if _is_small(channels) and kind == "audio" else 1
            codec = Codec(kind, lower, int(rate), count, profile_of(lower, parameters))
        fb = (*feedback.get(name, ()), *feedback.get("*", ()))
        out.append(Format(payload_type, codec, fmtp, apt, fb))
    return out


def _extensions(attributes: list[tuple[str, str]]) -> dict[str, int]:
    out: dict[str, int] = {}
    for key, value in attributes:
        number, _, uri = value.partition(" ")
        number = number.partition("/")[0]
        if key == "extmap" and _is_small(number) and 1 <= int(number) <= 255 and int(number) != 15:
            out.setdefault(uri.split(" ")[0], int(number))
    return out


def _ssrcs(attributes: list[tuple[str, str]]) -> list[int]:
    return list(dict.fromkeys(_numbers(value.split(" ")[0] for key, value in attributes if key == "ssrc")))


def _numbers(words: Iterable[str]) -> list[int]:
    """Those that are SSRCs."""
    return [int(n) for n in words if n.isascii() and n.isdecimal() and len(n) <= 10 and int(n) < 1 << 32]


def _is_small(number: str) -> bool:
    """Plain digits, and few: converting a number of thousands of digits is refused by Python with a ValueError."""
    return number.isascii() and number.isdecimal() and len(number) <= 5


@dataclass(frozen=True, slots=True)
class Local:
    """What this node puts into a description of its own."""

    ufrag: str
    password: str
    fingerprint: tuple[str, str]
    setup: str
    candidates: tuple[tuple[str, int], ...]
    session_id: int
    lite: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """One media section that this node writes; `sources` are the (ssrc, rtx ssrc) that it will send. `rids` names the
    streams of a simulcast (RFC 8853): where it is `paused`, the first flows from the beginning and the others when they
    are asked for (RFC 7728)."""

    kind: str
    mid: str
    direction: str
    formats: tuple[Format, ...]
    extensions: tuple[tuple[int, str], ...]
    sources: tuple[tuple[int, int | None], ...] = ()
    stream: str = "tongtang"
    rids: tuple[str, ...] = ()
    paused: bool = False


def write(local: Local, sections: list[Section], *, allow_mixed: bool = True) -> str:
    """The description's text: max-bundle, rtcp-mux-only (RFC 8858), all candidates in the first section."""
    mids = " ".join(s.mid for s in sections)
    lines = [
        "v=0",
        f"o=- {local.session_id} 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        *(("a=ice-lite",) if local.lite else ()),
        f"a=group:BUNDLE {mids}",
        *(("a=extmap-allow-mixed",) if allow_mixed else ()),
        f"a=msid-semantic: WMS {sections[0].stream if sections else '*'}",
    ]
    for index, section in enumerate(sections):
        lines += _section(local, section, first=index == 0)
    return "\r\n".join(lines) + "\r\n"


def _section(local: Local, section: Section, *, first: bool) -> list[str]:
    numbers = " ".join(str(f.payload_type) for f in section.formats)
    lines = [
        f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {numbers}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{section.mid}",
        f"a={section.direction}",
        "a=rtcp-mux",
        "a=rtcp-mux-only",
        "a=rtcp-rsize",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        "a=ice-options:trickle ice2" if not local.lite else "a=ice-options:ice2",
        f"a=fingerprint:{local.fingerprint[0]} {local.fingerprint[1]}",
        f"a=setup:{local.setup}",
    ]
    lines += [f"a=extmap:{number} {uri}" for number, uri in section.extensions]
    for f in section.formats:
        lines += _format(f)
    lines += _simulcast(section)
    if section.sources:
        lines.append(f"a=msid:{section.stream} {section.kind}{section.mid}")
    if len(section.sources) > 1:
        lines.append("a=ssrc-group:SIM " + " ".join(str(ssrc) for ssrc, _ in section.sources))
    for ssrc, rtx in section.sources:
        if rtx is not None:
            lines.append(f"a=ssrc-group:FID {ssrc} {rtx}")
        lines += [f"a=ssrc:{s} cname:{section.stream}" for s in (ssrc, rtx) if s is not None]
    if first:
        lines += candidate_lines(local.candidates)
        lines.append("a=end-of-candidates")
    return lines


def _simulcast(section: Section) -> list[str]:
    """RFC 8851 §4 and RFC 8853 §5.1."""
    if not section.rids:
        return []
    way = "send" if section.direction == "sendonly" else "recv"
    listed = [f"~{rid}" if section.paused and number else rid for number, rid in enumerate(section.rids)]
    return [f"a=rid:{rid} {way}" for rid in section.rids] + [f"a=simulcast:{way} " + ";".join(listed)]


def _format(f: Format) -> list[str]:
    if f.apt is not None:
        return [f"a=rtpmap:{f.payload_type} rtx/90000", f"a=fmtp:{f.payload_type} apt={f.apt}"]
    assert f.codec is not None
    channels = f"/{f.codec.channels}" if f.codec.channels > 1 else ""
    name = "opus" if f.codec.name == "opus" else f.codec.name.upper()
    lines = [f"a=rtpmap:{f.payload_type} {name}/{f.codec.clock_rate}{channels}"]
    lines += [f"a=rtcp-fb:{f.payload_type} {fb}" for fb in f.feedback]
    if f.fmtp:
        lines.append(f"a=fmtp:{f.payload_type} {f.fmtp}")
    return lines


def candidate_lines(addresses: tuple[tuple[str, int], ...]) -> list[str]:
    """Host candidates (RFC 8839 §5.1), the first preferred (RFC 8445 §5.1.2.1)."""
    lines = []
    for index, (address, port) in enumerate(addresses):
        priority = 126 << 24 | (65535 - index) << 8 | 255
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {address} {port} typ host")
    return lines


def candidate_address(line: str) -> tuple[str, int] | None:
    """The (address, port) of a UDP candidate line without its "candidate:"; None for one that cannot be used."""
    parts = line.split()
    if len(parts) < 8 or parts[2].lower() != "udp" or not _is_small(parts[5]) or not 0 < int(parts[5]) < 65536:
        return None
    try:
        address = ipaddress.IPv4Address(parts[4])
    except ValueError:
        return None  # a host name, which would have to be looked up, or IPv6, for which there is no socket here
    return str(address), int(parts[5])
