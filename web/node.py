"""The composition root: everything that one node is made of, built, started and stopped in one place."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import enum
import logging
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from attendance.lectures import Lecture, LectureState
from attendance.log import EventLog
from attendance.pictures import Pictures
from venues import schema_store
from venues.collections import Changes, Collection, Collections
from venues.database import Database
from venues.identity import Identity
from venues.ids import uuid7
from venues.link import ParentLink
from venues.settings import Settings
from venues.status import NodeReport, StreamReport, StreamState
from venues.store import VenueUnknown
from venues.tree import Venue
from web import identity_file
from web.adding import Adding
from web.addresses import base_url
from web.attempts import AttemptLimits, Attempts
from web.current import current
from web.errors import AddressTaken, NotReady
from web.exports import Exports
from web.forgetting import Forgetting
from web.machine import boot_id, running_s, utc_now
from web.passwords import Passwords
from web.relays import NoRelay, Relay
from web.store import remembered
from web.stores import Stores
from web.supervisor import Supervisor
from web.uplink import Uplink, UplinkServices
from web.version import VERSION

log = logging.getLogger(__name__)

_LOOK_S = 0.5  # how often the node looks whether a command has changed its database
_PICTURES_S = 10.0  # how often it is looked whether what the screens told must be written down
_SUMMARY_S = 2.0  # of rest after each summary: events that go on coming shall not keep the node at it


class Readiness(enum.StrEnum):
    """Whether a node knows where it stands, and if not, what it waits for."""

    READY = "ready"
    NO_TREE = "no_tree"  # the root, before venues are imported
    WAITING_FOR_TREE = "waiting_for_tree"  # a child whose parent has not sent the tree yet
    NOT_ENROLLED = "not_enrolled"


class Node(Stores):
    """`async with node.opened():` gives the stores to a command; `start` and `stop` run the services, too.

    `make_relay` builds the media relay from the node, in `start`, when the stores are open: every attribute is there.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        make_relay: Callable[[Node], Relay] = lambda node: NoRelay(),
        now: Callable[[], dt.datetime] = utc_now,
        running: Callable[[], float] = running_s,
        entropy: Callable[[int], bytes] = os.urandom,
        passwords: Passwords | None = None,
        attempt_limits: AttemptLimits | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.running = running
        self.entropy = entropy
        self.instance = entropy(8).hex()  # another one after each start: pages learn so that their sessions are gone
        self.data_dir = Path(settings.node.data_dir)
        self.passwords = passwords or Passwords()
        self.attempts = Attempts(attempt_limits)
        self.relay: Relay = NoRelay()
        self.listening_port = settings.http.port
        self.stopping = asyncio.Event()
        self.ready = asyncio.Event()  # it knows its venue
        self.exports = Exports(self.data_dir / "exports")
        self.wake = asyncio.Event()  # something waits for the uploader
        self.identity: Identity | None = None
        self.venue: Venue | None = None
        self._make_relay = make_relay
        self._supervisor = Supervisor(random.random)
        self._services: UplinkServices | None = None
        self._log: EventLog | None = None
        self._code_secret: bytes | None = None

    # what every part of the program may use

    @property
    def is_root(self) -> bool:
        return self.settings.is_root

    @property
    def id(self) -> str:
        """The node's own id: from its enrolment, at the root made once."""
        return self.identity.node_id if self.identity else self._own_id

    @property
    def log(self) -> EventLog:
        """Raises NotReady while the node does not know its venue."""
        if self._log is None:
            raise NotReady
        return self._log

    @property
    def pictures(self) -> Pictures:
        """What the venue's screens tell. Raises NotReady."""
        return Pictures(self.db, self.log, self.require_venue().id, self.now)

    @property
    def link(self) -> ParentLink | None:
        """The ParentLink (venues.link); None at the root and before enrolment."""
        return self._services.link if self._services else None

    @property
    def uplink(self) -> Uplink:
        """The link to the parent as pages show it."""
        if self.is_root:
            return Uplink(state="root")
        return self._services.view() if self._services else Uplink(state="not_enrolled")

    @property
    def readiness(self) -> Readiness:
        if self.venue is not None:
            return Readiness.READY
        if self.is_root:
            return Readiness.NO_TREE
        return Readiness.WAITING_FOR_TREE if self.identity else Readiness.NOT_ENROLLED

    @property
    def local_url(self) -> str:
        http = self.settings.http
        return base_url(http.host, self.listening_port, tls=bool(http.tls_certificate))

    @property
    def public_url(self) -> str:
        """Where phones and child nodes reach this node."""
        return self.settings.http.public_url.rstrip("/") or self.local_url

    def require_venue(self) -> Venue:
        """Raises NotReady."""
        if self.venue is None:
            raise NotReady
        return self.venue

    async def code_secret(self) -> bytes:
        """The secret of this node's check-in codes. Raises NotReady."""
        if self._code_secret is None:
            self._code_secret = await self.log.code_secret()
        return self._code_secret

    async def pending(self) -> tuple[int, float | None]:
        """How many events the parent has not answered for, and the age in seconds of the oldest. Root: none."""
        if self._log is None or self.is_root:
            return 0, None
        count, oldest = await self._log.pending()
        return count, max(0.0, (self.now() - oldest).total_seconds()) if oldest else None

    # opening and closing: the stores

    async def open(self) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = self.settings
        self.db = Database(settings.database_url)
        await schema_store.upgrade(self.db)
        self.changes = Changes()
        self.make_stores(settings, self.now, self.entropy, home=lambda: self.venue.id if self.venue else None)
        self._own_id = await remembered(self.db, "web.node_id", self._new_id)
        await self.look()

    def _new_id(self) -> str:
        return uuid7(int(self.now().timestamp() * 1000), self.entropy(10))

    async def close(self) -> None:
        await self.db.close()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Node]:
        await self.open()
        try:
            yield self
        finally:
            await self.close()

    async def look(self) -> None:
        """Find out anew who and where this node is: enrolment and import may have happened since."""
        if not self.is_root:
            identity = await asyncio.to_thread(identity_file.load, self.data_dir)
            if self.identity and identity and identity.node_id != self.identity.node_id:
                self._log = None  # enrolled again: what is captured from now on is the new node's
            self.identity = identity or self.identity
        self.venue = await self._find_venue()
        if self.venue is not None:
            self.ready.set()
        venue_id = self.identity.venue_id if self.identity else self.venue.id if self.venue else None
        if self._log is None and venue_id is not None:
            self._log = EventLog(
                self.db,
                self.id,
                venue_id,
                now=self.now,
                monotonic=self.running,
                boot_id=boot_id(),
                entropy=self.entropy,
                clock=lambda: (self.uplink.clock_offset_ms, self.uplink.clock_uncertainty_ms),
                on_change=self.wake.set,
                is_root=self.is_root,
            )

    async def _find_venue(self) -> Venue | None:
        code = self.settings.node.venue
        try:
            if self.identity:
                return await self.venues.get(self.identity.venue_id)
            if not self.is_root:
                return None
            return await self.venues.by_code(code) if code else await self.venues.root()
        except VenueUnknown:
            return None

    # starting and stopping: the services

    async def start(self) -> None:
        await self.open()
        await self.exports.clear()
        try:
            self.relay = self._make_relay(self)
            everything: list[Collection] = [
                self.venues,
                self.policies,
                self.lectures,
                self.privacy,
                self.people,
                self.homes,  # after the people, whom it adds to
                self.merges,
                self.badges,  # after the people whose they are
                self.users,
                self.phone_url,
                self.relay,
            ]
            self.collections = Collections(everything, self.changes)
            await self._start_relay()
        except BaseException:
            await self.close()
            raise
        self._supervisor.start("watch", self._watch)
        self._supervisor.start("own report", self._report_to_self)
        self._supervisor.start("judgement", self._judge)
        self._supervisor.start("years", Adding(self).run)
        self._supervisor.start("proof of picture", self._settle_pictures)
        self._supervisor.start("forgetting", Forgetting(self).run)
        self._supervisor.start("media from the parent", self.relay.follow)
        await self._start_uplink()

    async def _start_relay(self) -> None:
        try:
            await self.relay.start()
        except OSError as error:
            media = self.settings.media
            reason = os.strerror(error.errno or 0)
            raise AddressTaken(host=media.host, protocol="UDP", port=media.udp_port, reason=reason) from error

    async def stop(self) -> None:
        self.stopping.set()
        try:
            await self._supervisor.stop()
            await self.relay.stop()  # first: it takes leave of the parent over the link
            if self._services:
                await self._services.close()
        finally:
            await self.close()

    async def _start_uplink(self) -> None:
        if self.is_root or self.identity is None:
            return
        if self._services is not None:
            if self._services.node_id == self.identity.node_id:
                return
            for name, _ in self._services.runs():
                await self._supervisor.end(name)
            await self._services.close()
        self._services = UplinkServices(self, self.identity)
        for name, run in self._services.runs():
            self._supervisor.start(name, run)

    async def _watch(self) -> None:
        """Commands write to the same database, and enrolment to the same folder: notice it and tell the children."""
        known: dict[str, str] = {}
        while True:
            await self.look()
            await self._start_uplink()
            if self.venue is not None:
                versions = await self.collections.versions(self.venue.id)
                if versions.get(self.venues.name) != known.get(self.venues.name):
                    await self.log.release()  # what was outside the tree, or of a newer version, may be taken now
                    await self.summaries.tree_is(versions[self.venues.name])
                if versions != known:
                    known = versions
                    self.changes.notify()
            await asyncio.sleep(_LOOK_S)

    async def _judge(self) -> None:
        """What changed in a lecture's times or policy changes what its events amount to."""
        await self.ready.wait()
        while True:
            if not await self.log.judge_due():
                made = await self.frozen.freeze_due() or await self.summaries.refresh()
                await asyncio.sleep(_SUMMARY_S if made else _LOOK_S)

    async def _settle_pictures(self) -> None:
        """What the screens told becomes events when they have told enough, or tell nothing more."""
        await self.ready.wait()
        while True:
            await self.pictures.settle()
            await asyncio.sleep(_PICTURES_S)

    async def _report_to_self(self) -> None:
        """The node's own line in its own tree."""
        while True:
            if self.venue is not None:
                await self.health.heard(self.venue.id, await self.report())
            await asyncio.sleep(self.settings.heartbeat.interval_s if self.venue else _LOOK_S)

    async def report(self) -> NodeReport:
        """What this node says of itself in heartbeats."""
        count, oldest_s = await self.pending()
        uplink = self.uplink
        state, stream = await self._stream()
        return NodeReport(
            version=VERSION,
            clock_offset_ms=uplink.clock_offset_ms,
            clock_uncertainty_ms=uplink.clock_uncertainty_ms,
            stream_state=state,
            stream=stream,
            pending_events=count,
            oldest_pending_s=oldest_s,
            udp_port=self.relay.udp_port,
        )

    async def current_lecture(self) -> Lecture | None:
        """The lecture that this node's venue takes part in now, or next."""
        if self.venue is None:
            return None
        path = {venue.id for venue in await self.venues.path(self.venue.id)}
        return current(await self.lectures.list(self.venue.id), path, self.now())

    async def _stream(self) -> tuple[StreamState, StreamReport | None]:
        lecture = await self.current_lecture()
        if lecture is None or lecture.state is not LectureState.LIVE:
            return StreamState.IDLE, None
        status = self.relay.status(lecture.id)
        if not status.live:
            return (StreamState.STALLED if status.fed else StreamState.WAITING), None
        hop = status.hop
        stream = StreamReport(
            lecture=lecture.id,
            kbit_s=status.kbit_s,
            loss=hop.loss if hop else status.loss,
            viewers=status.viewers,
            round_trip_ms=hop.round_trip_ms if hop else None,
            jitter_ms=hop.jitter_ms if hop else None,
            delay_ms=hop.delay_ms if hop else None,
        )
        return StreamState.LIVE, stream
