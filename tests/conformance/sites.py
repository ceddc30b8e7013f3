"""Our own server as the suite's subject."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.web.nodes import HIGH, cheap, plant, serving, settings
from venues.tokens import TokenKind
from web.attempts import AttemptLimits
from web.node import Node
from web.streaming import Streaming


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server under test: the addresses of one stream. `node` and `lecture` only for ours."""

    whip: str
    whep: str
    token: str
    view_token: str
    node: Node | None = None
    lecture: str = ""

    def may_lack(self, there: bool, what: str) -> None:
        """Assert it of our server; skip for others, which need not have it."""
        if not there and self.node is None:
            pytest.skip(f"optional, and not here: {what}")
        assert there, what

    async def another_token(self, kind: TokenKind, name: str = "another") -> str:
        """A valid token for the same stream that belongs to somebody else."""
        if self.node is None:
            pytest.skip("only one token is known")
        return await _token(self.node, kind, name, self.lecture)


@asynccontextmanager
async def serving_site(folder: Path, limits: AttemptLimits = HIGH, **media: Any) -> AsyncIterator[Site]:
    configured = settings(folder, media={"host": "127.0.0.1", "udp_port": 0} | media)
    node = Node(configured, make_relay=Streaming, passwords=cheap(), attempt_limits=limits)
    async with serving(node) as server:
        venues = await plant(node)
        lecture = await node.lectures.create("The lecture", venues["52"].id)
        await node.lectures.start(lecture.id)
        yield Site(
            whip=f"{server.url}/whip/{lecture.id}",
            whep=f"{server.url}/whep/{lecture.id}",
            token=await _token(node, TokenKind.PUBLISH, "publisher", lecture.id),
            view_token=await _token(node, TokenKind.VIEW, "viewer", lecture.id),
            node=node,
            lecture=lecture.id,
        )


async def _token(node: Node, kind: TokenKind, name: str, lecture: str) -> str:
    return await node.tokens.issue(kind, name, node.require_venue().id, lecture, ttl=dt.timedelta(hours=1))
