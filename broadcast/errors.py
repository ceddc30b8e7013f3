"""What a publisher, a viewer or another node is told when its request cannot be met."""

from __future__ import annotations

from venues.errors import TongtangError


class SdpInvalid(TongtangError):
    """The SDP cannot be read: {reason}."""

    code = "sdp_invalid"
    status = 400


class OfferRefused(TongtangError):
    """The offer cannot be answered: {reason}."""

    code = "offer_refused"
    status = 422


class NothingLive(TongtangError):
    """Nothing is on air for this lecture yet."""

    code = "nothing_live"
    status = 409
    retry_after_s = 1


class AlreadyPublished(TongtangError):
    """Somebody else is on air for this lecture. When they stop, or fall silent for two seconds, it is your turn."""

    code = "already_published"
    status = 409
    retry_after_s = 2


class RelayFull(TongtangError):
    """This node already serves as many sessions as it may."""

    code = "relay_full"
    status = 503
    retry_after_s = 5


class SessionUnknown(TongtangError):
    """There is no such media session; it may have ended."""

    code = "session_unknown"
    status = 404


class EtagMissing(TongtangError):
    """The request needs an If-Match header with the session's ETag."""

    code = "etag_missing"
    status = 428


class EtagStale(TongtangError):
    """The If-Match header does not name the session's present ICE credentials."""

    code = "etag_stale"
    status = 412


class FragmentInvalid(TongtangError):
    """The trickle ICE fragment cannot be read: {reason}."""

    code = "fragment_invalid"
    status = 400
