"""A chain of relays, each in a process of its own with an HTTP door, each pulling from the one above it."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing as mp
import random
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection

import aiohttp
import uvloop
from aiohttp import web
from yarl import URL

from bench.rpc import LECTURE
from broadcast import Answer, NothingLive, Relay, Reply, SessionUnknown, Uplinks

_NODE = "X-Node"


async def _serve(connection: Connection, parent: str | None) -> None:
    relay = Relay(host="127.0.0.1", udp_port=0, addresses=["127.0.0.1"], max_sessions=10_000)
    await relay.start()

    async def door(request: web.Request) -> web.Response:
        offer = await request.text()
        try:
            if request.path == "/whip":
                answer = await relay.whip(LECTURE, offer)
            else:
                answer = await relay.whep(LECTURE, offer, node=_NODE in request.headers)
        except NothingLive:
            return web.Response(status=409)
        location = {"Location": f"/session/{answer.session}"}
        return web.Response(status=201, text=answer.sdp, content_type="application/sdp", headers=location)

    async def leave(request: web.Request) -> web.Response:
        with contextlib.suppress(SessionUnknown):
            relay.delete(request.match_info["session"])
        return web.Response()

    async def status(_request: web.Request) -> web.Response:
        seen = relay.status(LECTURE)
        return web.json_response({"fed": seen.fed, "nodes": seen.nodes, "viewers": seen.viewers})

    application = web.Application()
    application.router.add_post("/whip", door)
    application.router.add_post("/whep/" + LECTURE, door)
    application.router.add_delete("/session/{session}", leave)
    application.router.add_get("/status", status)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:

        async def ask(method: str, path: str, *, body: str = "", content_type: str = "", if_match: str = "") -> Reply:
            headers = {_NODE: "1"} | ({"Content-Type": content_type} if content_type else {})
            async with http.request(
                method, URL(parent or "").join(URL(path)), data=body.encode(), headers=headers
            ) as response:
                text, url = await response.text(), str(response.url)
                return Reply(status=response.status, headers=response.headers, body=text, url=url)

        uplinks = Uplinks(relay, ask, chance=random.random)
        if parent is not None:
            uplinks.follow({LECTURE})
        connection.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
        with contextlib.suppress(EOFError):
            await asyncio.to_thread(connection.recv)
        await uplinks.stop()
    await runner.cleanup()
    await relay.stop()


def _main(connection: Connection, parent: str | None) -> None:
    uvloop.run(_serve(connection, parent))


@contextlib.contextmanager
def relay_chain(levels: int) -> Iterator[list[str]]:
    """The addresses of the doors, the root's first."""
    urls: list[str] = []
    with contextlib.ExitStack() as stack:
        for _ in range(levels):
            here, there = mp.Pipe()
            process = mp.get_context("spawn").Process(
                target=_main, args=(there, urls[-1] if urls else None), daemon=True
            )
            process.start()
            there.close()
            stack.callback(_end, process, here)
            urls.append(here.recv())
        yield urls


def _end(process: mp.process.BaseProcess, connection: Connection) -> None:
    connection.close()
    process.join(5)
    if process.is_alive():
        process.kill()
        process.join()


def post(http: aiohttp.ClientSession, url: str) -> Callable[[str], Awaitable[Answer]]:
    """What `bench.dial` wants: offer → answer, over HTTP; asked again where nothing flows yet."""

    async def ask(offer: str) -> Answer:
        async with asyncio.timeout(20):
            while True:
                async with http.post(url, data=offer.encode()) as response:
                    if response.status == 201:
                        session = response.headers["Location"].rpartition("/")[2]
                        return Answer(sdp=await response.text(), session=session, etag="")
                await asyncio.sleep(0.2)

    return ask


async def until_linked(http: aiohttp.ClientSession, urls: list[str]) -> None:
    """Until every relay but the last has its child, and every one has a source."""
    async with asyncio.timeout(30):
        for place, url in enumerate(urls):
            while True:
                async with http.get(f"{url}/status") as response:
                    seen = await response.json()
                if seen["fed"] and (seen["nodes"] or place == len(urls) - 1):
                    break
                await asyncio.sleep(0.05)
