"""The services of a node that has a parent: the link itself, and the uploader of attendance events."""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from attendance.follow import Follower, from_wire
from attendance.streams import Stream
from attendance.sync import Reply, Uploader, reply_of
from venues.exchange import LinkError
from venues.identity import Identity
from venues.link import LinkState, Pace, ParentLink

if TYPE_CHECKING:
    from web.node import Node

log = logging.getLogger(__name__)

_EVENTS = "/api/node/events"
_STREAMS = "/api/node/streams"


@dataclass(frozen=True, kw_only=True)
class Uplink:
    """The link to the parent as pages show it. `state`: root, not_enrolled or a LinkState; `reason` a code;
    `since` when it has been connected, or has not."""

    state: str
    reason: str = ""
    since: dt.datetime | None = None
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None


class _Parent:
    """What a Follower asks, over the link."""

    def __init__(self, link: ParentLink) -> None:
        self._link = link

    @property
    def life(self) -> str:
        return self._link.life

    async def streams(self, keys: Sequence[tuple[str, int]]) -> list[Stream] | None:
        return await self._streams("POST", _STREAMS, {"streams": keys})

    async def below(self, after: tuple[str, int]) -> list[Stream] | None:
        query = urlencode({"after_node": after[0], "after_epoch": after[1]})
        return await self._streams("GET", f"{_STREAMS}?{query}", None)

    async def sent(self, after: int) -> tuple[list[object], int | None] | None:
        match await self._answer("GET", f"{_EVENTS}?after={after}", None):
            case {"events": list(events), "next": None | int() as following}:
                return events, following
        return None

    async def _streams(self, method: str, path: str, body: object) -> list[Stream] | None:
        match await self._answer(method, path, body):
            case {"streams": list(found)}:
                try:
                    return [from_wire(one) for one in found]
                except (KeyError, TypeError, ValueError):
                    log.warning("the parent's answer to %s cannot be read", path)
        return None

    async def _answer(self, method: str, path: str, body: object) -> object:
        try:
            response = await self._link.request(method, path, json=body, timeout=60)
            return response.json() if response.status == 200 else None  # a parent of an older version says 404
        except LinkError:
            return None  # the link has noted it


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
            running=node.running,
            pace=Pace(interval_s=settings.heartbeat.interval_s),
            on_state=self._link_is,
        )
        self._follower = Follower(
            node.log.journey,
            _Parent(self.link),
            interval_s=settings.attendance.sync_interval_s,
            random=random.random,
        )
        self._uploader = Uploader(
            node.log,
            self._post,
            node.wake,
            batch=settings.attendance.sync_batch,
            interval_s=settings.attendance.sync_interval_s,
            monotonic=time.monotonic,
            random=random.random,
            on_marked=self._follower.expect,
        )

    def _link_is(self, state: LinkState) -> None:
        self._node.changes.notify()
        if state is LinkState.CONNECTED:
            self._uploader.reached()
            self._follower.expect()

    def runs(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        node = self._node
        return [
            ("link: heartbeat", self._heartbeat),
            ("link: collections", lambda: self.link.follow_loop(node.collections, node.changes)),
            ("link: events", self._uploader.run),
            ("link: how far events are", self._follower.run),
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
