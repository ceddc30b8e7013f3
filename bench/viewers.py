"""Many viewers in one process: real ICE, DTLS and SRTP to join; then each socket only counts what arrives."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Awaitable, Callable

from bench.dial import dial
from broadcast import Answer
from broadcast.dtls import Certificate
from broadcast.negotiate import offer_view
from broadcast.peer import Peer, PeerState
from broadcast.port import Port

_UDP_GRO = 104
_INT = struct.Struct("=i")


class CountingViewer:
    """`packets` counts RTP datagrams since the last `reset`; nothing is decrypted."""

    takes_rtp = True

    def __init__(self) -> None:
        self.peer: Peer | None = None
        self.packets = 0
        self._newest: dict[bytes, bytearray] = {}  # sequence number by SSRC
        self.first_packet: float | None = None
        self.connected = asyncio.Event()
        self.port: Port | None = None

    def on_connected(self, now: float) -> None:
        self.connected.set()

    def on_rtp(self, data: bytes, now: float) -> None:
        if self.first_packet is None:
            self.first_packet = now
        self.packets += 1

    def on_rtcp(self, data: bytes, now: float) -> None: ...

    def on_moved(self) -> None: ...

    def on_closed(self, reason: str) -> None: ...

    async def join(self, port: Port, certificate: Certificate, whep: Callable[[str], Awaitable[Answer]]) -> None:
        self.port = port
        peer = self.peer = await dial(port, certificate, self, offer_view(), whep)
        while peer.state is not PeerState.CONNECTED:
            port.tick(time.monotonic())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.connected.wait(), 0.05)

    def count_only(self) -> None:
        """From now on take whole GRO bursts from the socket and count their segments."""
        assert self.port is not None
        sock = self.port.socket
        sock.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        buffer = bytearray(65536)

        def readable() -> None:
            while True:
                try:
                    size, control, _, _ = sock.recvmsg_into([buffer], 64)
                except (BlockingIOError, InterruptedError):
                    return
                segment = next((_INT.unpack(d)[0] for _, kind, d in control if kind == _UDP_GRO), size)
                if 128 <= buffer[0] <= 191 and not 192 <= buffer[1] <= 223:
                    count = -(-size // segment)
                    newest = buffer[(count - 1) * segment + 2 : (count - 1) * segment + 4]
                    source = bytes(buffer[8:12])
                    if self._newest.get(source) != newest:  # else the newest packet, said again into a silence
                        self.packets += count
                    self._newest[source] = newest

        loop.add_reader(sock, readable)


def client_port(address: str) -> Port:
    port = Port(address, 0, clock=time.monotonic, after_drain=lambda now: None)
    port.open()
    return port
