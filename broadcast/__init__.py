"""The media plane: WHIP in, RTP forwarded without decoding, WHEP out, and the pull from the parent."""

from broadcast.errors import EtagMissing, EtagStale, NothingLive, OfferRefused, RelayFull, SdpInvalid, SessionUnknown
from broadcast.figures import Hop, Totals
from broadcast.relay import Answer, Relay, RelayFigures
from broadcast.stream import StreamFigures, StreamStatus
from broadcast.uplink import Ask, Reply, Uplinks, UplinkState

__all__ = [
    "Answer",
    "Ask",
    "EtagMissing",
    "EtagStale",
    "Hop",
    "NothingLive",
    "OfferRefused",
    "Relay",
    "RelayFigures",
    "RelayFull",
    "Reply",
    "SdpInvalid",
    "SessionUnknown",
    "StreamFigures",
    "StreamStatus",
    "Totals",
    "UplinkState",
    "Uplinks",
]
