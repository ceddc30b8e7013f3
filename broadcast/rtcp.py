"""RTCP: reports (RFC 3550 §6), feedback (RFC 4585, 5104, 7728), REMB, transport-wide feedback. Parse and build. Pure.

`parse` never raises: a compound packet is read as far as it makes sense, the rest is dropped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

SR, RR, SDES, BYE, APP, RTPFB, PSFB = 200, 201, 202, 203, 204, 205, 206
_NACK, _PAUSE, _TRANSPORT_CC = 1, 9, 15
_RUNG = b"RUNG"
_PLI, _FIR, _AFB = 1, 4, 15
_MOST_NACKED = 256  # of one message: who misses more needs a keyframe
_HEAD = struct.Struct("!BBH")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """RFC 3550 §6.4.1: `fraction` in 1/256, `lost` packets, `jitter` in timestamp units, `lsr`, `dlsr` in 1/65536 s."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    lsr: int
    dlsr: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`ntp` is 64-bit NTP time (32.32 s since 1900)."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class Nack:
    """Sequence numbers (16 bit) that the peer misses of `ssrc`."""

    ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """A PLI (RFC 4585 §6.3.1) or a FIR (RFC 5104 §4.3.1)."""

    ssrc: int


@dataclass(frozen=True, slots=True)
class Remb:
    """draft-alvestrand-rmcat-remb-03: what the peer thinks it can receive, bit/s."""

    bitrate: int


@dataclass(frozen=True, slots=True)
class Bye:
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PauseRequest:
    """RFC 7728: the peer wants no more of `ssrc` (`paused`), or wants it again. `number` (PauseID) tells a late request
    from the newest."""

    ssrc: int
    paused: bool
    number: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """What a node says of a rung that it can send under `ssrc` (an APP packet, RFC 3550 §6.7): bit/s, and the picture's
    size in pixels, 0 where it is not known; `bitrate` is None for a rung that is not there."""

    ssrc: int
    bitrate: int | None
    width: int = 0
    height: int = 0


Message = SenderReport | ReceiverReport | Nack | KeyframeRequest | Remb | Bye | PauseRequest | Rendition


def parse(data: bytes) -> list[Message]:
    """The messages of a (compound or reduced-size) RTCP packet that this node acts on."""
    out: list[Message] = []
    position, end = 0, len(data)
    while position + 4 <= end:
        first, kind, words = _HEAD.unpack_from(data, position)
        stop = position + 4 + 4 * words
        if first >> 6 != 2 or stop > end:
            break
        body = data[position + 4 : stop]
        if first & 0x20 and body:
            padding = body[-1]
            if not 0 < padding <= len(body):
                break
            body = body[:-padding]
        out.extend(_one(kind, first & 0x1F, body))
        position = stop
    return out


def _one(kind: int, count: int, body: bytes) -> Iterable[Message]:
    if kind == SR and len(body) >= 24:
        ssrc, ntp, timestamp, packets, octets = struct.unpack_from("!IQIII", body)
        yield SenderReport(ssrc, ntp, timestamp, packets, octets, _reports(body[24:], count))
    elif kind == RR and len(body) >= 4:
        yield ReceiverReport(int.from_bytes(body[:4], "big"), _reports(body[4:], count))
    elif kind == BYE and len(body) >= 4 * count:
        yield Bye(struct.unpack_from(f"!{count}I", body))
    elif kind == RTPFB and count == _NACK and len(body) >= 12:
        yield Nack(int.from_bytes(body[4:8], "big"), tuple(islice(_nacked(body[8:]), _MOST_NACKED)))
    elif kind == RTPFB and count == _PAUSE and len(body) >= 16:
        for at in range(8, len(body) - 7, 8):
            ssrc, operation, _, number = struct.unpack_from("!IBBH", body, at)
            if operation >> 4 in (0, 1):  # PAUSE, RESUME
                yield PauseRequest(ssrc, operation >> 4 == 0, number)
    elif kind == APP and len(body) >= 16 and body[4:8] == _RUNG:
        bitrate, width, height = struct.unpack_from("!IHH", body, 8)
        yield Rendition(int.from_bytes(body[:4], "big"), bitrate if count else None, width, height)
    elif kind == PSFB and count == _PLI and len(body) >= 8:
        yield KeyframeRequest(int.from_bytes(body[4:8], "big"))
    elif kind == PSFB and count == _FIR and len(body) >= 16:
        for at in range(8, len(body) - 7, 8):
            yield KeyframeRequest(int.from_bytes(body[at : at + 4], "big"))
    elif (
        kind == PSFB and count == _AFB and len(body) >= 16 and body[8:12] == b"REMB" and len(body) >= 16 + 4 * body[12]
    ):
        exponent, mantissa = body[13] >> 2, (body[13] & 0x03) << 16 | body[14] << 8 | body[15]
        yield Remb(min(mantissa << exponent, 1 << 40))


def _reports(body: bytes, count: int) -> tuple[ReportBlock, ...]:
    out = []
    for at in range(0, min(24 * count, len(body) - 23), 24):
        ssrc, loss, highest, jitter, lsr, dlsr = struct.unpack_from("!IIIIII", body, at)
        lost = loss & 0xFFFFFF
        out.append(ReportBlock(ssrc, loss >> 24, lost - (1 << 24) if lost >> 23 else lost, highest, jitter, lsr, dlsr))
    return tuple(out)


