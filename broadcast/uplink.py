"""Pull a lecture from the parent by WHEP and keep pulling: one task a lecture, so no recovery waits for another.

Each attempt dials from a UDP port of its own: two sessions between the same two addresses could not be told apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from broadcast import negotiate, sdp
from broadcast.ice import Address, Credentials, Dialer
from broadcast.ingest import Ingest
from broadcast.negotiate import Plan
from broadcast.peer import Peer, PeerState
from broadcast.port import Port
from broadcast.relay import Relay, new_credentials
from venues.errors import TongtangError

_log = logging.getLogger(__name__)
_SILENT_S, _DOUBTED_S = 3.0, 1.0
_UNREADABLE_S = 10.0  # a parent reports each second, also when nothing is on air
_DELETE_S = 1.0
_MOST_REDIRECTS = 4
_LOOK_S = 0.25
_FIRST_DELAY_S, _MOST_DELAY_S, _MOST_ASKED_S = 0.25, 1.0, 2.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The parent's answer; `headers` are looked up case-insensitively, `url` is what was asked for."""

    status: int
    headers: Mapping[str, str]
    body: str
    url: str


class Ask(Protocol):
    """One HTTP request to the parent with this node's bearer. `path` is absolute there, or a whole URL at the parent
    that gave it. Raises OSError or TongtangError when the parent cannot be reached, or is not the present one."""

    async def __call__(
        self, method: str, path: str, *, body: str = "", content_type: str = "", if_match: str = ""
    ) -> Reply: ...


class UplinkState(enum.Enum):
    """What a screen can say of the way up."""

    ASKING = "asking"
    NOTHING_LIVE = "nothing_live"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    PUBLISHED_HERE = "published_here"


class _Refused(Exception):
    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"the parent answered {status}")
        self.status = status
        self.retry_after_s = retry_after_s


def back_off(failures: int, chance: float) -> float:
    """Seconds to wait after so many failures in a row: full jitter over an interval that doubles. `chance`: 0..1."""
    return chance * min(_MOST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(failures, 10))


def is_gone(now: float, heard: float, doubted: float | None) -> bool:
    """Whether the parent's silence since `heard` means its end; `doubted`: when it could not be reached otherwise."""
    in_doubt = doubted is not None and doubted > heard and now - doubted > _DOUBTED_S
    return in_doubt or now - heard > _SILENT_S


