"""What the rows of the event table amount to, counted by other means than the program's own: no module of attendance is
used here, and no row but those of events, people and venues."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

_FIELDS = (
    "id", "node", "epoch", "seq", "lecture", "venue", "person", "number", "name", "kind", "method", "captured_at",
    "monotonic_ms", "boot_id", "clock_offset_ms", "clock_uncertainty_ms", "device", "operator", "supersedes", "reason",
)  # fmt: skip
_LATE_AFTER_US = 15 * 60 * 1_000_000
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Books:
    """One level's database as it is on disk."""

    level: str
    events: Sequence[Row]
    streams: Mapping[tuple[str, int], Row]
    presences: Sequence[Row]
    quarantine: Sequence[Row]
    homes: Mapping[str, int]  # person -> venue
    parents: Mapping[int, int | None]  # venue -> its parent
    started: Mapping[str, int | None]  # lecture -> µs

    def within(self, venue: int | None, top: int) -> bool:
        while venue is not None and venue != top:
            venue = self.parents.get(venue)
        return venue is not None


def read(level: str, url: str) -> Books:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:

            def rows(query: str) -> list[Row]:
                return [dict(row) for row in connection.execute(sa.text(query)).mappings()]

            return Books(
                level=level,
                events=rows("SELECT * FROM event ORDER BY position"),
                streams={(row["node"], row["epoch"]): row for row in rows("SELECT * FROM stream")},
                presences=rows("SELECT * FROM presence"),
                quarantine=rows("SELECT * FROM quarantine"),
                homes={row["id"]: row["home_id"] for row in rows("SELECT id, home_id FROM person")},
                parents={row["id"]: row["parent_id"] for row in rows("SELECT id, parent_id FROM venue")},
                started={row["id"]: row["started_at"] for row in rows("SELECT id, started_at FROM lecture")},
            )
    finally:
        engine.dispose()


def waiting(url: str) -> bool:
    """Whether there is an event for which the parent has not answered."""
    return _one(url, "SELECT count(*) FROM event WHERE uploaded_at IS NULL") > 0


def uncovered(url: str) -> bool:
    """Whether the root's marks, as far as they are known here, leave out anything that is here (before a fork: there
    marks end)."""
    mark = "CASE WHEN forked_at <= upto THEN forked_at - 1 ELSE upto END"
    return _one(url, f"SELECT count(*) FROM stream WHERE root < {mark} OR beyond <> '[]'") > 0


def _one(url: str, query: str) -> int:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return int(connection.execute(sa.text(query)).scalar_one())
    finally:
        engine.dispose()


def wire(row: Row) -> dict[str, Any]:
    """The event as it crosses a link."""
    found = {name: row[name] for name in _FIELDS}
    at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=row["captured_at"])
    found["captured_at"] = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
    if row["data"] is not None:
        found["data"] = json.loads(row["data"])
    return found


