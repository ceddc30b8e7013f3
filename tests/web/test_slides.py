"""Slides: a stream of their own, pulled down the tree while it is on air, and laid out as the lecturer says."""

from __future__ import annotations

import contextlib
import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

from broadcast import Answer, slides_of
from tests.broadcast.peers import publishing
from tests.web.nodes import add_user, cheap, client, eventually, plant, serving, settings
from tests.web.test_tree import enrol_at
from venues.tokens import TokenKind
from web.node import Node, Readiness
from web.policy import Role
from web.streaming import Streaming

MEDIA = {"host": "127.0.0.1", "udp_port": 0}


def streaming_node(folder: Path, **sections: Any) -> Node:
    return Node(settings(folder, media=MEDIA, **sections), make_relay=Streaming, passwords=cheap())


async def ready(node: Node) -> bool:
    return node.readiness is Readiness.READY


async def test_slides_and_their_layout_go_down_the_tree(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        root = await stack.enter_async_context(serving(streaming_node(tmp_path / "root")))
        venues = await plant(root.node)
        await add_user(root.node, "lecturer", Role.LECTURER, venues["52"].id)
        servers = [root]
        for code in ("5201", "520102"):
            await enrol_at(servers[-1], venues[code], tmp_path / code)
            child = streaming_node(tmp_path / code, parent={"urls": [servers[-1].url]})
            servers.append(await stack.enter_async_context(serving(child)))
            await eventually(partial(ready, child))
        county = servers[-1].node
        lecture = (await root.node.lectures.create("Slides", venues["52"].id)).id
        await root.node.lectures.start(lecture)
        token = await root.node.tokens.issue(
            TokenKind.PUBLISH, "lecturer", venues["52"].id, lecture, ttl=dt.timedelta(hours=1)
        )
        caller = await stack.enter_async_context(client(root.url))

        async def whip(offer: str) -> Answer:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
            async with caller.session.post(f"{root.url}/whip/{lecture}/slides", data=offer, headers=headers) as answer:
                assert answer.status == 201, await answer.text()
                return Answer(sdp=await answer.text(), session=answer.headers["Location"], etag="")

        slides = slides_of(lecture)

        async def below() -> bool:
            return county.relay.status(slides).live

        async def gone() -> bool:
            return not county.relay.status(slides).fed

        async def laid_out() -> bool:
            return county.relay.layout(lecture) == "camera"

        async with publishing(whip):
            await eventually(below)
            assert not county.relay.status(lecture).fed  # nobody publishes the camera
            await caller.sign_in("lecturer")
            answer = await caller("PUT", f"/api/lectures/{lecture}/layout", {"layout": "camera"})
            assert (answer.status, answer.body["slides"], answer.body["layout"]) == (200, True, "camera")
            await eventually(laid_out)
            assert (await caller("PUT", f"/api/lectures/{lecture}/layout", {"layout": "x"})).status == 422
            root.node.relay.delete(next(iter(root.node.relay.owners)).removeprefix("/session/"))
            await eventually(gone)
