"""The child's side of the tree: one link to the parent, with its bearer token, its heartbeat and what it follows."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from venues.backoff import full_jitter
from venues.clock import ClockEstimate, ClockFilter
from venues.collections import Changes, Collection
from venues.errors import TongtangError
from venues.exchange import LinkError, ParentRefused, ParentUnreachable, ReplyInvalid, Response, exchange
from venues.identity import Identity, NodeKey, enrol_message, token_message
from venues.status import Heartbeat, NodeNews, NodeReport, StatusChange
from venues.wire import parse_time

__all__ = [
    "EnrolmentResult",
    "LinkError",
    "LinkState",
    "Pace",
    "ParentLink",
    "ParentRefused",
    "ParentUnreachable",
    "ReplyInvalid",
    "Response",
    "enrol",
]

log = logging.getLogger(__name__)

_LIFE = "Tongtang-Instance"  # header: another one after each start of a node
_BATCH = 500  # changes, and records of nodes, in one heartbeat
_LEAST_S = 1.0  # between two heartbeats or two polls, whatever there is to tell


class LinkState(StrEnum):
    CONNECTING = "connecting"  # nothing has come back yet
    CONNECTED = "connected"
    REFUSED = "refused"  # the parent does not let this node in: `reason` is its error code
    UNREACHABLE = "unreachable"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the link goes about its work, in seconds."""

    interval_s: float = 10.0  # between heartbeats
    first_s: float = 1.0  # ceiling of the first back-off
    most_s: float = 10.0  # ceiling of every later one
    refused_s: float = 60.0  # before a parent that refused is asked again
    poll_s: float = 25.0  # how long the parent may hold a long poll


@dataclass(frozen=True, kw_only=True)
class EnrolmentResult:
    node_id: str
    venue_id: int
    venue_code: str
    parent_url: str


async def enrol(
    url: str,
    token: str,
    key: NodeKey,
    venue: str = "",
    *,
    session: aiohttp.ClientSession | None = None,
    timeout: float = 15.0,
) -> EnrolmentResult:
    """Use a one-time token at the parent. `venue`: the code of the venue that it has to be for, "" = any.

    Raises ParentUnreachable; ParentRefused with the parent's code as `reason`.
    """
    url, path = url.rstrip("/"), "/api/node/enrol"
    proof = key.sign(enrol_message(token, key.public))
    body = {"token": token, "public_key": key.public, "proof": proof, "venue": venue}
    async with contextlib.AsyncExitStack() as stack:
        if session is None:
            session = await stack.enter_async_context(aiohttp.ClientSession())
        response = await exchange(session, "POST", url, path, json=body, timeout=timeout)
    if response.status != 201:
        raise response.refusal()
    match response.json():
        case {"node": str(node), "venue": int(venue_id), "venue_code": str(code)}:
            return EnrolmentResult(node_id=node, venue_id=venue_id, venue_code=code, parent_url=url)
    raise ReplyInvalid(path=path)


