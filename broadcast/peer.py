"""One association on the node's UDP port: ICE, then DTLS, then SRTP. What flows over it is its handler's business."""

from __future__ import annotations

import enum
import logging
import secrets
from typing import Protocol

from pylibsrtp import Error as SrtpError

from broadcast import ice
from broadcast.dtls import Certificate, Dtls
from broadcast.dtls import State as DtlsState
from broadcast.ice import Address, Credentials, Dialer
from broadcast.send import Sender, Way, way

_log = logging.getLogger(__name__)
_CONSENT_S = 30.0  # RFC 7675 §5.1
_HANDSHAKE_S = 15.0
_MOST_ADDRESSES = 8
_SPEAKS_S = 5.0
_MOST_FAILURES = 50
_UNREADABLE_S = 10.0
_MOST_SSRCS = 32
# In one second: ten times what a lecture in full HD needs, and more reports than any receiver has to make.
_MOST_OCTETS, _MOST_PACKETS, _MOST_REPORTS = 8_000_000, 10_000, 500


class PeerState(enum.Enum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class Handler(Protocol):
    """Who lives on a peer. None of these may raise for anything that a stranger can send."""

    takes_rtp: bool

    def on_connected(self, now: float) -> None: ...
    def on_moved(self) -> None:
        """The peer has another address: `peer.way` is new."""

    def on_rtp(self, data: bytes, now: float) -> None: ...
    def on_rtcp(self, data: bytes, now: float) -> None: ...
    def on_closed(self, reason: str) -> None: ...


class Registry(Protocol):
    """The port, as a peer sees it."""

    sender: Sender

    def owner(self, address: Address) -> Peer | None: ...
    def bind(self, address: Address, peer: Peer) -> None: ...
    def unbind(self, address: Address, peer: Peer) -> None: ...
    def retire(self, peer: Peer) -> None: ...
    def remove(self, peer: Peer) -> None: ...


class Peer:
    """`remote` and `candidates` are given when this node dials (a child pulling from its parent)."""

    def __init__(
        self,
        port: Registry,
        certificate: Certificate,
        handler: Handler,
        *,
        client: bool,
        now: float,
        fingerprints: tuple[tuple[str, str], ...],
        credentials: Credentials,
        dialer: Dialer | None = None,
    ) -> None:
        self.handler = handler
        self.credentials = credentials
        self.state = PeerState.CONNECTING
        self.address: Address | None = None
        self.way: Way | None = None  # where and how media goes to the peer; None before it is connected
        self.addresses: dict[Address, None] = {}  # in the order of their first check
        self.replaced: Credentials | None = None
        self.last_heard = now
        self.dtls = Dtls(certificate, client=client, fingerprints=fingerprints)
        self.dialer = dialer
        self._port = port
        self._born = self.last_good = now
        self._nominated: Address | None = None
        self._failures = 0
        self._ssrcs: set[bytes] = set()
        self._second = now
        self._octets = self._packets = self._reports = 0  # in this second
        self.excess = 0  # packets that were too many

    @property
    def sender(self) -> Sender:
        return self._port.sender

    @property
    def alive(self) -> bool:
        return self.state is not PeerState.CLOSED

    def on_check(self, data: bytes, source: Address, now: float) -> None:
        """A connectivity check with a ufrag of ours. Only what is signed with our password has any effect."""
        message = ice.read(data)
        if message is None:
            return
        named = self.credentials_of(ice.request_ufrag(data))
        reply = ice.answer(message, named, source) if named is not None else None
        if reply is None:
            return
        self._port.sender.raw(reply, source)
        self.last_heard = now
        if self.replaced is not None and named is self.credentials:
            self._port.retire(self)  # the restart has been understood: the credentials before it are no more
        if not self._take(source, now) or self.dialer is not None:
            return
        if self.state is PeerState.CONNECTED:
            # A signed check proves a password, not an address: media moves when protected packets come from there.
            if ice.nominates(message) and source != self.address:
                self._nominated = source
        elif self.address is None or ice.nominates(message):
            self._select(source)
            self._begin()

    def credentials_of(self, ufrag: str | None) -> Credentials | None:
        """Ours under this ufrag: after an ICE restart the former ones hold until the new ones are used."""
        return next((c for c in (self.credentials, self.replaced) if c is not None and c.ufrag == ufrag), None)

    def _take(self, source: Address, now: float) -> bool:
        """Let datagrams from this address lead here. An address that another live session speaks from stays there."""
        owner = self._port.owner(source)
        if owner is self:
            return True
        if owner is not None and owner.speaks_from(source, now):
            return False
        if len(self.addresses) >= _MOST_ADDRESSES:
            oldest = next(a for a in self.addresses if a != self.address)
            del self.addresses[oldest]
            self._port.unbind(oldest, self)
        self.addresses[source] = None
        self._port.bind(source, self)
        return True

    def speaks_from(self, address: Address, now: float) -> bool:
        return self.state is PeerState.CONNECTED and address == self.address and now - self.last_heard < _SPEAKS_S

    def on_answer(self, data: bytes, source: Address, now: float) -> None:
        """A response to one of our checks; unsigned or unasked ones are not even read."""
        transaction = ice.response_transaction(data)
        if self.dialer is None or transaction is None or not self.dialer.expects(transaction, source):
            return
        message = ice.read(data)
        if message is not None and self.dialer.on_response(message, source, now):
            self.last_heard = now
            if self.address is None:
                self._take(source, now)
                self._select(source)
                self._begin()

    def _select(self, address: Address) -> None:
        if address == self.address:
            return
        self.address = address
        if self.way is not None:
            self.way = way(self.way.session, address, self.way.tag)
            self.handler.on_moved()

    def _begin(self) -> None:
        if self.dtls.state is DtlsState.NEW:
            self.dtls.start()
            self._flush()

    def on_dtls(self, data: bytes, now: float) -> None:
        if self.state is PeerState.CLOSED or self.address is None:
            return
        self.dtls.receive(data)
        self._flush()
        if self.state is PeerState.CONNECTING and self.dtls.state is DtlsState.CONNECTED:
            self.state = PeerState.CONNECTED
            self.last_heard = now
            if self.dtls.tx is not None:
                self.way = way(self.dtls.tx, self.address, self.dtls.tag)
            self.handler.on_connected(now)
        elif self.dtls.state in (DtlsState.FAILED, DtlsState.CLOSED):
            self.close(self.dtls.reason)

    def on_srtp(self, data: bytes, source: Address, now: float) -> None:
        """A protected packet. One that fails is dropped; when nothing else comes for long, the session is over: its
        keys or its rollover counters have parted (RFC 3711 §3.3.1), and only a new session mends that."""
        rx = self.dtls.rx
        if rx is None or len(data) < 12 or self.state is not PeerState.CONNECTED:
            return
        is_rtcp = 192 <= data[1] <= 223  # RFC 5761 §4
        if not is_rtcp and not self.handler.takes_rtp:
            return
        if not self._in_measure(is_rtcp, len(data), now):
            return
        ssrc = data[4:8] if is_rtcp else data[8:12]
        if ssrc not in self._ssrcs and len(self._ssrcs) >= _MOST_SSRCS:
            return  # each one costs libsrtp a context for as long as the session lives
        try:
            plain = rx.unprotect_rtcp(data) if is_rtcp else rx.unprotect(data)
        except (SrtpError, ValueError):
            self._failures += 1
            if self._failures > _MOST_FAILURES and now - self.last_good > _UNREADABLE_S:
                self.close("the packets can no longer be decrypted")
            return
        self._failures = 0
        self._ssrcs.add(ssrc)
        self.last_heard = self.last_good = now
        if source != self.address and source == self._nominated:
            self._select(source)
        if is_rtcp:
            self.handler.on_rtcp(plain, now)
        else:
            self.handler.on_rtp(plain, now)

    def _in_measure(self, is_rtcp: bool, octets: int, now: float) -> bool:
        """One session may not take all of the node's time, nor all of the line of those below it."""
        if now - self._second >= 1.0:
            self._second, self._octets, self._packets, self._reports = now, 0, 0, 0
        self._octets += octets
        self._packets += 1
        self._reports += is_rtcp
        if self._octets <= _MOST_OCTETS and self._packets <= _MOST_PACKETS and self._reports <= _MOST_REPORTS:
            return True
        if not self.excess:
            _log.warning("a session sends more than it may: what is too much in a second is dropped")
        self.excess += 1
        return False

    def send_rtcp(self, plain: bytes) -> None:
        if self.way is not None and self.address is not None:
            self._port.sender.rtcp(self.way, self.address, plain)

    def tick(self, now: float) -> None:
        """Retransmit the handshake, check candidates, keep or lose consent. Called every few tens of milliseconds."""
        if self.state is PeerState.CLOSED:
            return
        if self.dialer is not None:
            check = self.dialer.due(now, secrets.token_bytes(12))
            if check is not None:
                self._port.sender.raw(*check)
        if self.state is PeerState.CONNECTING:
            timeout = self.dtls.timeout()
            if timeout is not None and timeout <= 0:
                self.dtls.on_timer()
                self._flush()
            if self.dtls.state is DtlsState.FAILED:
                self.close(self.dtls.reason)
            elif now - self._born > _HANDSHAKE_S:
                self.close("the connection was not set up in time")
        elif now - self.last_heard > _CONSENT_S:
            self.close("the other side fell silent")

    def _flush(self) -> None:
        if self.address is not None:
            for datagram in self.dtls.outgoing():
                self._port.sender.raw(datagram, self.address)

    def close(self, reason: str) -> None:
        """End the association, telling the other side; the handler hears of it once."""
        if self.state is PeerState.CLOSED:
            return
        self.state = PeerState.CLOSED
        self.dtls.close()
        self._flush()
        self._port.remove(self)
        self.handler.on_closed(reason)
