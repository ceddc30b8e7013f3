"""Codecs by their SDP parameters, and where a keyframe starts in their payloads. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Codec:
    """What a decoder must know. `name` in lower case; `clock_rate` in Hz; `profile` tells apart variants of one name
    that cannot replace each other (H.264: packetization mode and profile, VP9 and AV1: profile)."""

    kind: str
    name: str
    clock_rate: int
    channels: int = 1
    profile: str = ""


VIDEO = ("vp8", "h264", "vp9", "av1")
AUDIO = ("opus", "pcmu", "pcma", "g722")
CLOCK_RATE = dict.fromkeys(VIDEO, 90000) | {"opus": 48000, "pcmu": 8000, "pcma": 8000, "g722": 8000}  # Hz, in RTP


def profile_of(name: str, parameters: dict[str, str]) -> str:
    """The `Codec.profile` of an fmtp line (RFC 6184 §8.1, RFC 9628 §6, AV1 RTP §7.2)."""
    if name == "h264":
        level_id = parameters.get("profile-level-id", "42e01f").lower()
        return f"{parameters.get('packetization-mode', '0')}/{level_id[:4]}"
    if name == "vp9":
        return parameters.get("profile-id", "0")
    if name == "av1":
        return parameters.get("profile", "0")
    return ""


def nearest(codec: Codec, offered: dict[Codec, int]) -> int | None:
    """The payload type under which a peer that offered these codecs can be sent `codec`; None if under none.

    Among H.264 variants every decoder at hand decodes at least constrained baseline up to high, so where the exact
    profile was not offered another of the same packetization mode serves.
    """
    exact = offered.get(codec)
    if exact is not None or codec.name != "h264":
        return exact
    mode = codec.profile.split("/")[0]
    modes = {c.profile.split("/")[0]: pt for c, pt in reversed(offered.items()) if c.name == "h264"}
    return modes.get(mode, modes.get("1") if mode == "0" else None)  # RFC 6184 §8.2.2: mode 1 takes what mode 0 sends


def starts_keyframe(name: str, payload: bytes) -> bool:
    """Whether this RTP payload is the first packet of a frame from which decoding can start."""
    if not payload:
        return False
    if name == "vp8":
        return _vp8(payload)
    if name == "h264":
        return _h264(payload)
    if name == "vp9":
        # RFC 9628 §4.2: not inter-picture predicted (P=0), start of a frame (B=1), lowest spatial layer or none.
        first = payload[0]
        return not first & 0x40 and bool(first & 0x08) and _vp9_spatial_layer(payload) == 0
    if name == "av1":
        # AV1 RTP §4.4: N=1 in the aggregation header, first packet of a coded video sequence.
        return bool(payload[0] & 0x08)
    return False


def _vp8(payload: bytes) -> bool:
    """RFC 7741 §4.2: start of partition 0, then the inverse key frame flag of the VP8 payload header (§4.3)."""
    first = payload[0]
    if not first & 0x10 or first & 0x07:
        return False
    position = 1
    if first & 0x80:
        if len(payload) < 2:
            return False
        flags = payload[1]
        position = 2
        if flags & 0x80:
            if len(payload) <= position:
                return False
            position += 2 if payload[position] & 0x80 else 1
        if flags & 0x40:
            position += 1
        if flags & 0x30:
            position += 1
    return len(payload) > position and not payload[position] & 0x01


_IDR, _SPS, _STAP_A, _FU_A = 5, 7, 24, 28


def _h264(payload: bytes) -> bool:
    """RFC 6184 §5: an SPS or an IDR slice, alone, in a STAP-A, or at the start of an FU-A.

    An IDR slice without an SPS before it in the same frame would count twice; the caller takes only the first packet
    of a frame.
    """
    kind = payload[0] & 0x1F
    if kind in (_IDR, _SPS):
        return True
    if kind == _STAP_A:
        position = 1
        while position + 3 <= len(payload):
            if payload[position + 2] & 0x1F in (_IDR, _SPS):
                return True
            position += 2 + int.from_bytes(payload[position : position + 2], "big")
        return False
    if kind == _FU_A:
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 0x1F in (_IDR, _SPS)
    return False


def _vp9_spatial_layer(payload: bytes) -> int:
    first = payload[0]
    if not first & 0x20:
        return 0
    position = 1
    if first & 0x80:
        if len(payload) <= position:
            return 0
        position += 2 if payload[position] & 0x80 else 1
    return payload[position] >> 1 & 0x07 if len(payload) > position else 0
