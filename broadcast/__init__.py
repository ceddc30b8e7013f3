"""The media plane: WHIP in, RTP forwarded without decoding, WHEP out, and the pull from the parent."""

from broadcast.errors import EtagMissing, EtagStale, NothingLive, OfferRefused, RelayFull, SdpInvalid, SessionUnknown
from broadcast.figures import Hop, ShownRung, StreamFigures, StreamStatus, Totals
from broadcast.relay import Answer, Relay, RelayFigures
from broadcast.rungs import Pin
from broadcast.stream import slides_of
from broadcast.uplink import Ask, Reply, Uplinks, UplinkState

__all__ = [
    "Answer",
    "Ask",
    "EtagMissing",
    "EtagStale",
    "Hop",
    "NothingLive",
    "OfferRefused",
    "Pin",
    "Relay",
    "RelayFigures",
    "RelayFull",
    "Reply",
    "SdpInvalid",
    "SessionUnknown",
    "ShownRung",
    "StreamFigures",
    "StreamStatus",
    "Totals",
    "UplinkState",
    "Uplinks",
    "slides_of",
]
