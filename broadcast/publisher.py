"""A WHIP client (RFC 9725) that publishes a source and keeps it on air: it reconnects until it is told to stop.

One attempt = one RTCPeerConnection: POST the offer, set the answer, watch, DELETE. What an HTTP answer means and how
long to wait are decided by the two pure functions `judge` and `pause_s`.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from yarl import URL

from broadcast.sources import Source, SourceOptions, open_source
from venues.errors import TongtangError

log = logging.getLogger(__name__)

CODECS = ("vp8", "h264")
MAX_REDIRECTS = 5
CONNECT_S = 15.0  # ICE and DTLS together
DELETE_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 4.0
_REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=10)


class PublishRefused(TongtangError):
    """The server at {url} refused the token (HTTP {http_status}): ask for a new one."""

    code: ClassVar[str] = "publish_refused"
    status: ClassVar[int] = 401


class PublishImpossible(TongtangError):
    """The server at {url} will not take this broadcast (HTTP {http_status}): {reason}"""

    code: ClassVar[str] = "publish_impossible"
    status: ClassVar[int] = 400


class State(enum.Enum):
    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting"
    STOPPED = "stopped"


class Verdict(enum.Enum):
    CREATED = "created"
    REDIRECT = "redirect"
    RETRY = "retry"
    TOKEN_REFUSED = "token_refused"
    IMPOSSIBLE = "impossible"


def judge(status: int) -> Verdict:
    """What the answer to the POST means; a status that we do not know counts by its class."""
    if status == 201:
        return Verdict.CREATED
    if status in (307, 308):  # RFC 9725 §4.5: 307; 308 keeps method and body just as well
        return Verdict.REDIRECT
    if status in (401, 403):
        return Verdict.TOKEN_REFUSED
    if status in (408, 409, 425, 429) or status >= 500:
        return Verdict.RETRY
    return Verdict.IMPOSSIBLE


def pause_s(failures: int, retry_after: str | None, chance: float) -> float:
    """Seconds to wait after so many failures in a row: full jitter, never less than the server asked for.

    `chance` is a random number in [0, 1).
    """
    ceiling = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 10))
    asked = float(retry_after) if retry_after is not None and retry_after.strip().isdigit() else 0.0
    return min(asked, 300.0) + chance * ceiling


class Silence:
    """Decides from the count of packets that came back (RTCP) whether the peer is gone.

    Peers report every half second to every seven seconds; the limit is three times the longest pause seen so far, and
    generous until some have been seen. `at` is in seconds of a steady clock.
    """

    GENEROUS_S, SHORTEST_S, ENOUGH_PAUSES = 10.0, 3.0, 4

    def __init__(self, at: float) -> None:
        self._last_at, self._last_count = at, 0
        self._longest, self._pauses = 0.0, 0

    def gone(self, count: int, at: float) -> bool:
        if count != self._last_count:
            self._longest = max(self._longest, at - self._last_at)
            self._pauses += 1
            self._last_at, self._last_count = at, count
        limit = self.GENEROUS_S
        if self._pauses > self.ENOUGH_PAUSES:
            limit = min(limit, max(self.SHORTEST_S, 3 * self._longest))
        return at - self._last_at > limit


@dataclass(frozen=True, kw_only=True)
class PublishOptions:
    url: str
    token: str
    codec: str = "vp8"
    source: SourceOptions = field(default_factory=SourceOptions)


class _Retry(Exception):
    """This attempt is over; the next may work."""

    def __init__(self, why: str, retry_after: str | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class Publisher:
    """`run()` publishes until the source ends or the task is cancelled; then the session is deleted at the server.

    Raises SourceError, PublishRefused, PublishImpossible. `changed` hears each new state and, for a pause, its reason.
    """

    def __init__(
        self,
        options: PublishOptions,
        http: aiohttp.ClientSession,
        *,
        now: Callable[[], float],
        random: Callable[[], float],
        changed: Callable[[State, str], None] = lambda state, why: None,
    ) -> None:
        self._options, self._http, self._now, self._random, self._changed = options, http, now, random, changed
        self._state = State.STOPPED
        self._failures = 0

    @property
    def state(self) -> State:
        return self._state

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._attempt()
                    return
                except _Retry as retry:
                    pause = pause_s(self._failures, retry.retry_after, self._random())
                    self._failures += 1
                    self._set(State.WAITING, str(retry))
                    await asyncio.sleep(pause)
        finally:
            self._set(State.STOPPED)

    async def _attempt(self) -> None:
        """Return when the source has ended; raise _Retry when the connection could not be made or was lost."""
        self._set(State.CONNECTING)
        source = await asyncio.to_thread(open_source, self._options.source, self._now)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        resource: URL | None = None
        try:
            self._add(peer, source)
            await peer.setLocalDescription(await peer.createOffer())
            answer, resource = await self._post(peer.localDescription.sdp)
            try:
                await peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
            except (ValueError, KeyError, AttributeError, AssertionError) as error:
                raise _Retry("the server's answer cannot be read") from error
            await self._watch(peer, source)
        finally:
            source.stop()
            # Shielded: who cancels us still wants the server told, and waits DELETE_S at most for it.
            await asyncio.shield(asyncio.ensure_future(self._close(peer, resource)))

    def _add(self, peer: RTCPeerConnection, source: Source) -> None:
        if source.audio is not None:
            peer.addTransceiver(source.audio, direction="sendonly")
        if source.video is not None:
            transceiver = peer.addTransceiver(source.video, direction="sendonly")
            wanted = ("video/" + self._options.codec, "video/rtx")
            codecs = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType.lower() in wanted]
            transceiver.setCodecPreferences(codecs)

    async def _post(self, offer: str) -> tuple[str, URL]:
        """The answer's SDP and the session's URL (RFC 9725 §4.2)."""
        url = URL(self._options.url)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                async with self._http.post(
                    url,
                    data=offer,
                    headers=self._headers | {"Content-Type": "application/sdp"},
                    allow_redirects=False,
                    timeout=_REQUEST_TIMEOUT,
                ) as response:
                    body = await response.text(errors="replace")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise _Retry(f"{url.origin()} cannot be reached") from error
            location = response.headers.get("Location")
            match judge(response.status):
                case Verdict.CREATED if location is not None:
                    return body, url.join(URL(location))
                case Verdict.REDIRECT if location is not None:
                    target = url.join(URL(location))
                    if url.scheme == "https" and target.scheme != "https":
                        raise PublishImpossible(url=url, http_status=response.status, reason="redirect to plain HTTP")
                    url = target
                case Verdict.TOKEN_REFUSED:
                    raise PublishRefused(url=url, http_status=response.status)
                case Verdict.RETRY:
                    raise _Retry(f"HTTP {response.status} from {url.origin()}", response.headers.get("Retry-After"))
                case _:
                    reason = " ".join(body.split())[:200] or response.reason or "no reason given"
                    raise PublishImpossible(url=url, http_status=response.status, reason=reason)
        raise PublishImpossible(url=url, http_status=307, reason="too many redirects")

    async def _watch(self, peer: RTCPeerConnection, source: Source) -> None:
        """Return when the source has ended, raise _Retry when the connection fails, closes or falls silent."""
        clock = asyncio.get_running_loop().time
        news = asyncio.Event()
        peer.on("connectionstatechange", lambda: news.set())
        deadline, silence = clock() + CONNECT_S, Silence(clock())
        while True:
            state = _connection(peer)
            if state in ("failed", "closed"):  # before looking at the source: a lost connection ends its tracks too
                raise _Retry(f"the media connection has {'failed' if state == 'failed' else 'been closed'}")
            if source.ended:
                return
            if state == "connected":
                if self._state is not State.LIVE:
                    self._failures = 0
                    silence = Silence(clock())
                    self._set(State.LIVE)
                if silence.gone(await _packets_received(peer), clock()):
                    raise _Retry("the server has gone silent")
            elif clock() > deadline:
                raise _Retry("the media connection could not be made")
            news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), 0.5)

    async def _close(self, peer: RTCPeerConnection, resource: URL | None) -> None:
        if resource is not None:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                timeout = aiohttp.ClientTimeout(total=DELETE_S)
                async with self._http.delete(resource, headers=self._headers, timeout=timeout):
                    pass
        await peer.close()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._options.token}"}

    def _set(self, state: State, why: str = "") -> None:
        if (state, why) != (self._state, ""):
            log.info("publisher: %s -> %s%s", self._state.value, state.value, f" ({why})" if why else "")
            self._state = state
            self._changed(state, why)


def _connection(peer: RTCPeerConnection) -> str:
    """aiortc's connection state, which becomes "closed" a little after the transport that has been closed."""
    transports = {sender.transport.state for sender in peer.getSenders()}
    return "closed" if "closed" in transports else peer.connectionState


async def _packets_received(peer: RTCPeerConnection) -> int:
    """How many packets (for a sender: RTCP) have come from the peer on this connection."""
    report = await peer.getStats()
    return sum(entry.packetsReceived for entry in report.values() if entry.type == "transport")
