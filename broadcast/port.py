"""The node's one UDP port: every datagram to its peer, by ufrag (STUN) or by the address that ICE verified."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

from broadcast import ice
from broadcast.ice import Address
from broadcast.peer import Peer, PeerState
from broadcast.send import Sender

_log = logging.getLogger(__name__)
_MOST_A_DRAIN = 512
_LONGEST = 1500  # of a datagram of WebRTC on Ethernet; what is longer comes from a stranger
_BUFFER_BYTES = 8 << 20


class Port:
    """`after_drain` is called once after each emptying of the socket: what arrived together goes out together."""

    def __init__(
        self, host: str, port: int, *, clock: Callable[[], float], after_drain: Callable[[float], None]
    ) -> None:
        self._host, self._requested = host, port
        self._clock = clock
        self._after_drain = after_drain
        self._by_ufrag: dict[str, Peer] = {}
        self._lively: set[Peer] = set()  # whose ticks are due often: handshakes, and peers that this side dials
        self._next_round = 0.0
        self._by_address: dict[Address, Peer] = {}
        self._socket: socket.socket | None = None
        self.sender: Sender
        self.strangers = 0

    @property
    def number(self) -> int:
        """The UDP port in use; 0 before `open`."""
        return 0 if self._socket is None else int(self._socket.getsockname()[1])

    @property
    def socket(self) -> socket.socket:
        assert self._socket is not None
        return self._socket

    @property
    def peers(self) -> int:
        return len(self._by_ufrag)

    @property
    def half_open(self) -> int:
        """Sessions that have been answered and have not connected yet."""
        return sum(peer.state is PeerState.CONNECTING for peer in self._lively)

    def open(self) -> None:
        """Bind and begin to read. Raises OSError when the port is taken."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                _enlarge(sock, option)
            sock.bind((self._host, self._requested))
        except OSError:
            sock.close()
            raise
        self._socket = sock
        self.sender = Sender(sock)
        asyncio.get_running_loop().add_reader(sock, self._readable)

    def close(self) -> None:
        if self._socket is None:
            return
        for peer in list(self._by_ufrag.values()):
            peer.close("the node stops")
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None

    def add(self, peer: Peer) -> None:
        self._by_ufrag[peer.credentials.ufrag] = peer
        self._lively.add(peer)
        if peer.dialer is not None:
            # The parent answers our checks from its candidate addresses: they lead to this peer at once.
            for address in peer.dialer.candidates:
                self._by_address.setdefault(address, peer)

    def owner(self, address: Address) -> Peer | None:
        return self._by_address.get(address)

    def bind(self, address: Address, peer: Peer) -> None:
        self._by_address[address] = peer

    def unbind(self, address: Address, peer: Peer) -> None:
        if self._by_address.get(address) is peer:
            del self._by_address[address]

    def remove(self, peer: Peer) -> None:
        self.retire(peer)
        self._by_ufrag.pop(peer.credentials.ufrag, None)
        self._lively.discard(peer)
        for address in [*peer.addresses, *(peer.dialer.candidates if peer.dialer else ())]:
            self.unbind(address, peer)

    def rename(self, peer: Peer, credentials: ice.Credentials) -> None:
        """New ICE credentials for a peer (ICE restart). The former ones hold until the new ones are used: the answer
        may be lost on its way (RFC 9725 §4.3.1)."""
        self.retire(peer)
        peer.replaced, peer.credentials = peer.credentials, credentials
        self._by_ufrag[credentials.ufrag] = peer

    def retire(self, peer: Peer) -> None:
        """Forget the credentials before an ICE restart."""
        if peer.replaced is not None:
            self._by_ufrag.pop(peer.replaced.ufrag, None)
            peer.replaced = None

    def tick(self, now: float) -> None:
        for peer in list(self._lively):
            peer.tick(now)
            if peer.state is PeerState.CONNECTED and peer.dialer is None:
                self._lively.discard(peer)
        if now >= self._next_round:
            self._next_round = now + 1.0
            for peer in list(self._by_ufrag.values()):
                peer.tick(now)

    def _readable(self) -> None:
        sock = self._socket
        assert sock is not None
        now = self._clock()
        for _ in range(_MOST_A_DRAIN):
            try:
                data, address = sock.recvfrom(2048)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an ICMP error of an earlier send; the socket itself is well
            if 0 < len(data) <= _LONGEST:
                self.handle(data, address, now)
        self._after_drain(now)

    def handle(self, data: bytes, address: Address, now: float) -> None:
        """One datagram, by its first octet (RFC 7983 §7)."""
        first = data[0]
        peer = self._by_address.get(address)
        try:
            if 128 <= first <= 191 and peer is not None:
                peer.on_srtp(data, address, now)
            elif first <= 3:
                self._stun(peer, data, address, now)
            elif 20 <= first <= 63 and peer is not None:
                peer.on_dtls(data, now)
            else:
                self.strangers += 1
        except Exception:
            # A fault of ours, brought to light by somebody's bytes: it costs that session, not the others.
            _log.exception("a datagram from %s:%d could not be handled", *address)
            if peer is not None:
                peer.close("internal error")

    def _stun(self, peer: Peer | None, data: bytes, address: Address, now: float) -> None:
        ufrag = ice.request_ufrag(data)
        if ufrag is not None:
            named = self._by_ufrag.get(ufrag)
            if named is not None:
                named.on_check(data, address, now)
                return
        elif peer is not None:
            peer.on_answer(data, address, now)
            return
        self.strangers += 1


def _enlarge(sock: socket.socket, option: int) -> None:
    """The largest buffer that the system allows, up to _BUFFER_BYTES; the FORCE variants need CAP_NET_ADMIN."""
    force = {socket.SO_RCVBUF: 33, socket.SO_SNDBUF: 32}[option]
    try:
        sock.setsockopt(socket.SOL_SOCKET, force, _BUFFER_BYTES)
    except OSError:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
