"""The servers that `bench.peers` compares, each with its source and its viewers, ready to be measured."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from bench.fanout import publish
from bench.janus import Flavour, JanusViewer, PlainPublisher, janus_process
from bench.load import raw_publishing
from bench.media_relay import BIT_RATE, FilmPublisher, film, for_aiortc, media_relay_process
from bench.namespaces import CLIENT, SERVER, SERVER_CORE, Sides
from bench.rpc import relay_process
from bench.viewers import CountingViewer, client_port
from broadcast import Answer, Relay, rtcp, sdp
from broadcast.dtls import Certificate
from broadcast.port import Port

_V = TypeVar("_V", bound=CountingViewer)
Load = Callable[[float], Coroutine[Any, Any, int]]


async def _nothing() -> None: ...


@dataclass(frozen=True, kw_only=True)
class Subject:
    """`load` feeds the server for some seconds and returns how many packets it sent; `keep_alive` is called before each
    window: what a viewer or a client does while it is idle. `forwards`: it sends what it gets, packet for packet."""

    name: str
    pid: int
    audience: list[CountingViewer]
    load: Load
    forwards: bool = True
    keep_alive: Callable[[], Awaitable[None]] = _nothing


Opened = AbstractAsyncContextManager[Subject]


@contextlib.asynccontextmanager
async def tongtang(sides: Sides, viewers: int) -> AsyncIterator[Subject]:
    with contextlib.ExitStack() as stack:
        with sides.server_side():
            server = stack.enter_context(relay_process(SERVER, core=SERVER_CORE, extras={"pid": _pid}))
        certificate, audience = _certificate(), [CountingViewer() for _ in range(viewers)]
        stack.callback(_leave, audience)
        async with _source() as own, raw_publishing(own, partial(server.call, "whip")) as publisher:
            load = partial(publish, publisher)
            async with _on_air(load), _consenting(audience):
                whep = partial(server.call, "whep")
                await _join(audience, lambda viewer: viewer.join(client_port(CLIENT), certificate, whep))
            pid = await server.call("pid")
            yield Subject(
                name="tongtang", pid=pid, audience=audience, load=load, keep_alive=partial(_consent, audience)
            )


@contextlib.asynccontextmanager
async def janus(sides: Sides, flavour: Flavour, viewers: int) -> AsyncIterator[Subject]:
    async with janus_process(sides, flavour) as server:
        with contextlib.ExitStack() as stack:
            certificate, audience = _certificate(), [JanusViewer() for _ in range(viewers)]
            stack.callback(_leave, audience)
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            load = partial(publish, PlainPublisher(sock, server.ports))
            await _join(audience, lambda viewer: viewer.watch(server, certificate))
            yield Subject(
                name=flavour.value, pid=server.pid, audience=[*audience], load=load, keep_alive=server.keep_alive
            )


@contextlib.asynccontextmanager
async def media_relay(sides: Sides, viewers: int) -> AsyncIterator[Subject]:
    with media_relay_process(sides) as (server, pid), contextlib.ExitStack() as stack:
        certificate, audience = _certificate(), [CountingViewer() for _ in range(viewers)]
        stack.callback(_leave, audience)

        async def watch(viewer: CountingViewer) -> None:
            port = client_port(CLIENT)
            answers: list[Answer] = []

            async def whep(offer: str) -> Answer:
                answers.append(await server.call("whep", for_aiortc(offer, (CLIENT, port.number))))
                return answers[0]

            await viewer.join(port, certificate, whep)
            assert viewer.peer is not None
            viewer.peer.send_rtcp(rtcp.remb(1, BIT_RATE, sdp.parse(answers[0].sdp).media[1].ssrcs))

        async with _source() as own:

            async def whip(offer: str) -> Answer:
                answer: Answer = await server.call("whip", for_aiortc(offer, (CLIENT, own.dialed.number)))
                return answer

            async with raw_publishing(own, whip) as publisher:
                load = FilmPublisher(publisher, film()).publish
                async with _on_air(load):
                    await _join(audience, watch)
                yield Subject(name="media relay", pid=pid, audience=audience, load=load, forwards=False)


class _Source(Relay):
    """A relay that only dials, and tells from where."""

    dialed: Port

    def open_port(self) -> Port:
        self.dialed = super().open_port()
        return self.dialed


@contextlib.asynccontextmanager
async def _source() -> AsyncIterator[_Source]:
    own = _Source(host=CLIENT, udp_port=0, addresses=[CLIENT], max_sessions=10)
    await own.start()
    try:
        yield own
    finally:
        await own.stop()


@contextlib.asynccontextmanager
async def _on_air(load: Load) -> AsyncIterator[None]:
    """Nobody can join what is not on air. A little of it now and then is enough, and leaves the cores to who joins."""

    async def sometimes() -> None:
        while True:
            await load(0.1)
            await asyncio.sleep(0.5)

    await load(0.5)
    async with _meanwhile(sometimes()):
        yield


async def _join(audience: Sequence[_V], one: Callable[[_V], Awaitable[None]]) -> None:
    """All of them, a few at a time; then they only count."""
    gate = asyncio.Semaphore(20)

    async def enter(viewer: _V) -> None:
        async with gate:
            await one(viewer)
            viewer.count_only()

    await asyncio.gather(*(enter(viewer) for viewer in audience))


@contextlib.asynccontextmanager
async def _consenting(audience: Sequence[CountingViewer]) -> AsyncIterator[None]:
    """On a busy machine those who came first wait long for the last."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(5)
            await _consent(audience)

    async with _meanwhile(repeat()):
        yield


@contextlib.asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _consent(audience: Sequence[CountingViewer]) -> None:
    """A check from every viewer (RFC 7675): the relay forgets one that says nothing for half a minute."""
    for viewer in audience:
        if viewer.peer is not None and viewer.peer.dialer is not None:
            check = viewer.peer.dialer.due(time.monotonic(), secrets.token_bytes(12))
            if check is not None:
                viewer.peer.sender.raw(*check)


def _leave(audience: Sequence[CountingViewer]) -> None:
    for viewer in audience:
        if viewer.port is not None:
            viewer.port.close()


def _certificate() -> Certificate:
    return Certificate(dt.datetime.now(dt.UTC))


def _pid(relay: Relay) -> int:
    return os.getpid()