class Uplink:
    """One lecture's way from the parent. `chance` gives random numbers in 0..1."""

    def __init__(self, relay: Relay, lecture: str, ask: Ask, *, chance: Callable[[], float]) -> None:
        self.lecture = lecture
        self.state = UplinkState.ASKING
        self._relay = relay
        self._ask = ask
        self._chance = chance
        self._wake = asyncio.Event()
        self._doubted_at: float | None = None
        self._peer: Peer | None = None
        self._leaving: deque[asyncio.Task[None]] = deque(maxlen=4)

    def wake(self) -> None:
        """Something changed at the parent: try now if waiting."""
        self._wake.set()

    def doubt(self) -> None:
        """The parent cannot be reached otherwise: take a short silence for its end. What still flows goes on."""
        if self._peer is not None and self._peer.dialer is not None:
            self._doubted_at = self._relay.clock()
            self._peer.dialer.hurry()

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            delay: float | None = None
            try:
                await self._until_no_publisher_is_here()
                if await self._pull():
                    failures = 0
                self._wake.clear()  # what changed during the session is no reason to come back all at once
            except _Refused as refused:
                delay = refused.retry_after_s
                self._set(UplinkState.NOTHING_LIVE if refused.status == 409 else UplinkState.REFUSED)
            except (OSError, TimeoutError, TongtangError) as error:
                _log.debug("pulling %s: %s", self.lecture, error)
                self._set(UplinkState.UNREACHABLE)
            except Exception:
                _log.exception("pulling %s failed", self.lecture)
                self._set(UplinkState.UNREACHABLE)
            failures += 1
            wait = back_off(failures, self._chance())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._wake.wait(), wait if delay is None else min(delay, _MOST_ASKED_S) + wait / 4
                )
            self._wake.clear()

    async def _until_no_publisher_is_here(self) -> None:
        """A lecture that is published at this very node is not pulled over its head."""
        stream = self._relay.stream(self.lecture)
        while stream.source is not None and stream.source.local:
            self._set(UplinkState.PUBLISHED_HERE)
            await asyncio.sleep(_LOOK_S)

    def _set(self, state: UplinkState) -> None:
        if state is not self.state:
            _log.info("pulling lecture %s: %s -> %s", self.lecture, self.state.value, state.value)
            self.state = state

    async def _pull(self) -> bool:
        """One session, until it ends; whether it ever carried media."""
        port = self._relay.open_port()
        location = ""
        try:
            if self.state is not UplinkState.NOTHING_LIVE:
                self._set(UplinkState.ASKING)
            credentials = new_credentials()
            offer = sdp.write(self._local(credentials, "actpass"), negotiate.offer_view())
            reply = await self._post(offer)
            # Relative to what was asked, and it stays with the parent that gave it (RFC 9110 §10.2.2).
            found = reply.headers.get("Location", "") if reply.status in (201, 406) else ""
            location = urljoin(reply.url, found) if found else ""
            closed = asyncio.Event()
            if reply.status == 201:
                answer = sdp.parse(reply.body)
                plans = negotiate.plans_from_answer(answer)
                client = answer.setup != "active"
                ingest, peer = self._connect(answer, plans, credentials, port, closed, client=client, controlling=True)
            elif reply.status == 406 and location:
                ingest, peer = await self._accept(reply, location, credentials, port, closed)
            else:
                raise _Refused(reply.status, _seconds(reply.headers.get("Retry-After")))
            self._set(UplinkState.CONNECTING)
            await self._watch(ingest, peer, closed)
            return ingest.last_media is not None
        finally:
            self._relay.close_port(port)
            if location:
                self._leaving.append(asyncio.create_task(self._leave(location)))

    def _local(self, credentials: Credentials, setup: str, candidates: tuple[Address, ...] = ()) -> sdp.Local:
        fingerprint = self._relay.certificate.fingerprint
        session_id = secrets.randbits(62)
        return sdp.Local(
            credentials.ufrag, credentials.password, fingerprint, setup, candidates, session_id, lite=False
        )

    async def _accept(
        self, reply: Reply, location: str, credentials: Credentials, port: Port, closed: asyncio.Event
    ) -> tuple[Ingest, Peer]:
        """Take the offer that a parent made instead of an answer to ours: PATCH with the answer
        (draft-ietf-wish-whep §4.2). Raises _Refused when the parent does not take that either."""
        offer = sdp.parse(reply.body)
        sections, plans = negotiate.answer_publish(offer)
        client = offer.setup != "active"
        # The offerer controls (RFC 8445 §6.1.1), unless it is lite.
        ingest, peer = self._connect(offer, plans, credentials, port, closed, client=client, controlling=offer.ice_lite)
        local = self._local(credentials, "active" if client else "passive", self._relay.candidates_of(port))
        answer = await self._ask(
            "PATCH",
            location,
            body=sdp.write(local, sections, allow_mixed=offer.allow_mixed),
            content_type="application/sdp",
            if_match=reply.headers.get("ETag", ""),
        )
        if answer.status not in (200, 204):
            raise _Refused(answer.status, _seconds(answer.headers.get("Retry-After")))
        return ingest, peer

    async def _post(self, offer: str) -> Reply:
        """The offer to the parent, through its redirections (RFC 9725 §4.4: only 307) within the same parent: another
        host would get this node's bearer."""
        path = f"/whep/{self.lecture.replace(':', '/')}"  # slides are a place of their own
        for _ in range(_MOST_REDIRECTS):
            reply = await self._ask("POST", path, body=offer, content_type="application/sdp")
            path = urljoin(reply.url, reply.headers.get("Location", ""))
            if reply.status != 307 or _origin(path) != _origin(reply.url):
                break
        return reply

    async def _leave(self, location: str) -> None:
        """Tell the parent; nobody waits for its answer, least of all the next attempt."""
        with contextlib.suppress(OSError, TimeoutError, TongtangError):
            await asyncio.wait_for(self._ask("DELETE", location), _DELETE_S)

    async def left(self) -> None:
        """Until the parent has been told of all sessions that ended, or a second has passed."""
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _connect(
        self,
        theirs: sdp.Description,
        plans: list[Plan],
        credentials: Credentials,
        port: Port,
        closed: asyncio.Event,
        *,
        client: bool,
        controlling: bool,
    ) -> tuple[Ingest, Peer]:
        found = [sdp.candidate_address(line) for media in theirs.media for line in media.candidates]
        remote = Credentials(theirs.ufrag, theirs.password)
        candidates = tuple(dict.fromkeys(a for a in found if a is not None))
        ingest = Ingest(self._relay.stream(self.lecture), plans, on_closed=lambda _: closed.set())
        peer = Peer(
            port,
            self._relay.certificate,
            ingest,
            client=client,
            now=self._relay.clock(),
            fingerprints=theirs.fingerprints,
            credentials=credentials,
            dialer=Dialer(credentials, remote, candidates, secrets.randbits(64), controlling=controlling),
        )
        ingest.peer = peer
        port.add(peer)
        peer.tick(self._relay.clock())  # the first check now, not at the next tick
        return ingest, peer

    async def _watch(self, ingest: Ingest, peer: Peer, closed: asyncio.Event) -> None:
        """Return when the session has ended or the parent has been silent for three seconds, less when in doubt."""
        started = self._relay.clock()
        self._peer, self._doubted_at = peer, None
        while not closed.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closed.wait(), _LOOK_S)
            if peer.state is PeerState.CONNECTED:
                self._set(UplinkState.CONNECTED)
            now = self._relay.clock()
            if is_gone(now, max(peer.last_heard, started), self._doubted_at):
                peer.close("the parent is silent")
            elif now - max(peer.last_good, started) > _UNREADABLE_S:
                peer.close("the parent's packets do not arrive or cannot be decrypted")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None


class Uplinks:
    """All lectures that this node pulls now."""

    def __init__(self, relay: Relay, ask: Ask, *, chance: Callable[[], float]) -> None:
        self._relay = relay
        self._ask = ask
        self._chance = chance
        self._running: dict[str, tuple[Uplink, asyncio.Task[None]]] = {}

    def follow(self, lectures: set[str]) -> None:
        """Pull exactly these lectures from now on; those already pulled go on undisturbed."""
        for lecture in set(self._running) - lectures:
            self._running.pop(lecture)[1].cancel()
        for lecture in [name for name, (_, task) in self._running.items() if task.done()]:
            del self._running[lecture]
        for lecture in lectures - set(self._running):
            uplink = Uplink(self._relay, lecture, self._ask, chance=self._chance)
            self._running[lecture] = uplink, asyncio.create_task(uplink.run(), name=f"uplink {lecture}")

    def wake(self) -> None:
        for uplink, _ in self._running.values():
            uplink.wake()

    def doubt(self) -> None:
        for uplink, _ in self._running.values():
            uplink.doubt()

    def state(self, lecture: str) -> UplinkState | None:
        running = self._running.get(lecture)
        return None if running is None else running[0].state

    async def stop(self) -> None:
        running = list(self._running.values())
        self._running.clear()
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
        await asyncio.gather(*(uplink.left() for uplink, _ in running))
