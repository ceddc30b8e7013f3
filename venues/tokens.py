"""Every bearer secret of a node: given out once, kept as SHA-256, checked in one place."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from venues import token_store
from venues.database import Database
from venues.errors import TongtangError
from venues.gather import Gather
from venues.identity import encode

FRESH = dt.timedelta(seconds=1)  # a grant read this lately is not read again: revoking elsewhere takes this long
STALE = dt.timedelta(seconds=10)  # a grant this old still opens the door while the database does not answer
_PATIENCE_S = 2.0  # a database that has not answered by then is stalled
_CACHE_LIMIT = 10_000
_TOGETHER = 500  # new tokens in one write: thousands of nodes may come back together
_KEEP = dt.timedelta(days=1)  # expired tokens are forgotten after this


class TokenKind(StrEnum):
    NODE = "node"
    PUBLISH = "publish"
    VIEW = "view"
    API = "api"
    SESSION = "session"
    SCREEN = "screen"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a valid secret allows: as whom (`subject`), in which subtree, for which lecture (None = any), until when."""

    kind: TokenKind
    subject: str
    venue_id: int
    lecture_id: str | None
    expires_at: dt.datetime


class TokensUnavailable(TongtangError):
    """The database does not answer; try again in a moment."""

    code = "tokens_unavailable"
    status = 503


class TokenStore:
    """`entropy(n)` gives n random bytes (os.urandom). Revoking through this object counts at once, elsewhere in 1 s."""

    def __init__(self, db: Database, now: Callable[[], dt.datetime], entropy: Callable[[int], bytes]) -> None:
        self._db = db
        self._now = now
        self._entropy = entropy
        self._cache: dict[str, tuple[dt.datetime, Grant]] = {}
        self._stalled_until: dt.datetime | None = None
        self._revocations = 0
        self._issuing: dict[str, tuple[TokenKind, str]] = {}  # by hash: on their way into the database
        self._adding = Gather(self._add, lambda _: 1, _TOGETHER)

    async def issue(
        self, kind: TokenKind, subject: str, venue_id: int, lecture_id: str | None = None, *, ttl: dt.timedelta
    ) -> str:
        """A new secret (43 letters of base64url), valid from now for `ttl`; only its digest is kept."""
        secret = encode(self._entropy(32))
        now = self._now()
        grant = Grant(kind=kind, subject=subject, venue_id=venue_id, lecture_id=lecture_id, expires_at=now + ttl)
        key, seen = digest(secret), self._revocations
        self._issuing[key] = (kind, subject)
        try:
            await self._adding((key, grant))
        finally:
            still = self._issuing.pop(key, None)
        if still is None:  # what its subject had was revoked before this one was written
            await self.revoke(secret)
        if kind is TokenKind.NODE and seen == self._revocations:
            self._keep(key, now, grant)  # used at once, by thousands of nodes that come back together
        return secret

    async def _add(self, new: Sequence[tuple[str, Grant]]) -> list[None]:
        grants = {key: {**vars(grant), "kind": grant.kind.value} for key, grant in new}
        before = self._now() - _KEEP
        await self._db.write(lambda connection: token_store.add(connection, grants, before))
        return [None] * len(new)

    async def check(self, secret: str) -> Grant | None:
        """What the secret allows; None if it is unknown, expired or revoked.

        Raises TokensUnavailable if the database does not answer and the secret has not been seen for 10 s.
        """
        key, now = digest(secret), self._now()
        grant = self._held(key, now, STALE if self._stalled(now) else FRESH)
        if grant is None:
            try:
                grant = await self._read(key, now)
            except (TimeoutError, token_store.DatabaseError) as error:
                self._stalled_until = now + FRESH
                grant = self._held(key, now, STALE)
                if grant is None:
                    raise TokensUnavailable from error
        return grant if grant is not None and grant.expires_at > now else None

    async def revoke(self, secret: str) -> None:
        """The secret stops working now; unknown ones are no error."""
        key, now = digest(secret), self._now()
        await self._db.write(lambda connection: token_store.revoke(connection, key, now))
        self._revocations += 1
        self._cache.pop(key, None)

    async def revoke_subject(self, kind: TokenKind, subject: str) -> None:
        """All secrets of that kind and subject stop working now."""
        now = self._now()
        await self._db.write(lambda connection: token_store.revoke_subject(connection, kind, subject, now))
        self.forget(kind, subject)

    def forget(self, kind: TokenKind, subject: str) -> None:
        """Read the subject's tokens anew: they have been revoked in the database by another hand."""
        self._revocations += 1
        self._issuing = {key: whose for key, whose in self._issuing.items() if whose != (kind, subject)}
        self._cache = {
            key: (at, grant)
            for key, (at, grant) in self._cache.items()
            if (grant.kind, grant.subject) != (kind, subject)
        }

    async def _read(self, key: str, now: dt.datetime) -> Grant | None:
        seen = self._revocations
        async with asyncio.timeout(_PATIENCE_S):
            row = await self._db.read(lambda connection: token_store.find(connection, key))
        if row is None:
            self._cache.pop(key, None)
            return None
        grant = Grant(**(row | {"kind": TokenKind(row["kind"])}))
        if seen == self._revocations:  # else the row may be older than a revocation
            self._keep(key, now, grant)
        return grant

    def _keep(self, key: str, now: dt.datetime, grant: Grant) -> None:
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache = {key: held for key, held in self._cache.items() if now - held[0] < FRESH}
        if len(self._cache) < _CACHE_LIMIT:
            self._cache[key] = (now, grant)

    def _held(self, key: str, now: dt.datetime, limit: dt.timedelta) -> Grant | None:
        at, grant = self._cache.get(key, (None, None))
        return grant if at is not None and dt.timedelta(0) <= now - at < limit else None

    def _stalled(self, now: dt.datetime) -> bool:
        # Once a second one reader asks again; the others are spared the wait.
        return self._stalled_until is not None and dt.timedelta(0) < self._stalled_until - now <= FRESH


def digest(secret: str) -> str:
    """SHA-256, hex: enough for secrets of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
