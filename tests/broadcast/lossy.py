"""A link that loses, seeded: a UDP proxy between a child and its parent, put into the parent's answer."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from broadcast import Relay, Reply
from tests.broadcast.peers import asking

Address = tuple[str, int]


class LossyLink:
    """Forwards between whoever dials and `target`. Loss comes single (`loss`) and in bursts of `burst` packets."""

    def __init__(self, target: Address, *, seed: int, loss: float, burst: int = 1) -> None:
        self.lost = self.carried = self.cut = 0  # cut: packets of media while it was not open
        self.open = True
        self._target, self._chance = target, random.Random(seed)
        self._loss, self._burst, self._left = loss, burst, 0
        self._near = self._socket(self._up)
        self._far: dict[Address, socket.socket] = {}

    def _socket(self, on_readable: Callable[[], None]) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(sock, on_readable)
        return sock

    def lose(self, part: float) -> None:
        """From now on."""
        self._loss = part

    @property
    def port(self) -> int:
        return int(self._near.getsockname()[1])

    def _up(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, source = self._near.recvfrom(2048)
                if source not in self._far:
                    self._far[source] = self._socket(lambda source=source: self._down(source))
                if self.survives(data):
                    self._far[source].sendto(data, self._target)

    def _down(self, source: Address) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self._far[source].recv(2048)
                if self.survives(data):
                    self._near.sendto(data, source)

    def survives(self, data: bytes) -> bool:
        """The media is lossy; the handshake is not, or a test would wait for its retransmissions."""
        if not self.open:
            self.cut += 128 <= data[0] <= 191 and not 192 <= data[1] <= 223
            return False
        if data[0] < 128:
            return True
        if self._left:
            self._left -= 1
        elif self._chance.random() < self._loss / self._burst:
            self._left = self._burst - 1
        else:
            self.carried += 1
            return True
        self.lost += 1
        return False

    def close(self) -> None:
        for sock in (*self._far.values(), self._near):
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()


@asynccontextmanager
async def lossy(
    parent: Relay, *, seed: int, loss: float, burst: int = 1
) -> AsyncIterator[tuple[LossyLink, Callable[..., Awaitable[Reply]]]]:
    """(the link, an `ask` for a child behind it)."""
    link = LossyLink(("127.0.0.1", parent.udp_port), seed=seed, loss=loss, burst=burst)
    plain = asking(lambda: parent)

    async def ask(method: str, path: str, *, body: str = "", content_type: str = "", if_match: str = "") -> Reply:
        reply = await plain(method, path, body=body, content_type=content_type)
        changed = re.sub(rf"(127\.0\.0\.1) {parent.udp_port} ", rf"\1 {link.port} ", reply.body)
        return Reply(status=reply.status, headers=reply.headers, body=changed, url=reply.url)

    try:
        yield link, ask
    finally:
        link.close()
