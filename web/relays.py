"""What a node needs of its media relay (web.streaming has the real one), and the relay of a node that has none."""

from __future__ import annotations

from typing import Protocol

from broadcast import Answer, NothingLive, Pin, RelayFigures, SessionUnknown, ShownRung, StreamStatus
from venues.collections import Collection
from web.policy import CallerKind


class Relay(Collection, Protocol):
    """Started after the stores and before the links. It is also the collection "streams": what has a source here.

    `owners`: who opened which session. `status` is asked often and must be cheap.
    """

    owners: dict[str, tuple[CallerKind, str]]

    @property
    def udp_port(self) -> int: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def follow(self) -> None:
        """Pull from the parent what is on air, for as long as the node runs."""

    def status(self, stream: str) -> StreamStatus: ...

    def figures(self) -> RelayFigures: ...

    def layout(self, lecture: str) -> str: ...

    def lay_out(self, lecture: str, layout: str) -> None: ...

    async def whip(self, lecture: str, offer: str) -> Answer: ...

    async def whep(self, lecture: str, offer: str, *, node: bool) -> Answer: ...

    def trickle(self, session: str, body: str, if_match: str | None) -> tuple[str, str] | None: ...

    def delete(self, session: str) -> None: ...

    def shown(self, session: str) -> ShownRung:
        """What a viewer's session is sent of the picture. Raises SessionUnknown."""

    def set_pin(self, pin: Pin) -> None:
        """Which rung of the picture the venue's own screens get."""


class NoRelay:
    """For commands and for tests without media: nothing is ever on air."""

    name = "streams"
    udp_port = 0

    def __init__(self) -> None:
        self.owners: dict[str, tuple[CallerKind, str]] = {}

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def follow(self) -> None: ...

    def status(self, stream: str) -> StreamStatus:
        return StreamStatus(live=False, fed=False)

    def figures(self) -> RelayFigures:
        return RelayFigures()

    def layout(self, lecture: str) -> str:
        return "auto"

    def lay_out(self, lecture: str, layout: str) -> None: ...

    async def whip(self, lecture: str, offer: str) -> Answer:
        raise NothingLive

    async def whep(self, lecture: str, offer: str, *, node: bool) -> Answer:
        raise NothingLive

    def trickle(self, session: str, body: str, if_match: str | None) -> tuple[str, str] | None:
        raise SessionUnknown

    def delete(self, session: str) -> None: ...

    def shown(self, session: str) -> ShownRung:
        raise SessionUnknown

    def set_pin(self, pin: Pin) -> None: ...

    async def version(self, venue_id: int) -> str:
        return ""

    async def export(self, venue_id: int) -> object:
        return []

    async def replace(self, content: object) -> None: ...
