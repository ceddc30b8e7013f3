"""The rung of the picture on a venue's screens: who may choose it, and that it is kept."""

from __future__ import annotations

from pathlib import Path

from broadcast import Pin
from tests.web.nodes import add_user, client, plant, serving, settings
from venues.store import set_meta
from web import pins
from web.node import Node
from web.policy import Role
from web.streaming import Streaming


def node(folder: Path) -> Node:
    return Node(settings(folder, media={"host": "127.0.0.1", "udp_port": 0}), make_relay=Streaming)


async def test_an_operator_pins_the_rung_a_lecturer_may_not_and_it_outlives_the_node(tmp_path: Path) -> None:
    async with serving(node(tmp_path)) as server:
        await plant(server.node)
        own = server.node.require_venue().id
        for role in (Role.OPERATOR, Role.LECTURER):
            await add_user(server.node, role.value, role, own)
        async with client(server.url) as caller:
            await caller.sign_in("operator")
            assert (await caller("GET", "/api/screen/rung")).body == {"rung": "auto"}
            assert (await caller("PUT", "/api/screen/rung", {"rung": "lowest"})).body == {"rung": "lowest"}
            assert (await caller("PUT", "/api/screen/rung", {"rung": "sharpest"})).status == 422
        async with client(server.url) as caller:
            await caller.sign_in("lecturer")
            assert (await caller("PUT", "/api/screen/rung", {"rung": "highest"})).status == 403
    async with serving(node(tmp_path)) as server:
        assert await pins.pinned(server.node.db) is Pin.LOWEST


async def test_what_is_kept_and_cannot_be_read_is_automatic(tmp_path: Path) -> None:
    async with serving(node(tmp_path)) as server:
        await server.node.db.write(lambda connection: set_meta(connection, "web.screen_rung", "sideways"))
        assert await pins.pinned(server.node.db) is Pin.AUTO
