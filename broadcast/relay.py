"""The media plane of one node: lectures come in by WHIP or from the parent, and go out by WHEP, over one UDP port.

HTTP is not spoken here: `web` hands over the SDP and turns what comes back, or is raised, into a response.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass

from broadcast import estimate, fragment, negotiate, rtp, sdp
from broadcast.casting import LINGER_S
from broadcast.dtls import Certificate
from broadcast.errors import AlreadyPublished, EtagMissing, EtagStale, NothingLive, RelayFull, SessionUnknown
from broadcast.figures import ShownRung, StreamFigures, StreamStatus
from broadcast.ice import Address, Credentials
from broadcast.ingest import Ingest
from broadcast.peer import Handler, Peer, PeerState
from broadcast.port import Port
from broadcast.rungs import Pin
from broadcast.stream import Stream
from broadcast.viewer import Viewer

_log = logging.getLogger(__name__)
_TICK_S = 0.02
_FORGET_S = 600.0
_FOR_BROWSERS = 0.9
_MOST_HALF_OPEN = 300
_ICE_CHARACTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a WHIP or WHEP client gets with its 201: the SDP, the session's unguessable name, its ETag (unquoted)."""

    sdp: str
    session: str
    etag: str


@dataclass(frozen=True, kw_only=True)
class RelayFigures:
    """The whole relay at one moment. `strangers`: datagrams that belonged to no session; `half_open`: sessions that
    were answered and have not connected; `dropped`: datagrams that could not be protected or handed to the kernel."""

    streams: tuple[StreamFigures, ...] = ()
    strangers: int = 0
    half_open: int = 0
    open: int = 0
    dropped: int = 0


def new_credentials() -> Credentials:
    """ICE credentials (RFC 8445 §5.3: at least 24 and 128 bits)."""
    return Credentials(_random_text(8), _random_text(24))


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ICE_CHARACTERS) for _ in range(length))


