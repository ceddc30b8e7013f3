"""The link between a node and its parent as a test may damage it: a proxy that knows each request and each reply."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

EVENTS = "/api/node/events"
STREAMS = "/api/node/streams"
_LONGEST = 1 << 16  # of a head


class Cut(Exception):
    """The connection breaks off after `given`, with a reset, not with a farewell."""

    def __init__(self, given: bytes = b"") -> None:
        super().__init__(f"after {len(given)} bytes")
        self.given = given


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str  # without the query
    raw: bytes  # as it goes to the parent; the parent closes the connection after its reply
    body: bytes

    @property
    def hands_up(self) -> bool:
        """Whether it is a batch of events."""
        return (self.method, self.path) == ("POST", EVENTS)


Forward = Callable[[bytes], Awaitable[bytes]]
# Gets each request, and the way to send bytes to the parent and get the raw reply; gives the reply for the child.
Hook = Callable[[Request, Forward], Awaitable[bytes]]


async def whole(request: Request, forward: Forward) -> bytes:
    """A link that works."""
    return await forward(request.raw)


def reply(status: str, body: bytes = b"{}") -> bytes:
    """A raw reply that no parent gave."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return head.encode() + b"\r\n\r\n" + body


class Wire:
    def __init__(self, port: int, hook: Hook) -> None:
        self._port, self.hook = port, hook
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=_LONGEST)

    async def close(self) -> None:
        """Once nobody calls any more: asyncio forgets a connection that it is taking in while its server closes."""
        assert self._server is not None
        for _ in range(5):
            await asyncio.sleep(0)
        self._server.close()
        for each in list(self._carrying):
            each.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of the child; each comes on a connection of its own, because the parent's replies say so."""
        try:
            writer.write(await self.hook(await read_request(reader), self.forward))
            await writer.drain()
            writer.close()
        except Cut as cut:
            writer.write(cut.given)
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.transport.abort() if not writer.is_closing() else None

    async def forward(self, raw: bytes) -> bytes:
        """To the parent, and the whole reply; what is no whole request is followed by the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(raw)
            await writer.drain()
            if not _is_whole(raw):
                raise Cut
            answer = await reader.read()
            if not _is_whole(answer):
                raise Cut(answer)  # the parent died in the middle of it
            return answer
        finally:
            writer.transport.abort()


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(_length(head) or 0)
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
    head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    return Request(method=method, path=target.partition("?")[0], raw=head + body, body=body)


def _length(head: bytes) -> int | None:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(found[1]) if found else None


def _is_whole(raw: bytes) -> bool:
    """A message whose body has the length that its head says; without one it ends with the connection, or has none."""
    head, end, body = raw.partition(b"\r\n\r\n")
    return bool(end) and len(body) >= (_length(head) or 0)


@contextlib.asynccontextmanager
async def wired(port: int, hook: Hook = whole) -> AsyncIterator[Wire]:
    """A wire to the node that listens on `port`."""
    wire = Wire(port, hook)
    await wire.open()
    try:
        yield wire
    finally:
        await wire.close()