class ParentLink:
    """One parent at a time out of `urls`; the next one after a failure. The caller owns `session`.

    `random` gives numbers in [0, 1). `on_state` is called after each change of `state`, in the event loop.
    `running` gives the seconds since the machine was started: it tells at once that a clock was set between heartbeats.
    """

    def __init__(
        self,
        identity: Identity,
        urls: Sequence[str],
        session: aiohttp.ClientSession,
        now: Callable[[], dt.datetime],
        random: Callable[[], float],
        *,
        pace: Pace | None = None,
        on_state: Callable[[LinkState], None] = lambda state: None,
        running: Callable[[], float] | None = None,
    ) -> None:
        self._running = running
        self._identity = identity
        self._urls = [url.rstrip("/") for url in urls]
        self._session = session
        self._now = now
        self._random = random
        self._pace = pace or Pace()
        self._on_state = on_state
        self._state = LinkState.CONNECTING
        self.since: dt.datetime = now()  # since when it has been connected, or has not
        self._reason = ""
        self._place = 0
        self._bearer: tuple[str, dt.datetime, float] | None = None  # (secret, got at, seconds for which it serves)
        self._authenticating = asyncio.Lock()
        self._refusals: dict[str, tuple[ParentRefused, dt.datetime]] = {}  # by parent
        self._clock = ClockFilter()
        self._returned = Changes()
        self._life = ""

    @property
    def state(self) -> LinkState:
        return self._state

    @property
    def reason(self) -> str:
        """Why the link is not connected, as a code: connect_failed, name_unknown, tls_failed, timeout, connection_lost,
        http_NNN, or the code with which the parent refuses. "" while it is connected or connecting."""
        return self._reason

    @property
    def url(self) -> str:
        """The parent that is used now."""
        return self._urls[self._place]

    @property
    def life(self) -> str:
        """Another text after each start of the parent, and for another parent; "" before the first answer."""
        return self._life

    @property
    def clock(self) -> ClockEstimate | None:
        """How far the parent's clock is ahead of this one; None before the first heartbeat was answered."""
        known = self._clock.estimate
        return known.now(self._now(), self._running()) if known and self._running else known

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        data: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 15.0,
    ) -> Response:
        """One exchange with the parent as this node. Any HTTP status is an answer; 401 gets a new bearer once.

        Nothing else is tried again here: the caller knows whether and when. Raises ParentUnreachable (the next request
        goes to the next parent), ParentRefused while this node is refused, ReplyInvalid.
        """
        self._stay_away()
        url = self.url
        try:
            for _ in range(2):
                bearer = await self._get_bearer(url)
                signed = dict(headers or {}) | {"Authorization": f"Bearer {bearer}"}
                response = await exchange(
                    self._session, method, url, path, json=json, data=data, headers=signed, timeout=timeout
                )
                if response.status != 401:
                    self._life = f"{url} {response.headers.get(_LIFE, '')}"
                    self._set_state(LinkState.CONNECTED)
                    return response
                self._drop_bearer(bearer)
            raise response.refusal()
        except ParentUnreachable as error:
            self._leave(url)
            self._set_state(LinkState.UNREACHABLE, str(error.fields["reason"]))
            raise
        except ParentRefused as error:
            self._leave(url)
            self._refusals[url] = (error, self._now())
            reason = str(error.fields["reason"])
            self._set_state(LinkState.REVOKED if reason == "node_revoked" else LinkState.REFUSED, reason)
            raise

    async def heartbeat_loop(
        self,
        report: Callable[[], NodeReport | Awaitable[NodeReport]],
        changes: Callable[[int], Awaitable[list[StatusChange]]],
        *,
        nodes: Callable[[int], Awaitable[list[NodeNews]]] | None = None,
        wake: Changes | None = None,
    ) -> None:
        """Tell the parent how this node and the venues below it are, for ever. `changes` is Health.changes_since,
        `nodes` Enrolment.news_since.

        `wake` (Health.changed) sends the next heartbeat early, so that news climbs the tree within seconds.
        """
        wake = wake or Changes()
        known, known_nodes, failures = 0, 0, 0
        while True:
            seen = wake.count
            try:
                said = report()
                beat = Heartbeat(
                    sent_at=self._now(),
                    revision_base=known,
                    report=await said if inspect.isawaitable(said) else said,
                    below=await changes(known),
                    nodes_base=known_nodes,
                    nodes=await nodes(known_nodes) if nodes else [],
                )
                known, known_nodes = await self._beat(beat)
            except LinkError as error:
                failures += 1
                await self._back_off("heartbeat", error, failures)
                continue
            failures = 0
            if len(beat.below) < _BATCH and len(beat.nodes) < _BATCH:
                await asyncio.sleep(min(_LEAST_S, self._pace.interval_s))
                await wake.wait(self._pace.interval_s - _LEAST_S, seen)

    async def follow_loop(self, collections: Iterable[Collection], changes: Changes | None = None) -> None:
        """Keep the local collections equal to the parent's, for ever; `changes` is notified after each replacement.

        Collections are replaced in their order, and all of them after a start or a change of parent.
        """
        following = list(collections)
        versions: dict[str, str] = {}
        parent, failures = "", 0
        while True:
            if parent != self.url:
                parent, versions = self.url, {each.name: "" for each in following}
            try:
                new = await self._poll(versions)
                moved = [each for each in following if new.get(each.name, versions[each.name]) != versions[each.name]]
                for each in moved:
                    versions[each.name] = await self._take(each)
                    if changes is not None:
                        changes.notify()
            except TongtangError as error:  # from the link, or a collection that refuses what it was sent
                failures += 1
                await self._back_off("follow", error, failures)
                continue
            failures = 0
            if not moved:
                await asyncio.sleep(self._random() * _LEAST_S)  # a parent that is stopping answers polls at once

    async def _beat(self, beat: Heartbeat) -> tuple[int, int]:
        """What the parent knows now: up to which of this node's status changes, and of its records of nodes."""
        sent, began_s = self._now(), self._running() if self._running else None
        response = await self.request("POST", "/api/node/heartbeat", json=beat.to_wire())
        returned, running_s = self._now(), self._running() if self._running else None
        took_s = None if running_s is None or began_s is None else running_s - began_s
        match response.checked().json():
            case {"received_at": received, "sent_at": replied, "ack": int(known), "nodes_ack": int(known_nodes)}:
                with contextlib.suppress(ValueError):
                    self._clock.add(sent, parse_time(received), parse_time(replied), returned, running_s, took_s)
                return known, known_nodes
        raise ReplyInvalid(path=response.path)

    async def _poll(self, versions: Mapping[str, str]) -> dict[str, str]:
        query = urlencode(versions)
        response = await self.request("GET", f"/api/node/changes?{query}", timeout=self._pace.poll_s + 15)
        match response.checked().json():
            case {"versions": dict(new)}:
                return {str(name): str(version) for name, version in new.items()}
        raise ReplyInvalid(path=response.path)

    async def _take(self, collection: Collection) -> str:
        path = f"/api/node/collections/{quote(collection.name, safe='')}"
        response = await self.request("GET", path, timeout=60)
        match response.checked().json():
            case {"version": str(version), "content": content}:
                await collection.replace(content)
                return version
        raise ReplyInvalid(path=path)

    async def _back_off(self, what: str, error: TongtangError, failures: int) -> None:
        if failures == 1:
            log.warning("%s: %s", what, error)
        pace = self._pace
        wait_s = full_jitter(failures, self._random(), first_s=pace.first_s, most_s=pace.most_s)
        seen, began = self._returned.count, self._now()
        if await self._returned.wait(max(wait_s, self._refused_for()), seen):
            # Another request has reached the parent: no need to wait on, but for the others who have waited, too.
            left_s = wait_s - (self._now() - began).total_seconds()
            await asyncio.sleep(min(max(left_s, 0.0), self._random() * _LEAST_S / 4))

    async def _get_bearer(self, url: str) -> str:
        async with self._authenticating:
            if self._bearer is not None:
                secret, got_at, serves_s = self._bearer
                if 0 <= (self._now() - got_at).total_seconds() < serves_s:
                    return secret
            node = self._identity.node_id
            match await self._ask(url, "/api/node/challenge", {"node": node}):
                case {"nonce": str(nonce)}:
                    signature = self._identity.key.sign(token_message(node, nonce))
                case _:
                    raise ReplyInvalid(path="/api/node/challenge")
            match await self._ask(url, "/api/node/token", {"node": node, "nonce": nonce, "signature": signature}):
                case {"token": str(secret), "expires_in": int() | float() as life_s}:
                    self._bearer = (secret, self._now(), life_s * 0.8)
                    return secret
            raise ReplyInvalid(path="/api/node/token")

    async def _ask(self, url: str, path: str, body: dict[str, str]) -> Any:
        response = await exchange(self._session, "POST", url, path, json=body, timeout=15)
        if response.status == 429 or response.status >= 500:
            raise ParentUnreachable(url=url, reason=f"http_{response.status}")
        return response.checked().json()

    def _drop_bearer(self, secret: str) -> None:
        if self._bearer is not None and self._bearer[0] == secret:
            self._bearer = None

    def _leave(self, url: str) -> None:
        """Go on to the next parent, unless another request has done so already."""
        if url == self.url and len(self._urls) > 1:
            self._place = (self._place + 1) % len(self._urls)
            self._bearer = None

    def _refused_for(self) -> float:
        """Seconds for which a refusal still keeps this node from asking the present parent again."""
        if self.url not in self._refusals:
            return 0.0
        left_s = self._pace.refused_s - (self._now() - self._refusals[self.url][1]).total_seconds()
        return left_s if 0 < left_s <= self._pace.refused_s else 0.0

    def _stay_away(self) -> None:
        url = self.url
        if url in self._refusals:
            if self._refused_for() > 0:
                self._leave(url)  # what one parent refuses is no reason to stay away from the next
                raise self._refusals[url][0]
            del self._refusals[url]

    def _set_state(self, state: LinkState, reason: str = "") -> None:
        if (state, reason) == (self._state, self._reason):
            return
        log.info("link to %s: %s -> %s %s", self.url, self._state, state, reason)
        if (state is LinkState.CONNECTED) != (self._state is LinkState.CONNECTED):
            self.since = self._now()
        self._state, self._reason = state, reason
        if state is LinkState.CONNECTED:
            self._returned.notify()
        self._on_state(state)
