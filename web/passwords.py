"""Argon2id, off the event loop, a few at a time, and equally slow for a name that nobody has."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

# Of 32 random bytes that nobody has kept, by the profile below: whoever signs in first after a start need not wait for
# one to be made.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$mUL1TQFeuyufUgBokycYbw$6CzS0+21rtkprLFMWP9i2/ki0bF3kAUhthR1JUHVshY"
_AT_ONCE = 2  # each takes 64 MiB for the time of one check: a village's box has little


class Passwords:
    """Hashes and checks with RFC 9106's second recommended profile unless another hasher is given."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._nobody = _NOBODY if hasher is None else hasher.hash("nobody")

    async def hash(self, password: str) -> str:
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """`stored` None stands for an unknown name: the same work is done, and the answer is False."""
        async with self._gate:
            return await asyncio.to_thread(self._verify, stored, password)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None
