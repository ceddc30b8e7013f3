"""Pull a lecture by WHEP over HTTP into a relay of one's own, in this process."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from broadcast import Relay, Reply, Uplinks


@asynccontextmanager
async def pulling(lecture: str, url: str, token: str, http: aiohttp.ClientSession) -> AsyncIterator[Relay]:
    """`url`: the lecture's WHEP door at a node."""

    async def ask(method: str, path: str, *, body: str = "", content_type: str = "", if_match: str = "") -> Reply:
        headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": content_type} if content_type else {})
        target = URL(url).origin().join(URL(path))
        async with http.request(method, target, data=body.encode(), headers=headers) as response:
            text, final = await response.text(), str(response.url)
            return Reply(status=response.status, headers=response.headers, body=text, url=final)

    relay = Relay(host="127.0.0.1", udp_port=0, addresses=["127.0.0.1"], max_sessions=10)
    await relay.start()
    uplinks = Uplinks(relay, ask, chance=random.Random(1).random)
    uplinks.follow({lecture})
    try:
        yield relay
    finally:
        await uplinks.stop()
        await relay.stop()