class Relay:
    """`addresses`: the IP addresses that peers are told to reach this node at. `on_change` is called whenever a
    lecture gets or loses its source here. `linger_s`: how long a rung is pulled that no screen needs any more."""

    def __init__(
        self,
        *,
        host: str,
        udp_port: int,
        addresses: list[str],
        max_sessions: int,
        on_change: Callable[[], None] = lambda: None,
        linger_s: float = LINGER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.certificate = Certificate(dt.datetime.now(dt.UTC))
        self.clock = clock
        self._addresses = addresses
        self._max_sessions = max_sessions
        self._on_change = on_change
        self._linger_s = linger_s
        self._host = host
        self._port = Port(host, udp_port, clock=clock, after_drain=self.flush)
        self._dialing: set[Port] = set()
        self._streams: dict[str, Stream] = {}
        self._sessions: dict[str, Peer] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._measured = clock()
        self._pin = Pin.AUTO

    async def start(self) -> None:
        """Open the UDP port. Raises OSError when it is taken."""
        self._port.open()
        self._ticker = asyncio.create_task(self._tick_forever(), name="relay ticks")

    async def stop(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
            self._ticker = None
        for stream in self._streams.values():
            stream.close("the node stops")
        for port in (self._port, *self._dialing):
            port.close()

    @property
    def udp_port(self) -> int:
        return self._port.number

    # Sessions that others open here

    async def whip(self, lecture: str, offer: str) -> Answer:
        """Answer a publisher's offer. Raises AlreadyPublished while another one is on air here (one who has fallen
        silent gives way), SdpInvalid, OfferRefused or RelayFull."""
        if self.stream(lecture).published_here(self.clock()):
            raise AlreadyPublished
        self._make_room(reserved=True)
        description = sdp.parse(offer)
        sections, plans = negotiate.answer_publish(description)
        if any(rtp.ABS_SEND_TIME in plan.extensions and not plan.transport_cc for plan in plans):
            await asyncio.to_thread(estimate.load)
        ingest = Ingest(self.stream(lecture), plans)
        ingest.peer, answer = self._accept(description, sections, ingest)
        return answer

    async def whep(self, lecture: str, offer: str, *, node: bool = False) -> Answer:
        """Answer a viewer's offer. Raises NothingLive, SdpInvalid, OfferRefused or RelayFull.

        A child node is let in as soon as there is a source, so that the whole tree stands ready; a screen only when
        something flows, so that it does not take the last picture of a publisher who has left for a lecture.
        """
        stream = self._streams.get(lecture)
        if stream is None or stream.source is None or not (node or stream.is_worth_watching(self.clock())):
            raise NothingLive
        self._make_room(reserved=node)
        description = sdp.parse(offer)
        sections, plans = negotiate.answer_view(description, stream.sources, stream.codecs())
        viewer = Viewer(stream.legs(plans), stream, node=node, now=self.clock())
        if not node:
            stream.expect()
        viewer.peer, answer = self._accept(description, sections, viewer)
        return answer

    def _make_room(self, *, reserved: bool) -> None:
        """Publishers and child nodes find room where browsers no longer do: a subtree hangs on each of them."""
        part = 1.0 if reserved else _FOR_BROWSERS
        if self._port.peers >= self._max_sessions * part or self._port.half_open >= _MOST_HALF_OPEN * part:
            raise RelayFull

    def _accept(self, offer: sdp.Description, sections: list[sdp.Section], handler: Handler) -> tuple[Peer, Answer]:
        setup, client = negotiate.setup_for(offer)
        credentials = new_credentials()
        peer = Peer(
            self._port,
            self.certificate,
            handler,
            client=client,
            now=self.clock(),
            fingerprints=offer.fingerprints,
            credentials=credentials,
        )
        local = sdp.Local(
            credentials.ufrag,
            credentials.password,
            self.certificate.fingerprint,
            setup,
            self.candidates,
            secrets.randbits(62),
        )
        session = secrets.token_urlsafe(18)
        self._port.add(peer)
        self._sessions[session] = peer
        return peer, Answer(
            sdp=sdp.write(local, sections, allow_mixed=offer.allow_mixed), session=session, etag=credentials.ufrag
        )

    # Ports from which this node dials its parent

    def open_port(self) -> Port:
        """A UDP port for one session with the parent. Raises OSError."""
        port = Port(self._host, 0, clock=self.clock, after_drain=self.flush)
        port.open()
        self._dialing.add(port)
        return port

    def close_port(self, port: Port) -> None:
        self._dialing.discard(port)
        port.close()

    @property
    def candidates(self) -> tuple[Address, ...]:
        return self.candidates_of(self._port)

    def candidates_of(self, port: Port) -> tuple[Address, ...]:
        """Where peers can reach one of this node's ports."""
        return tuple((address, port.number) for address in self._addresses)

    def trickle(self, session: str, body: str, if_match: str | None) -> tuple[str, str] | None:
        """A PATCH with a trickle fragment (RFC 9725 §4.3.1). None for candidates (this side is lite and needs none);
        (fragment, new ETag) for an ICE restart. Raises SessionUnknown, EtagMissing, EtagStale, FragmentInvalid."""
        peer = self._peer(session)
        fragment.check(body)
        if if_match is None:
            raise EtagMissing
        if if_match not in (
            "*",
            '"*"',
        ):  # RFC 9725 §4.3.1.1: a restart matches any ETag, candidates only the present one
            if if_match != f'"{peer.credentials.ufrag}"':
                raise EtagStale
            return None
        credentials = new_credentials()
        self._port.rename(peer, credentials)
        return fragment.restart_answer(credentials, self.candidates), credentials.ufrag

    def delete(self, session: str) -> None:
        """End a session. Raises SessionUnknown."""
        self._peer(session).close("the client left")
        self._sessions.pop(session, None)

    def shown(self, session: str) -> ShownRung:
        """What a viewer's session is sent of the picture. Raises SessionUnknown."""
        viewer = self._peer(session).handler
        if not isinstance(viewer, Viewer):
            raise SessionUnknown
        return viewer.shown

    def has_session(self, session: str) -> bool:
        peer = self._sessions.get(session)
        return peer is not None and peer.alive

    def _peer(self, session: str) -> Peer:
        peer = self._sessions.get(session)
        if peer is None or not peer.alive:
            raise SessionUnknown
        return peer

    # What flows

    def stream(self, lecture: str) -> Stream:
        stream = self._streams.get(lecture)
        if stream is None:
            stream = self._streams[lecture] = Stream(
                lecture, self._port.sender, on_change=self._on_change, linger_s=self._linger_s
            )
            stream.set_pin(self._pin)
            stream.last_used = self.clock()
        return stream

    def set_pin(self, pin: Pin) -> None:
        """Which rung of the picture all who watch here are to get, nodes apart."""
        self._pin = pin
        for stream in self._streams.values():
            stream.set_pin(pin)

    def end(self, lecture: str, reason: str) -> None:
        """Close all sessions of a lecture that is over."""
        stream = self._streams.get(lecture)
        if stream is not None:
            stream.close(reason)

    def status(self, lecture: str) -> StreamStatus:
        stream = self._streams.get(lecture)
        return StreamStatus(live=False, fed=False) if stream is None else stream.status(self.clock())

    def figures(self) -> RelayFigures:
        """All that is counted, read now."""
        now, states = self.clock(), [peer.state for peer in self._sessions.values()]
        return RelayFigures(
            streams=tuple(stream.figures(now) for stream in self._streams.values()),
            strangers=self._port.strangers,
            half_open=states.count(PeerState.CONNECTING),
            open=states.count(PeerState.CONNECTED),
            dropped=self._port.sender.dropped,
        )

    def fed(self) -> list[str]:
        """The lectures that have a source on this node now."""
        return sorted(name for name, stream in self._streams.items() if stream.source is not None)

    def flush(self, now: float) -> None:
        for stream in self._streams.values():
            _guarded(stream.flush)

    async def _tick_forever(self) -> None:
        self._measured = self.clock()
        while True:
            await asyncio.sleep(_TICK_S)
            now = self.clock()
            for tick in [p.tick for p in (self._port, *self._dialing)] + [s.tick for s in self._streams.values()]:
                _guarded(tick, now)
            if now - self._measured >= 1.0:
                self.measure()

    def measure(self) -> None:
        """Take the figures since the last time, and forget what nobody uses. Once a second."""
        now = self.clock()
        seconds, self._measured = max(now - self._measured, 0.001), now
        for name, stream in list(self._streams.items()):
            stream.measure(seconds)
            if stream.source is not None or stream.viewers:
                stream.last_used = now
            elif now - stream.last_used > _FORGET_S:
                del self._streams[name]
        for session in [s for s, peer in self._sessions.items() if not peer.alive]:
            del self._sessions[session]


def _guarded(work: Callable[..., None], *arguments: float) -> None:
    """What goes wrong in one lecture or on one port does not stop the others."""
    try:
        work(*arguments)
    except Exception:
        _log.exception("%s failed", getattr(work, "__qualname__", work))