def _nacked(fci: bytes) -> Iterable[int]:
    for at in range(0, len(fci) - 3, 4):
        first, mask = struct.unpack_from("!HH", fci, at)
        yield first
        for bit in range(16):
            if mask >> bit & 1:
                yield first + bit + 1 & 0xFFFF


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def _blocks(reports: Iterable[ReportBlock]) -> bytes:
    return b"".join(
        struct.pack("!IIIIII", r.ssrc, r.fraction << 24 | r.lost & 0xFFFFFF, r.highest, r.jitter, r.lsr, r.dlsr)
        for r in reports
    )


def sender_report(report: SenderReport) -> bytes:
    head = struct.pack(
        "!IQIII", report.ssrc, report.ntp, report.timestamp, report.packets & 0xFFFFFFFF, report.octets & 0xFFFFFFFF
    )
    return _packet(SR, len(report.reports), head + _blocks(report.reports))


def receiver_report(ssrc: int, reports: Iterable[ReportBlock]) -> bytes:
    blocks = tuple(reports)[:31]
    return _packet(RR, len(blocks), ssrc.to_bytes(4, "big") + _blocks(blocks))


def source_description(ssrc: int, cname: str) -> bytes:
    """RFC 3550 §6.5.1: the CNAME ties sound and picture of one source together."""
    name = cname.encode()[:255]
    chunk = ssrc.to_bytes(4, "big") + bytes((1, len(name))) + name
    return _packet(SDES, 1, chunk + bytes(4 - len(chunk) % 4))


def pli(sender: int, media: int) -> bytes:
    return _packet(PSFB, _PLI, struct.pack("!II", sender, media))


def nack(sender: int, media: int, sequences: Iterable[int]) -> bytes:
    """RFC 4585 §6.2.1; `sequences` ascending (modulo 2**16), at most a few hundred."""
    pairs: list[tuple[int, int]] = []
    for sequence in sequences:
        if pairs:
            gap = sequence - pairs[-1][0] & 0xFFFF
            if 1 <= gap <= 16:
                pairs[-1] = (pairs[-1][0], pairs[-1][1] | 1 << gap - 1)
                continue
        pairs.append((sequence & 0xFFFF, 0))
    fci = b"".join(struct.pack("!HH", *pair) for pair in pairs)
    return _packet(RTPFB, _NACK, struct.pack("!II", sender, media) + fci)


def pause(sender: int, media: int, number: int, *, paused: bool) -> bytes:
    """PAUSE or RESUME (RFC 7728 §8.1)."""
    operation = 0 if paused else 1
    return _packet(RTPFB, _PAUSE, struct.pack("!IIIBBH", sender, 0, media, operation << 4, 0, number & 0xFFFF))


def rendition(told: Rendition) -> bytes:
    bitrate = min(told.bitrate or 0, 0xFFFFFFFF)
    body = struct.pack("!I4sIHH", told.ssrc, _RUNG, bitrate, told.width & 0xFFFF, told.height & 0xFFFF)
    return _packet(APP, told.bitrate is not None, body)


def remb(sender: int, bitrate: int, ssrcs: Iterable[int]) -> bytes:
    chosen = tuple(ssrcs)[:255]
    exponent = max(0, bitrate.bit_length() - 18)
    head = struct.pack("!II4sI", sender, 0, b"REMB", len(chosen) << 24 | exponent << 18 | bitrate >> exponent)
    return _packet(PSFB, _AFB, head + b"".join(s.to_bytes(4, "big") for s in chosen))


def transport_cc(
    sender: int, media: int, base: int, reference_64ms: int, count: int, deltas: list[int | None]
) -> bytes:
    """draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.

    `deltas`: per sequence number from `base`, the time since the one before in 250 µs units (the first: since the
    reference time), None for a packet that did not arrive. `count` numbers the feedback packets modulo 256.
    """
    symbols = [0 if d is None else 1 if 0 <= d <= 0xFF else 2 for d in deltas]
    chunks = []
    for at in range(0, len(symbols), 7):  # two-bit status vectors of 7 symbols
        group = symbols[at : at + 7]
        group += [0] * (7 - len(group))
        value = 0xC000
        for index, symbol in enumerate(group):
            value |= symbol << 2 * (6 - index)
        chunks.append(value.to_bytes(2, "big"))
    times = b"".join(
        d.to_bytes(1, "big") if 0 <= d <= 0xFF else max(-32768, min(32767, d)).to_bytes(2, "big", signed=True)
        for d in deltas
        if d is not None
    )
    head = struct.pack(
        "!IIHHI", sender, media, base & 0xFFFF, len(deltas), (reference_64ms & 0xFFFFFF) << 8 | count & 0xFF
    )
    body = head + b"".join(chunks) + times
    padding = -len(body) % 4
    if not padding:
        return _packet(RTPFB, _TRANSPORT_CC, body)
    body += bytes(padding - 1) + bytes((padding,))
    return _HEAD.pack(0x80 | 0x20 | _TRANSPORT_CC, RTPFB, len(body) // 4) + body
