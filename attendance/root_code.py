"""A code on the venue's screen for phones that reach a node above and not the venue's own: signed by the venue's
node, so that the node above believes it without asking there. Pure. docs/sync.md has the bytes, with a vector.

    version (1) · lecture (UUID) · venue (32 bits) · shown from, Unix seconds (32 bits) · period, seconds (1 byte) ·
    node (UUID) · Ed25519 signature of all this (64 bytes)          142 letters of unpadded base64url
"""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from dataclasses import dataclass

from venues.identity import NodeKey, decode, encode, verify

_BODY = struct.Struct(">B16sIIB16s")
_SIGNATURE = 64
_VERSION = 1
_MEANING = b"tongtang screen code 1\n"  # what the node's key signs here serves nothing else
PERIOD_MOST_S = 60  # a node whose codes stand longer makes them this old and no older

# A phone on a weak signal takes so long from the scan to the request for the page.
NETWORK_S = 20
# How far the node's clock may have gone since it was compared: seconds a day without a link, and a margin.
CLOCK_S = 15
# A node whose clock nobody ever compared, or whose comparison was worth little, gets no more than this on top.
DOUBT_MOST_S = 60


@dataclass(frozen=True, kw_only=True)
class SignedCode:
    """`at`: when the node began to show it, by the node's clock, whole seconds. `node` is its id."""

    lecture: str
    venue: int
    at: dt.datetime
    period_s: int
    node: str

    @property
    def body(self) -> bytes:
        """Raises ValueError for what does not fit."""
        lecture, node = uuid.UUID(self.lecture).bytes, uuid.UUID(self.node).bytes
        try:
            return _BODY.pack(_VERSION, lecture, self.venue, int(self.at.timestamp()), self.period_s, node)
        except struct.error as error:
            raise ValueError("does not fit") from error

    def signed(self, key: NodeKey) -> str:
        return encode(self.body + decode(key.sign(_MEANING + self.body)))


@dataclass(frozen=True, kw_only=True)
class ClockDoubt:
    """How a node's clock stands to the clock of whoever asks: that one minus the node's, and how wrong this may be."""

    offset_ms: float = 0.0
    doubt_ms: float = DOUBT_MOST_S * 1000.0

    def __add__(self, other: ClockDoubt) -> ClockDoubt:
        """Of two hops."""
        return ClockDoubt(offset_ms=self.offset_ms + other.offset_ms, doubt_ms=self.doubt_ms + other.doubt_ms)


def make(key: NodeKey, *, node: str, lecture: str, venue: int, now: dt.datetime, period_s: int) -> str:
    """The code that stands at a time; the same through the whole period."""
    period_s = min(period_s, PERIOD_MOST_S)
    began = int(now.timestamp()) // period_s * period_s
    at = dt.datetime.fromtimestamp(began, dt.UTC)
    return SignedCode(lecture=lecture, venue=venue, at=at, period_s=period_s, node=node).signed(key)


def read(text: str) -> SignedCode | None:
    """What the text claims, whoever wrote it; None where it is no code."""
    try:
        raw = decode(text)
        version, lecture, venue, at, period_s, node = _BODY.unpack(raw[:-_SIGNATURE])
    except (ValueError, struct.error):
        return None
    if version != _VERSION or not 0 < period_s <= PERIOD_MOST_S:
        return None
    return SignedCode(
        lecture=str(uuid.UUID(bytes=lecture)),
        venue=venue,
        at=dt.datetime.fromtimestamp(at, dt.UTC),
        period_s=period_s,
        node=str(uuid.UUID(bytes=node)),
    )


def is_genuine(text: str, public_key: str) -> bool:
    """Whether the holder of that key signed the code."""
    try:
        raw = decode(text)
    except ValueError:
        return False
    return verify(public_key, _MEANING + raw[:-_SIGNATURE], encode(raw[-_SIGNATURE:]))


def is_current(code: SignedCode, now: dt.datetime, clock: ClockDoubt) -> bool:
    """Whether it stands on the screen, or is the one before, by what is known of the node's clock."""
    age = (now - code.at).total_seconds() - clock.offset_ms / 1000
    doubt = CLOCK_S + min(clock.doubt_ms / 1000, DOUBT_MOST_S)
    return -doubt <= age <= 2 * code.period_s + NETWORK_S + doubt


def url(phone_url: str, code: str) -> str:
    """What the QR code says."""
    return f"{phone_url.rstrip('/')}/r/{code}"
