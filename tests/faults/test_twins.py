"""Two nodes that claim one venue, and one node on two disks: both keep what they wrote, and a person counts once."""

from __future__ import annotations

import asyncio
import random
import shutil

import pytest

from tests.faults import recount
from tests.faults.conftest import Stages
from tests.faults.stage import CODES, LEVELS, Site, Stage, enrolled, settings_of, until
from tests.faults.ticks import Operator, Readers, Record
from tests.faults.verdict import books
from venues.settings import Settings
from web import identity_file
from web.demo_process import free_ports
from web.node import Node

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWIN = "twin"


def add_twin(stage: Stage, *, node: str, parent: str) -> Site:
    """A second machine for the village, with a copy of its disk."""
    village = stage["village"]
    (port,) = free_ports("127.0.0.1", village.port + 1, 1)
    shutil.copytree(village.folder / "village", village.folder / TWIN)
    database = f"sqlite:///{village.folder / TWIN / 'tongtang.db'}"
    site = Site(TWIN, village.venue, node, village.folder, port, stage[parent].url, database)
    stage.sites[TWIN] = site
    return site


def crew(stage: Stage, record: Record, chance: random.Random) -> tuple[Operator, Operator]:
    """At the village and at its twin."""
    chances = [random.Random(chance.random()) for _ in range(2)]
    return (
        Operator(stage, "village", record, chances[0]),
        Operator(stage, TWIN, record, chances[1], name="operator-village"),
    )


async def same_people(pair: tuple[Operator, Operator], people: range) -> None:
    """Both take in the same people, at the same moment."""
    await asyncio.gather(*(each.take_in("village", one) for each in pair for one in people))


async def up(stage: Stage) -> bool:
    found = await asyncio.to_thread(_waiting, stage)
    return found == 0


def _waiting(stage: Stage) -> int:
    return sum(recount.waiting(stage[level].database) for level in ("village", TWIN, "middle"))


async def alarms(readers: Readers) -> list[dict[str, object]]:
    status, told = await readers.at("root", "organizer").ask("GET", "/api/quarantine")
    assert status == 200, told
    return list(told["twins"])


async def counts_once(stage: Stage, readers: Readers, people: int) -> None:
    for level in ("root", "middle"):
        _, report = await readers.at(level).ask("GET", f"/api/lectures/{stage.lecture}/report")
        assert report["rows"][0]["present"] == people, (level, report["rows"][0])


async def test_a_copied_disk(stages: Stages, chance: random.Random, long: bool) -> None:
    for turn in range(5 if long else 1):
        await copied(stages, chance, turn)


async def copied(stages: Stages, chance: random.Random, turn: int) -> None:
    async with stages.open(f"stage-{turn}") as stage:
        record, readers = Record(), Readers(stage)
        first = Operator(stage, "village", record, chance)
        for one in range(3):
            await first.take_in("village", one)
        await stage.kill("village")
        add_twin(stage, node=stage["village"].node, parent="middle")
        for level in ("village", TWIN):
            await stage.start(level)
        await stage.ready("village", TWIN)
        pair = crew(stage, record, chance)
        await stage.kill("middle")  # else the quicker one's events may come up in time for the other to count elsewhere
        await same_people(pair, range(3, 3 + chance.randrange(4, 9)))
        await pair[0].take_in("village", 20)
        await pair[1].take_in("village", 21)
        await stage.restart("middle")
        await until("both to be handed up", lambda: up(stage))
        await until("the alarm", lambda: alarms(readers))
        (alarm,) = await alarms(readers)
        assert (alarm["kind"], alarm["venue"]) == ("copied", stage["village"].venue)
        await until("both to have left the epoch", lambda: apart(stage))
        await pair[0].take_in("village", 22)
        await pair[1].take_in("village", 23)
        await until("both to be handed up", lambda: up(stage))
        people = len({row["person"] for row in (await books(stage))["root"].events})
        await counts_once(stage, readers, people)
        await stage.kill(TWIN)
        await stage.restart("middle")  # then the village asks anew, and takes back what its twin wrote
        await until("the village to have all", lambda: has_all(stage, "village"))
        await stages.judge("a copied disk on two machines", stage, record, forked=True)


async def apart(stage: Stage) -> bool:
    """Whether each has taken back what the other wrote under its own numbers: then it counts in an epoch of its own."""
    return all([await asyncio.to_thread(_forked, stage[level].database) for level in ("village", TWIN)])


def _forked(url: str) -> bool:
    return any(row["forked_at"] is not None for row in recount.read("", url).streams.values())


async def has_all(stage: Stage, level: str) -> bool:
    found = await books(stage)
    here = {row["id"] for row in found[level].events}
    return all(row["id"] in here for row in found["root"].events if row["venue"] == stage["village"].venue)


async def test_two_nodes_of_one_venue(stages: Stages, chance: random.Random, long: bool) -> None:
    """The second one is enrolled at the root, which does not know yet that the middle has let one in."""
    for turn in range(5 if long else 1):
        await two_nodes(stages, chance, turn)


async def two_nodes(stages: Stages, chance: random.Random, turn: int) -> None:
    async with stages.open(f"stage-{turn}", start=False) as stage:
        record, readers = Record(), Readers(stage)
        settings = Settings.model_validate(settings_of(stage["root"].folder, "root"))
        async with Node(settings).opened() as root:
            identity = await enrolled(root, stage["village"].venue, CODES["village"])
        site = add_twin(stage, node=identity.node_id, parent="root")
        identity_file.save(site.folder / TWIN, identity)
        for level in (*LEVELS, TWIN):
            await stage.start(level)
        await stage.ready(*LEVELS, TWIN)
        pair = crew(stage, record, chance)
        await same_people(pair, range(chance.randrange(4, 9)))
        await pair[0].take_in("village", 20)
        await pair[1].take_in("village", 21)
        await pair[0].close()
        await pair[1].close()
        await until("both to be handed up", lambda: up(stage))
        await until("the alarm", lambda: alarms(readers))
        (alarm,) = await alarms(readers)
        assert (alarm["kind"], len(alarm["nodes"])) == ("two_nodes", 2)  # type: ignore[arg-type]
        await until("the root to have all", lambda: final(stage, readers, "root"))
        await stage.restart("root")  # then the middle asks anew, and takes what went past it
        await until("the middle to have all", lambda: has_all(stage, "middle"))
        await until("the middle to see it closed", lambda: final(stage, readers, "middle"))
        people = len({row["person"] for row in (await books(stage))["root"].events if row["person"]})
        await counts_once(stage, readers, people)
        await stages.judge("two nodes of one venue", stage, record)


async def final(stage: Stage, readers: Readers, level: str) -> bool:
    _, report = await readers.at(level).ask("GET", f"/api/lectures/{stage.lecture}/report?level=4")
    return any(row["venue"]["id"] == stage["village"].venue and row["state"] == "final" for row in report["rows"])
