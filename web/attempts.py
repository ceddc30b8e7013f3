"""How often one may try: a moving window by name and by address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from web.errors import TooManyAttempts
from web.policy import CallerKind


@dataclass(frozen=True, kw_only=True)
class AttemptLimits:
    """In the notation of the `limits` library. A whole venue may sit behind one address."""

    sign_in_by_name: str = "10/minute"
    sign_in_by_address: str = "60/minute"
    check_in_by_address: str = "300/minute"
    # By a node above, for phones on their own signal: thousands share one address of a mobile network, and nobody can
    # guess a signature. A venue's own door is as wide here as there.
    mobile_by_address: str = "6000/minute"
    mobile_by_venue: str = "300/minute"
    enrol_by_address: str = "60/minute"
    # The media door, for each of its methods. A node's lectures come back all at once after an outage, and its parent
    # may see many nodes under the address of one proxy: nodes are counted by their bearers alone.
    media_by_address: str = "600/minute"
    media_by_publisher: str = "60/minute"
    media_by_viewer: str = "300/minute"
    media_by_node: str = "600/minute"


class Attempts:
    """Counts in memory: a restart forgives."""

    def __init__(self, limits: AttemptLimits | None = None) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        limits = limits or AttemptLimits()
        self._sign_in_name = parse(limits.sign_in_by_name)
        self._sign_in_address = parse(limits.sign_in_by_address)
        self._check_in = parse(limits.check_in_by_address)
        self._mobile = parse(limits.mobile_by_address)
        self._mobile_venue = parse(limits.mobile_by_venue)
        self._enrol = parse(limits.enrol_by_address)
        self._media = parse(limits.media_by_address)
        self._media_by_kind = {
            CallerKind.PUBLISH: parse(limits.media_by_publisher),
            CallerKind.VIEW: parse(limits.media_by_viewer),
            CallerKind.NODE: parse(limits.media_by_node),
        }

    async def sign_in(self, name: str, address: str) -> None:
        """Raises TooManyAttempts, which carries `retry_after_s`."""
        await self._hit(self._sign_in_address, "sign-in-address", address)
        await self._hit(self._sign_in_name, "sign-in-name", name.casefold()[:100])

    async def check_in(self, address: str) -> None:
        await self._hit(self._check_in, "check-in", address)

    async def mobile(self, address: str) -> None:
        await self._hit(self._mobile, "mobile", address)

    async def mobile_venue(self, venue: int) -> None:
        await self._hit(self._mobile_venue, "mobile-venue", str(venue))

    async def enrol(self, address: str) -> None:
        await self._hit(self._enrol, "enrol", address)

    async def media(self, method: str, address: str, kind: CallerKind | None, token: str) -> None:
        """`kind`: whose bearer the token is; None for one that is none."""
        if kind is not CallerKind.NODE:
            await self._hit(self._media, "media-address", method, address)
        limit = self._media_by_kind.get(kind) if kind else None
        if limit is not None:
            await self._hit(limit, "media-token", method, hashlib.sha256(token.encode()).hexdigest())

    async def _hit(self, limit: RateLimitItem, *key: str) -> None:
        if await self._limiter.hit(limit, *key):
            return
        # The window is full for at most its own length: a wait that needs no reading of a clock.
        raise TooManyAttempts(retry_after_s=limit.get_expiry())
