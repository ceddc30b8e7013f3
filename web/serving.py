"""Running a node until it is told to stop: `tongtang serve`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from venues.settings import Settings
from web.app import Server
from web.node import Node, Readiness
from web.process import stop_on_signals, watching_stdin
from web.streaming import Streaming


def compose(settings: Settings) -> Node:
    """The node with everything that it runs."""
    return Node(settings, make_relay=Streaming)


async def serve(
    settings: Settings,
    say: Callable[[str], None],
    *,
    until_eof: bool = False,
    make: Callable[[Settings], Node] = compose,
) -> None:
    """Serve until SIGINT or SIGTERM (or, with `until_eof`, the end of standard input). Raises AddressTaken,
    CertificateUnusable."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    server = Server(make(settings))
    await server.start()
    telling = asyncio.create_task(_tell(server.node, say))
    try:
        async with watching_stdin(stop) if until_eof else contextlib.nullcontext():
            await stop.wait()
    finally:
        telling.cancel()
        await server.stop()


async def _tell(node: Node, say: Callable[[str], None]) -> None:
    """One line at once, and one more when a node that had to wait becomes ready."""
    url = node.public_url
    if node.readiness is not Readiness.READY:
        say(_waiting(node, url))
    await node.ready.wait()
    say(f"{node.require_venue().name} is served at {url}")


def _waiting(node: Node, url: str) -> str:
    match node.readiness:
        case Readiness.NO_TREE:
            return f"A root node without venues yet (import them: tongtang venues import) is served at {url}"
        case Readiness.NOT_ENROLLED:
            return f"A node that is not enrolled yet (enrol it: tongtang node enrol) is served at {url}"
    code = node.identity.venue_code if node.identity else ""
    return f"The node of venue {code} is served at {url} and waits for the list of venues from its parent"
