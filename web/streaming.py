"""The relay inside a node: which lectures are pulled from the parent, and what the children are told is on air."""

from __future__ import annotations

import contextlib
import json
import logging
import random
from typing import TYPE_CHECKING

import ifaddr
from yarl import URL

from attendance.lectures import LectureState
from broadcast import (
    Answer,
    Pin,
    Relay,
    RelayFigures,
    Reply,
    SessionUnknown,
    ShownRung,
    StreamStatus,
    Uplinks,
    UplinkState,
    slides_of,
)
from venues.errors import TongtangError
from venues.exchange import LinkError
from venues.link import LinkState
from web import pins
from web.policy import CallerKind

if TYPE_CHECKING:
    from web.node import Node

log = logging.getLogger(__name__)
_LOOK_S = 5.0
_AUTO = "auto"


def own_addresses(host: str) -> list[str]:
    """The IPv4 addresses under which a socket bound to `host` can be reached, loopback last."""
    if host not in ("", "0.0.0.0"):
        return [host]
    found = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return sorted(found, key=lambda address: address.startswith("127."))


def path_at(parent: str, url: str) -> str:
    """The path under which to ask the parent at this base URL for `url`, itself a path or a whole URL. Raises
    ConnectionError for what another parent gave: it is not to get this one's bearer."""
    if url.startswith("/") and not url.startswith("//"):
        return url
    whole, base = URL(url, encoded=True), URL(parent)
    if not whole.absolute or not whole.scheme or whole.origin() != base.origin():
        raise ConnectionError("that was at another parent")
    return whole.raw_path_qs.removeprefix(base.raw_path.rstrip("/"))


class Streaming:
    """What web.node calls its relay: broadcast.Relay plus the pull from the parent. Also the collection "streams": what
    has a source here, so that a child asks for it the moment that there is one, and how the lecturer wants it laid out
    on the screens."""

    name = "streams"

    def __init__(self, node: Node) -> None:
        media = node.settings.media
        self._node = node
        self._link_state: LinkState | None = None
        self._relay = Relay(
            host=media.host,
            udp_port=media.udp_port,
            addresses=list(media.addresses) or own_addresses(media.host),
            max_sessions=media.max_sessions,
            on_change=node.changes.notify,
        )
        self._uplinks = Uplinks(self._relay, self._ask, chance=random.random)
        self.owners: dict[str, tuple[CallerKind, str]] = {}
        self._above: frozenset[str] = frozenset()  # what the parent has on air
        self._layouts: dict[str, str] = {}

    async def start(self) -> None:
        await self._relay.start()
        self.set_pin(await pins.pinned(self._node.db))

    async def stop(self) -> None:
        await self._uplinks.stop()
        await self._relay.stop()

    @property
    def udp_port(self) -> int:
        return self._relay.udp_port

    def status(self, stream: str) -> StreamStatus:
        return self._relay.status(stream)

    def figures(self) -> RelayFigures:
        return self._relay.figures()

    def uplink_state(self, lecture: str) -> UplinkState | None:
        """How the pull from the parent stands; None where there is none."""
        return self._uplinks.state(lecture)

    def layout(self, lecture: str) -> str:
        """How the lecturer wants camera and slides on the screens: "auto", "slides", "camera"."""
        return self._layouts.get(lecture, _AUTO)

    def lay_out(self, lecture: str, layout: str) -> None:
        """Kept for as long as the node at which it is said runs; the lecturer's desk says it again."""
        if layout != self.layout(lecture):
            self._layouts[lecture] = layout
            self._node.changes.notify()

    async def whip(self, lecture: str, offer: str) -> Answer:
        return await self._relay.whip(lecture, offer)

    async def whep(self, lecture: str, offer: str, *, node: bool) -> Answer:
        return await self._relay.whep(lecture, offer, node=node)

    def trickle(self, session: str, body: str, if_match: str | None) -> tuple[str, str] | None:
        return self._relay.trickle(session, body, if_match)

    def delete(self, session: str) -> None:
        self._relay.delete(session)

    def shown(self, session: str) -> ShownRung:
        return self._relay.shown(session)

    def set_pin(self, pin: Pin) -> None:
        self._relay.set_pin(pin)

    async def follow(self) -> None:
        """Pull what is on air and end what may no longer be, for as long as the node runs. A service of the node's
        supervisor."""
        node = self._node
        while True:
            seen = node.changes.count
            self._heed_link()
            if node.venue is not None:
                lectures = {each.id: each.state for each in await node.lectures.list(node.venue.id)}
                if not node.is_root:
                    live = {id for id, state in lectures.items() if state is LectureState.LIVE}
                    self._uplinks.follow(live | {slides_of(id) for id in live} & self._above)
                for lecture in (id for id, state in lectures.items() if state is LectureState.ENDED):
                    self._relay.end(lecture, "the lecture has ended")
                    self._relay.end(slides_of(lecture), "the lecture has ended")
                    self._layouts.pop(lecture, None)
            await self._end_sessions_of_the_barred()
            await node.changes.wait(_LOOK_S, seen)

    def _heed_link(self) -> None:
        """The link learns sooner than the media that the parent has gone, and that it is back."""
        link = self._node.link
        state = None if link is None else link.state
        before, self._link_state = self._link_state, state
        if state is not before and state is LinkState.UNREACHABLE:
            self._uplinks.doubt()
        elif state is not before and state is LinkState.CONNECTED:
            self._uplinks.wake()

    async def _end_sessions_of_the_barred(self) -> None:
        """A node that was revoked or a user who was disabled keeps no session that was opened before."""
        for owner in set(self.owners.values()):
            if await self._is_barred(*owner):
                for session in [each for each, whose in self.owners.items() if whose == owner]:
                    with contextlib.suppress(SessionUnknown):
                        self._relay.delete(session)
        for session in [each for each in self.owners if not self._relay.has_session(each)]:
            del self.owners[session]

    async def _is_barred(self, kind: CallerKind, name: str) -> bool:
        if kind is CallerKind.NODE:
            try:
                return (await self._node.enrolment.get(name)).revoked_at is not None
            except TongtangError:
                return True
        user = await self._node.users.get(name)
        return user is not None and user.disabled

    async def _ask(
        self, method: str, path: str, *, body: str = "", content_type: str = "", if_match: str = ""
    ) -> Reply:
        """One request to the parent; an unreachable parent is an OSError for the uplink's back-off."""
        link = self._node.link
        if link is None:
            raise ConnectionError("this node has no link to a parent yet")
        path = path_at(link.url, path)
        headers = {"Content-Type": content_type, "If-Match": if_match}
        headers = {name: value for name, value in headers.items() if value}
        try:
            response = await link.request(method, path, data=body.encode(), headers=headers, timeout=3.0)
        except LinkError as error:
            raise ConnectionError(str(error)) from error
        text = response.body.decode(errors="replace")
        return Reply(status=response.status, headers=response.headers, body=text, url=response.url + response.path)

    # the collection "streams"

    async def version(self, venue_id: int) -> str:
        return json.dumps(await self.export(venue_id), sort_keys=True, separators=(",", ":"))

    async def export(self, venue_id: int) -> object:
        return {"fed": self._relay.fed(), "layouts": self._layouts}

    async def replace(self, content: object) -> None:
        match content:
            case {"fed": list(fed), "layouts": dict(layouts)}:
                self._above = frozenset(map(str, fed))
                self._layouts = {str(lecture): str(layout) for lecture, layout in layouts.items()}
        self._uplinks.wake()
