"""What the attendance tests share: a tree of ten venues, a roster, a clock that is set by hand, nodes on it."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path

from attendance import EventLog, Kind, LectureStore, Method, PeopleStore
from attendance.event import Event
from attendance.residents_store import Homes
from venues.database import Database
from venues.store import VenueStore
from venues.tree import Level, VenueRow

LEVELS = [Level(key=key, zh=key, en=key) for key in ("province", "city", "county", "township", "village")]
# Ids are given in this order, from 1.
PROVINCE, CITY, CITY_2, COUNTY, COUNTY_UNDER_PROVINCE, TOWNSHIP, TOWNSHIP_2, VILLAGE, VILLAGE_2, VILLAGE_3 = range(
    1, 11
)
TREE = [
    ("P", "province", ""),
    ("C1", "city", "P"),
    ("C2", "city", "P"),
    ("K1", "county", "C1"),
    ("K9", "county", "P"),
    ("T1", "township", "K1"),
    ("T2", "township", "K9"),
    ("V1", "village", "T1"),
    ("V2", "village", "T1"),
    ("V3", "village", "T2"),
]
ROSTER = """编号,姓名,所属场所
A1,张三,V1
A2,李四,V1
A3,阿依·古丽,V1
B1,王五,V2
C1,赵六,V3
D1,孙七,P
"""


class Clock:
    """Aware UTC; stands still until it is moved."""

    def __init__(self) -> None:
        self.at = dt.datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.at

    def move(self, **delta: float) -> None:
        self.at += dt.timedelta(**delta)


class Entropy:
    """The same bytes in each run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def __call__(self, count: int) -> bytes:
        return self._random.randbytes(count)


class Site:
    """One database with a lecture in it, and the nodes of which it may be the database."""

    def __init__(self, db: Database, clock: Clock, entropy: Entropy, lecture: str) -> None:
        self.db = db
        self.clock = clock
        self.entropy = entropy
        self.lecture = lecture
        self.people = PeopleStore(db, entropy, clock)
        self.homes = Homes(db, entropy)
        self.lectures = LectureStore(db, clock, entropy)
        self.venues = VenueStore(db)
        self.changes = 0

    def log(
        self,
        venue: int = VILLAGE,
        node: str = "node-1",
        on_change: Callable[[], None] | None = None,
        *,
        is_root: bool = False,
        offset_ms: float = -3.4,
    ) -> EventLog:
        return EventLog(
            self.db,
            node,
            venue,
            now=self.clock,
            monotonic=lambda: 12.3456,
            boot_id="boot",
            entropy=self.entropy,
            clock=lambda: (offset_ms, 1.2),
            on_change=on_change or self._changed,
            is_root=is_root,
        )

    def _changed(self) -> None:
        self.changes += 1


async def plant(db: Database) -> None:
    rows = [VenueRow(line, code, f"{code}名", level, parent) for line, (code, level, parent) in enumerate(TREE, 2)]
    await VenueStore(db).import_rows(rows, LEVELS)


async def below(parent: Site, venue: int, path: Path) -> Site:
    """The site of a child's node on its own SQLite file, with what the parent replicates to it."""
    db = Database(f"sqlite:///{path}/child-{venue}.db")
    await db.create_tables()
    site = Site(db, parent.clock, Entropy(venue), parent.lecture)
    await site.venues.replace(await parent.venues.export(venue))
    await site.people.replace(await parent.people.export(venue))
    await site.homes.replace(await parent.homes.export(venue))
    await site.lectures.replace(await parent.lectures.export(venue))
    return site


def an_event(n: int = 1, **changed: object) -> Event:
    """A check-in of 张三 at village V1 as another node would send it; id and seq follow `n`."""
    values: dict[str, object] = {
        "id": f"01890a5d-ac96-774b-bcce-{n:012x}",
        "node": "node-9",
        "epoch": 7,
        "seq": n,
        "lecture": "01890a5d-0000-774b-bcce-b302099a8057",
        "venue": VILLAGE,
        "person": "5ba2b7a1-0000-5000-8000-000000000001",
        "number": "A1",
        "name": "张三",
        "kind": Kind.CHECK_IN,
        "method": Method.ROLL_CALL,
        "captured_at": dt.datetime(2026, 11, 22, 2, 0, 0, 123000, tzinfo=dt.UTC),
        "monotonic_ms": 1000,
        "boot_id": "boot",
        "clock_offset_ms": None,
        "clock_uncertainty_ms": None,
        "device": None,
        "operator": "wang",
        "supersedes": None,
        "reason": None,
    }
    return Event(**values | changed)  # type: ignore[arg-type]
