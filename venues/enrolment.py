"""The parent's side of trust: one-time tokens, proof of possession, bearer tokens by signature, revocation."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from venues import enrolment_store
from venues.database import Database
from venues.errors import TongtangError
from venues.gather import Gather
from venues.identity import decode, encode, enrol_message, token_message, verify
from venues.ids import uuid7
from venues.status import NodeNews
from venues.tokens import TokenKind, TokenStore, digest

BEARER_TTL = dt.timedelta(minutes=15)
NONCE_TTL = dt.timedelta(minutes=1)
_TOGETHER = 300  # nodes that are looked up at once: thousands may come back together


class TokenUnknown(TongtangError):
    """This enrolment token is not known here; ask the parent for a new one."""

    code = "token_unknown"
    status = 403


class TokenUsed(TongtangError):
    """This enrolment token has already been used; ask the parent for a new one."""

    code = "token_used"
    status = 403


class TokenExpired(TongtangError):
    """This enrolment token has expired; ask the parent for a new one."""

    code = "token_expired"
    status = 403


class TokenElsewhere(TongtangError):
    """This enrolment token is for the venue {venue}, not for {wanted}."""

    code = "token_elsewhere"
    status = 409


class VenueNotBelow(TongtangError):
    """Nodes enrol at a venue above their own; {venue} is not below the venue of this node."""

    code = "venue_not_below"
    status = 409


class ProofInvalid(TongtangError):
    """The signature does not prove that the node holds its key."""

    code = "proof_invalid"
    status = 403


class NonceInvalid(TongtangError):
    """This challenge is unknown, used or too old; ask for a new one."""

    code = "nonce_invalid"
    status = 403


class NodeUnknown(TongtangError):
    """There is no node {node} enrolled here."""

    code = "node_unknown"
    status = 404


class NodeRevoked(TongtangError):
    """The node {node} has been revoked here."""

    code = "node_revoked"
    status = 403


class VenueTaken(TongtangError):
    """The venue already has an active node ({node}); revoke it, or issue a token that replaces it."""

    code = "venue_taken"
    status = 409


@dataclass(frozen=True, kw_only=True)
class NodeRecord:
    """A node that was enrolled here, or (`own` False) below. `public_key` is base64url; `revoked_at` None = active."""

    id: str
    venue_id: int
    public_key: str
    enrolled_at: dt.datetime
    revoked_at: dt.datetime | None
    own: bool = True


class Enrolment:
    """`tokens` is the node's TokenStore: give the one that checks requests, so that revoking counts at once.

    `home` tells the venue of this node, None while it is not known: tokens are for venues below it.
    """

    def __init__(
        self,
        db: Database,
        now: Callable[[], dt.datetime],
        entropy: Callable[[int], bytes],
        tokens: TokenStore | None = None,
        home: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._db = db
        self._now = now
        self._entropy = entropy
        self._tokens = tokens or TokenStore(db, now, entropy)
        self._home = home
        self._nonce_key = entropy(32)  # a restart ends challenges that are under way: the node asks again
        self._used_nonces: dict[str, dt.datetime] = {}
        self._finding = Gather(self._find, lambda _: 1, _TOGETHER)

    async def issue(self, venue_id: int, ttl: dt.timedelta, *, replace: bool = False) -> str:
        """A one-time token bound to one venue. `replace`: its use revokes the venue's active node.

        Raises VenueUnknown, VenueNotBelow.
        """
        home = self._home()
        secret = encode(self._entropy(24))
        fields = {"hash": digest(secret), "venue_id": venue_id, "replace": replace, "expires_at": self._now() + ttl}

        def work(connection: enrolment_store.Connection) -> None:
            found = enrolment_store.find_venue(connection, venue_id)
            if home is not None and not enrolment_store.is_below(connection, venue_id, home):
                raise VenueNotBelow(venue=found["name"])
            enrolment_store.add_token(connection, fields)

        await self._db.write(work)
        return secret

    async def enrol(self, token: str, public_key: str, proof: str, venue: str = "") -> NodeRecord:
        """Make the holder of the key the node of the token's venue. The same request again gives the same node.

        `venue` is the code of the venue for which the node holds itself, "" = whichever the token is for.
        Raises ProofInvalid, TokenUnknown, TokenUsed, TokenExpired, TokenElsewhere, VenueTaken; the token is not spent.
        """
        if not verify(public_key, enrol_message(token, public_key), proof):
            raise ProofInvalid
        now = self._now()
        record = NodeRecord(
            id=uuid7(int(now.timestamp() * 1000), self._entropy(10)),
            venue_id=0,  # the token knows
            public_key=public_key,
            enrolled_at=now,
            revoked_at=None,
        )

        def work(connection: enrolment_store.Connection) -> tuple[NodeRecord, list[str]]:
            found = enrolment_store.find_token(connection, digest(token))
            if found is None:
                raise TokenUnknown
            if found["used_at"] is not None:
                again = enrolment_store.find_node(connection, found["node_id"])
                if again is None or again["public_key"] != public_key or again["revoked_at"] is not None:
                    raise TokenUsed
                return NodeRecord(**again), []
            if found["expires_at"] <= now:
                raise TokenExpired
            place = enrolment_store.find_venue(connection, found["venue_id"])
            if venue and venue != place["code"]:
                raise TokenElsewhere(venue=f"{place['name']} ({place['code']})", wanted=venue)
            active = enrolment_store.active_nodes(connection, found["venue_id"])
            if active and not found["replace"]:
                raise VenueTaken(node=active[0])
            for old in active:
                enrolment_store.revoke(connection, old, now)
            fields = vars(record) | {"venue_id": found["venue_id"]}
            enrolment_store.add_node(connection, fields, digest(token))
            return NodeRecord(**fields), active

        enrolled, replaced = await self._db.write(work)
        for old in replaced:
            self._tokens.forget(TokenKind.NODE, old)
        return enrolled

    async def challenge(self, node_id: str) -> str:
        """A nonce for the node to sign within a minute; nothing is stored for it. NodeUnknown, NodeRevoked."""
        await self._active(node_id)
        expires = int((self._now() + NONCE_TTL).timestamp()).to_bytes(8, "big")
        return self._nonce(node_id, expires + self._entropy(16))

    async def bearer(self, node_id: str, nonce: str, signature: str) -> tuple[str, int]:
        """(token, its life in seconds) for a signed nonce. NonceInvalid, ProofInvalid, NodeUnknown, NodeRevoked."""
        record = await self._active(node_id)
        expires = self._check_nonce(node_id, nonce)
        if not verify(record.public_key, token_message(node_id, nonce), signature):
            raise ProofInvalid
        self._used_nonces[nonce] = expires
        token = await self._tokens.issue(TokenKind.NODE, node_id, record.venue_id, ttl=BEARER_TTL)
        return token, int(BEARER_TTL.total_seconds())

    async def revoke(self, node_id: str) -> None:
        """The node and all its tokens stop at once; revoking twice is no error. NodeUnknown."""
        now = self._now()
        if not await self._db.write(lambda connection: enrolment_store.revoke(connection, node_id, now)):
            raise NodeUnknown(node=node_id)
        self._tokens.forget(TokenKind.NODE, node_id)

    async def get(self, node_id: str) -> NodeRecord:
        """NodeUnknown."""
        record = await self._finding(node_id)
        if record is None:
            raise NodeUnknown(node=node_id)
        return record

    async def _find(self, node_ids: Sequence[str]) -> list[NodeRecord | None]:
        rows = await self._db.read(lambda connection: enrolment_store.find_nodes(connection, set(node_ids)))
        return [NodeRecord(**rows[id_]) if id_ in rows else None for id_ in node_ids]

    async def nodes(self, within: int, *, below: bool = False) -> list[NodeRecord]:
        """Every node enrolled here for a venue of that subtree, revoked ones too, newest first; with `below`, also
        those that were enrolled at nodes below."""
        rows = await self._db.read(lambda connection: enrolment_store.nodes(connection, within))
        return [NodeRecord(**row) for row in rows if below or row["own"]]

    async def news_since(self, revision: int, limit: int = 500) -> list[NodeNews]:
        """What the parent above should know of the nodes enrolled here and below, oldest change first."""
        return await self._db.read(lambda connection: enrolment_store.news_since(connection, revision, limit))

    async def take(self, child: str, base: int, news: Sequence[NodeNews]) -> tuple[int, bool]:
        """Keep what the child node says of nodes that were enrolled below it, so that they may come here, too.

        Returns the revision of the child up to which its news is known here, and whether there is news to pass on. A
        gap (a `base` beyond what is known) leaves the news aside, so that the answer makes the child send it all again.
        Only venues below the child's count; a record that is here stays as it is, save that it may become revoked, and
        one that was made here not even that.
        """
        if not news and base == await self._db.read(lambda c: enrolment_store.below_revision(c, child)):
            return base, False  # as nearly every heartbeat: nothing to write
        now = self._now()
        known, changed, revoked = await self._db.write(lambda c: enrolment_store.take(c, child, base, news, now))
        for node_id in revoked:
            self._tokens.forget(TokenKind.NODE, node_id)
        return known, changed

    async def _active(self, node_id: str) -> NodeRecord:
        record = await self.get(node_id)
        if record.revoked_at is not None:
            raise NodeRevoked(node=node_id)
        return record

    def _nonce(self, node_id: str, body: bytes) -> str:
        seal = hmac.digest(self._nonce_key, body + node_id.encode(), hashlib.sha256)
        return encode(body + seal[:16])

    def _check_nonce(self, node_id: str, nonce: str) -> dt.datetime:
        """When it expires. Raises NonceInvalid."""
        now = self._now()
        for used, until in list(islice(self._used_nonces.items(), 2)):  # one comes, two go: it does not grow
            if until <= now:
                del self._used_nonces[used]
        try:
            body = decode(nonce)[:24]
        except ValueError as error:
            raise NonceInvalid from error
        if not hmac.compare_digest(self._nonce(node_id, body).encode(), nonce.encode()) or nonce in self._used_nonces:
            raise NonceInvalid
        expires = dt.datetime.fromtimestamp(int.from_bytes(body[:8], "big"), dt.UTC)
        if expires <= now:
            raise NonceInvalid
        return expires