def content_hash(row: Row) -> str:
    """Of what the columns say, by the prose of docs/sync.md."""
    text = json.dumps(wire(row), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def moment_us(row: Row) -> int:
    offset_ms = row["clock_offset_ms"]
    known_wrong = offset_ms is not None and abs(offset_ms) - (row["clock_uncertainty_ms"] or 0) > 2000
    return int(row["captured_at"] + (offset_ms * 1000 if known_wrong else 0))


@dataclass(frozen=True, kw_only=True)
class Stands:
    """What is said of a person: `event` says so, first at `venue`."""

    status: str
    event: str
    venue: int
    late: bool = False


def standing(books: Books) -> dict[tuple[str, str], Stands]:
    """By (lecture, subject), of those of whom anything stands."""
    by_subject: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in books.events:
        by_subject[row["lecture"], row["subject"]].append(row)
    found = {key: _stands(_left(rows), books.started.get(key[0])) for key, rows in by_subject.items()}
    return {key: stands for key, stands in found.items() if stands is not None}


def _left(rows: Iterable[Row]) -> list[Row]:
    """Without what was undone, by time."""
    known = list(rows)
    gone = {row["supersedes"] for row in known if row["kind"] == "undo"}
    return sorted((row for row in known if row["id"] not in gone), key=lambda row: (moment_us(row), row["id"]))


def _stands(rows: Sequence[Row], started: int | None) -> Stands | None:
    """Under the first policy: a tick is never late, a code is after a quarter of an hour."""
    came, excused, said = ([row for row in rows if row["kind"] == kind] for kind in ("check_in", "leave", "correction"))
    told = json.loads(said[-1]["data"]) if said else {}
    if said and told["state"] != "present" and said[-1]["method"] != "desk":
        after_all = any(_is_later(row, said[-1]) for row in came)
        said, told = ([], {}) if after_all else (said, told)
    for decides in (came[:1], said[-1:], excused[-1:]):
        if decides:
            status = told.get("state") or ("present" if came else "leave")
            ticked = any(row["method"] in ("roll_call", "walk_in") for row in came)
            late = bool(came) and not ticked and started is not None and moment_us(came[0]) > started + _LATE_AFTER_US
            late = status == "present" and told.get("late", late)
            return Stands(status=status, event=decides[0]["id"], venue=decides[0]["venue"], late=late)
    return None


def _is_later(row: Row, other: Row) -> bool:
    if (row["node"], row["epoch"]) == (other["node"], other["epoch"]):
        return bool(row["seq"] > other["seq"])
    return moment_us(row) > moment_us(other)


def double_ticks(events: Iterable[Row]) -> list[str]:
    """Check-ins of somebody who by what this node wrote before was at that venue already."""
    here: set[tuple[str, str, str, int]] = set()
    by_id: dict[str, Row] = {row["id"]: row for row in events}
    double: list[str] = []
    gone: set[str] = set()
    for row in sorted(by_id.values(), key=lambda row: (row["node"], row["epoch"], row["seq"])):
        key = (row["node"], row["lecture"], row["subject"], row["venue"])
        match row["kind"]:
            case "check_in" if key in here:
                double.append(row["id"])
            case "check_in":
                here.add(key)
            case "sign_out":
                here.discard(key)
            case "correction" if json.loads(row["data"])["state"] != "present":  # who is ticked again is here after all
                here -= {known for known in here if known[2] == row["subject"]}
            case "undo" if row["supersedes"] not in gone:
                gone.add(row["supersedes"])
                if by_id.get(row["supersedes"], row)["kind"] == "check_in":
                    here.discard(key)
    return double


def figures(books: Books, lecture: str, top: int) -> dict[str, int]:
    """Of a venue and all below it, as a report has them; `unheard` are its absent and its not reported together."""
    names = ("present", "guests", "late", "came", "came_late", "leave", "makeup", "expected", "headcount", "seen")
    count: Counter[str] = Counter(dict.fromkeys(names, 0))
    for (of, subject), stands in standing(books).items():
        home = books.homes.get(subject)
        at_home = home is not None and books.within(home, top)
        if of != lecture:
            continue
        if stands.status == "present" and books.within(stands.venue, top):
            count["present"] += 1
            count["guests"] += not at_home
            count["late"] += stands.late
        if at_home and stands.status != "absent":
            count["came" if stands.status == "present" else stands.status] += 1
            count["came_late"] += stands.late
    count["expected"] = sum(books.within(home, top) for home in books.homes.values())
    count["unheard"] = count["expected"] - count["came"] - count["leave"] - count["makeup"]
    for venue in {row["venue"] for row in books.events}:
        if books.within(venue, top):
            count.update(_room([row for row in books.events if (row["lecture"], row["venue"]) == (lecture, venue)]))
    return dict(count)


def _room(rows: Sequence[Row]) -> dict[str, int]:
    """The last headcount of one venue, and whoever was seen at its last presence check."""
    left = _left(rows)
    counts = [json.loads(row["data"])["people"] for row in left if row["kind"] == "headcount"]
    checks = [row for row in left if row["kind"] == "presence_check"]
    held = [row for row in checks if row["subject"].startswith("venue:")]
    since = moment_us(held[-1]) if held else 0
    seen = {row["subject"] for row in checks if held and row not in held and moment_us(row) >= since}
    return {"headcount": counts[-1] if counts else 0, "seen": len(seen)}


def runs(events: Iterable[Row]) -> dict[tuple[str, int], list[int]]:
    """The numbers that each node gave in each epoch, sorted."""
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row in events:
        found[row["node"], row["epoch"]].append(row["seq"])
    return {key: sorted(seqs) for key, seqs in found.items()}
