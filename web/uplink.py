"""The services of a node that has a parent: the link itself, and the uploader of attendance events."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from attendance.sync import Reply, Uploader, reply_of
from venues.exchange import LinkError
from venues.identity import Identity
from venues.link import Pace, ParentLink

if TYPE_CHECKING:
    from web.node import Node

_EVENTS = "/api/node/events"


@dataclass(frozen=True, kw_only=True)
class Uplink:
    """The link to the parent as pages show it. `state`: root, not_enrolled or a LinkState; `reason` a code;
    `since` when it has been connected, or has not."""

    state: str
    reason: str = ""
    since: dt.datetime | None = None
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None


class UplinkServices:
    """Made when the node is enrolled. `runs()` are for the supervisor; `close()` after these have been stopped."""

    def __init__(self, node: Node, identity: Identity) -> None:
        settings = node.settings
        self._node = node
        self.node_id = identity.node_id
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self.link = ParentLink(
            identity,
            settings.parent.urls,
            self._session,
            node.now,
            random.random,
            pace=Pace(interval_s=settings.heartbeat.interval_s),
        )
        self._uploader = Uploader(
            node.log,
            self._post,
            node.wake,
            batch=settings.attendance.sync_batch,
            interval_s=settings.attendance.sync_interval_s,
            monotonic=time.monotonic,
            random=random.random,
        )

    def runs(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        node = self._node
        return [
            ("link: heartbeat", self._heartbeat),
            ("link: collections", lambda: self.link.follow_loop(node.collections, node.changes)),
            ("link: events", self._uploader.run),
        ]

    async def _heartbeat(self) -> None:
        health, nodes = self._node.health, self._node.enrolment.news_since
        await self.link.heartbeat_loop(self._node.report, health.changes_since, nodes=nodes, wake=health.changed)

    async def _post(self, body: dict[str, object]) -> Reply:
        try:
            response = await self.link.request("POST", _EVENTS, json=body, timeout=60)
            parsed = response.json() if response.status == 200 else None
        except LinkError:
            return Reply(status=0)  # the link has noted it
        return reply_of(response.status, parsed, response.headers.get("Retry-After"))

    def view(self) -> Uplink:
        clock = self.link.clock
        return Uplink(
            state=self.link.state.value,
            reason=self.link.reason,
            since=self.link.since,
            clock_offset_ms=clock.offset_ms if clock else None,
            clock_uncertainty_ms=clock.uncertainty_ms if clock else None,
        )

    async def close(self) -> None:
        await self._session.close()
