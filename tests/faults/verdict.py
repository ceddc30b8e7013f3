"""The verdict after a fault: every green tick is at the root exactly once, and the figures are what they must be.

`settle` waits until everything is handed up and the root's marks have come down; `verdict` then looks at the databases
themselves and at what the nodes' API says.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from tests.faults import recount
from tests.faults.recount import Books
from tests.faults.stage import LEVELS, Stage, until
from tests.faults.ticks import Operator, Record


@dataclass
class Verdict:
    """`lost`: green ticks that are not at the root; `double`: events or ticks that stand anywhere twice; `wrong`: a
    sentence for anything else that is not as it must be."""

    seen: int
    lost: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.double or self.wrong)


async def books(stage: Stage) -> dict[str, Books]:
    """What is on the disk of each level, the lowest first: what comes in meanwhile is at a higher one, not lost."""
    return {level: await asyncio.to_thread(recount.read, level, stage[level].database) for level in reversed(LEVELS)}


async def settle(stage: Stage, *, aside: int = 0, patience_s: float = 90.0) -> None:
    """Until nothing waits anywhere and the marks of the root cover all that is at each node (of events that are not at
    the root, because they are kept aside on the way, there are `aside`)."""

    async def waits(what: Callable[[str], bool]) -> bool:
        return any([await asyncio.to_thread(what, stage[level].database) for level in LEVELS[1:]])

    async def all_up() -> bool:
        return not await waits(recount.waiting)

    async def all_covered() -> bool:
        return not await waits(recount.uncovered)

    await until("everything to be handed up", all_up, patience_s)
    if not aside:
        await until("the root's marks to come down", all_covered, patience_s)


async def verdict(stage: Stage, record: Record, *, aside: Collection[str] = (), forked: bool = False) -> Verdict:
    """Of a stage that has settled. `aside` are ids that were meant to end in quarantine. `forked`: a disk was set back
    or copied, so numbers may have been given twice and marks stop there."""
    found = await books(stage)
    at_root = {row["id"] for row in found["root"].events}
    result = Verdict(seen=len(record.greens), lost=sorted(record.events - at_root - set(aside)))
    for level in LEVELS:
        _look_at_events(found[level], result, aside)
        if not forked:  # of two disks, each knows its own ticks only, and marks end where numbers are given twice
            _look_at_numbers(found[level], result, _numbers(found, aside))
    for lower, upper in (("village", "middle"), ("middle", "root")):
        _compare(found[lower], found[upper], result, aside)
    for level in LEVELS:
        # What is no event at all bears no id, and is looked at by the test that sent it.
        known = {*aside, *([None] if aside else [])}
        kept = [row["code"] for row in found[level].quarantine if row["event_id"] not in known]
        if kept:
            result.wrong.append(f"{level} keeps aside {kept}")
        await _look_at_figures(stage, found[level], result)
    return result


def _numbers(found: Mapping[str, Books], aside: Collection[str]) -> dict[tuple[str, int], set[int]]:
    """Those that the events in quarantine bear, by stream."""
    numbers: dict[tuple[str, int], set[int]] = defaultdict(set)
    for row in (row for level in found.values() for row in level.events if row["id"] in aside):
        numbers[row["node"], row["epoch"]].add(row["seq"])
    return numbers


def _look_at_events(level: Books, result: Verdict, aside: Collection[str]) -> None:
    ids = Counter(row["id"] for row in level.events)
    result.double += [id_ for id_, times in ids.items() if times > 1]
    for row in level.events:
        if row["id"] not in aside and recount.content_hash(row) != row["content_hash"]:
            result.wrong.append(f"{level.level}: {row['id']} is not what its hash says")


def _look_at_numbers(level: Books, result: Verdict, aside: Mapping[tuple[str, int], Collection[int]]) -> None:
    result.double += recount.double_ticks(level.events)
    for key, seqs in recount.runs(level.events).items():
        missing = sorted(set(range(1, seqs[-1] + 1)) - set(seqs))
        if len(set(seqs)) < len(seqs) or not set(missing) <= set(aside.get(key, ())):
            result.wrong.append(f"{level.level}: the numbers of {key} have gaps or repeats")
        stream, mark = level.streams.get(key), missing[0] - 1 if missing else seqs[-1]
        if stream is None or (stream["upto"], stream["forked_at"]) != (mark, None):
            result.wrong.append(f"{level.level}: the mark of {key} is {stream and stream['upto']} and not {mark}")


def _compare(lower: Books, upper: Books, result: Verdict, aside: Collection[str]) -> None:
    above = {row["id"]: row["content_hash"] for row in upper.events}
    for row in lower.events:
        if row["id"] in aside:
            continue
        if row["id"] not in above:
            result.lost.append(row["id"])
        elif above[row["id"]] != row["content_hash"]:
            result.wrong.append(f"{row['id']} is another event at {upper.level} than at {lower.level}")


async def _look_at_figures(stage: Stage, level: Books, result: Verdict) -> None:
    counted = recount.standing(level)
    kept = {
        (row["lecture_id"], row["person_id"]): recount.Stands(
            status=row["status"], event=row["event_id"], venue=row["venue_id"], late=bool(row["late"])
        )
        for row in level.presences
    }
    if counted != kept:
        wrong = {key for key in counted.keys() | kept.keys() if counted.get(key) != kept.get(key)}
        result.wrong.append(f"{level.level}: presences are not what the events amount to: {sorted(wrong)[:5]}")
    operator = Operator(stage, level.level, Record(), random.Random(0))
    status, report = await operator.ask("GET", f"/api/lectures/{stage.lecture}/report")
    assert status == 200, report
    for row in report["rows"]:
        wanted = recount.figures(level, stage.lecture, row["venue"]["id"])
        every = row | row["told"] | {"unheard": row["absent"] + row["not_reported"]}
        told = {name: every[name] for name in wanted}
        if told != wanted:
            result.wrong.append(f"{level.level}: the report on {row['venue']['code']} says {told}, counted {wanted}")
