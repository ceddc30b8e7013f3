"""Uploads that wait for a yes: in memory only, for minutes, and few of them, since lists of people are in them."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

HELD_S = 15 * 60
HELD_MOST = 64 << 20  # bytes of all together


@dataclass(frozen=True, kw_only=True)
class _Held:
    digest: str
    content: bytes
    end: asyncio.TimerHandle


class HeldUploads:
    """One for each user, the latest. A digest is no secret: only who brought an upload gets it back."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}  # by user, the oldest first

    def put(self, user: str, content: bytes) -> str:
        """What it is asked for with; others' oldest uploads make room, so that a yes may come too late."""
        self.drop(user)
        while self._held and sum(len(each.content) for each in self._held.values()) + len(content) > HELD_MOST:
            self.drop(next(iter(self._held)))
        digest = hashlib.sha256(content).hexdigest()
        end = asyncio.get_running_loop().call_later(HELD_S, self.drop, user)
        self._held[user] = _Held(digest=digest, content=content, end=end)
        return digest

    def get(self, user: str, digest: str) -> bytes | None:
        """None: it was not held, is not held any more, or is another."""
        held = self._held.get(user)
        return held.content if held and held.digest == digest else None

    def drop(self, user: str) -> None:
        if held := self._held.pop(user, None):
            held.end.cancel()

    def clear(self) -> None:
        for user in list(self._held):
            self.drop(user)
