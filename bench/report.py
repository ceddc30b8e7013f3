"""How long the reports of a province take after years: `python -m bench.report --db URL --rows 12000000 --json`.

`--db` is the URL of an empty database; `sqlite` and `postgresql` make one of their own in a temporary folder and remove
it, or in the folder of `--keep`, where the next run finds it again. The store (bench/history.py) holds the real tree of
19,572 venues and 435 lectures; its presences are written straight into their table, not made from events. Then the
summaries are made as a node makes them, and each question is asked as the pages ask it: in this process, and over HTTP
of a real node in a process of its own.

- `lecture_by_county`: one lecture over the whole province, the 88 counties; `county_by_venue`: one county of it, all
  its villages; `year_by_city`: all lectures of a year; `person_record`: all lectures of a person.
- `rebuild`: lectures whose summaries were made anew, and how many were not what they had been; before that, people of
  many lectures are judged otherwise, and the summaries follow as they do in a node.
- `--plans FILE`: what the database says that it did for each question.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa
import uvloop

from attendance import Reports
from attendance.summary_store import changed
from attendance.tables import lecture as lecture_table
from attendance.tables import presence as presence_table
from bench import history
from bench.plans import Plans, sizes
from bench.province import free_port, own_postgresql, serving, write_config
from venues.settings import Settings, load
from venues.tables import venue as venue_table
from web.node import Node
from web.policy import Role
from web.store import User

PASSWORD = "the password of a benchmark"
COUNTY, VILLAGE = 2, 4  # levels, the province is 0


class Chosen:
    """What is asked about: a lecture in the middle of the years, the county with most villages, somebody who came."""

    def __init__(self, connection: sa.Connection) -> None:
        lectures = connection.scalars(sa.select(lecture_table.c.id).order_by(lecture_table.c.id)).all()
        self.lectures = list(lectures)
        self.lecture = lectures[len(lectures) // 2]
        times = connection.scalars(sa.select(lecture_table.c.started_at))
        self.year = Counter(at.year for at in times if at).most_common(1)[0][0]
        self.root = connection.scalar(sa.select(venue_table.c.id).where(venue_table.c.parent_id.is_(None))) or 0
        county, township, village = (venue_table.alias() for _ in range(3))
        most = sa.select(county.c.id).join(township, township.c.parent_id == county.c.id)
        most = most.join(village, village.c.parent_id == township.c.id).where(county.c.level == COUNTY)
        self.county = connection.scalar(most.group_by(county.c.id).order_by(sa.func.count().desc()).limit(1)) or 0
        below = sa.select(venue_table.c.id).where(venue_table.c.parent_id == self.county)
        self.township = connection.scalar(below.order_by(venue_table.c.code).limit(1)) or 0
        somebody = sa.select(presence_table.c.person_id).where(presence_table.c.lecture_id == self.lecture)
        self.person = connection.scalar(somebody.limit(1)) or ""


async def refresh(node: Node) -> dict[str, Any]:
    """The summaries of all lectures, as a node makes them after an import."""
    begun, made = time.perf_counter(), 0
    while await node.summaries.refresh():
        made += 1
    seconds = time.perf_counter() - begun
    return {"lectures": made, "seconds": round(seconds, 1), "ms_each": round(1000 * seconds / max(1, made))}


async def add_up(node: Node) -> dict[str, Any]:
    """Each person's years; `ms_longest`: of the steps, between which a node does other things."""
    steps, begun = [0.0], time.perf_counter()
    while await node.years.step():
        steps.append(time.perf_counter() - begun - sum(steps))
    return {"seconds": round(sum(steps), 1), "ms_longest": round(1000 * max(steps))}


async def judged_otherwise(node: Node, chosen: Chosen, chance: random.Random) -> None:
    """Twenty people in each of a hundred lectures, as corrections would: the lectures' summaries are due again."""
    some = chance.sample(chosen.lectures, min(100, len(chosen.lectures)))

    def work(connection: sa.Connection) -> None:
        about = presence_table.c
        for lecture in some:
            people = connection.scalars(
                sa.select(about.person_id)
                .where(about.lecture_id == lecture, about.person_id > chance.choice("1357bd"))
                .limit(20)
            ).all()
            these = sa.and_(about.lecture_id == lecture, about.person_id.in_(people))
            values = {"status": chance.choice(["leave", "absent"]), "late": False, "early": False, "attended": False}
            connection.execute(presence_table.update().where(these).values(**values, seconds=0, credit=0))
        changed(connection, some)

    await node.db.write(work)


async def rebuild(node: Node, chosen: Chosen, most: int) -> dict[str, Any]:
    some = random.Random(3).sample(chosen.lectures, min(most, len(chosen.lectures)))
    begun = time.perf_counter()
    different = await node.summaries.rebuild(some)
    seconds = round(time.perf_counter() - begun, 1)
    await node.years.refresh()
    rows = await node.years.rebuild()
    return {"lectures": len(some), "different": different, "seconds": seconds, "rows_of_years_different": rows}


def questions(node: Node, chosen: Chosen) -> dict[str, Callable[[], Awaitable[object]]]:
    reports: Reports = node.reports
    return {
        "lecture_by_county": lambda: reports.report(chosen.lecture, chosen.root, COUNTY),
        "county_by_venue": lambda: reports.report(chosen.lecture, chosen.county, VILLAGE),
        "year_by_city": lambda: node.records.statistics(chosen.root, chosen.year, chosen.year),
        "person_record": lambda: node.records.record(chosen.person),
        "trend_of_a_year": lambda: node.records.trend(chosen.root, chosen.year, chosen.year),
        "township_year_by_village": lambda: node.records.statistics(chosen.township, chosen.year, chosen.year),
        "county_reliability": lambda: node.records.reliability(chosen.county, chosen.year, chosen.year),
        "hours_of_a_county": lambda: node.records.hours(chosen.county, chosen.year, order="hours"),
        "hours_of_the_province": lambda: node.records.hours(chosen.root, chosen.year, order="hours"),
    }


def addresses(chosen: Chosen) -> dict[str, str]:
    report = f"/api/lectures/{chosen.lecture}/report?venue="
    return {
        "lecture_by_county": f"{report}{chosen.root}&level={COUNTY}",
        "county_by_venue": f"{report}{chosen.county}&level={VILLAGE}",
        "year_by_city": f"/api/statistics?venue={chosen.root}&first={chosen.year}",
        "person_record": f"/api/people/{chosen.person}/record",
        "year_by_city_page": f"/statistics?venue={chosen.root}&first={chosen.year}",
    }


async def timed(ask: Callable[[], Awaitable[object]], runs: int) -> dict[str, float]:
    """In ms; the first run finds nothing remembered in the process. `cpu_ms`: of this process alone, whatever else the
    machine does."""
    times, cpu = [], []
    for _ in range(runs):
        begun, used = time.perf_counter(), time.process_time()
        await ask()
        times.append((time.perf_counter() - begun) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return {
        "ms_first": round(times[0], 1),
        "ms_median": round(statistics.median(times[1:]), 1),
        "ms_max": round(max(times[1:]), 1),
        "cpu_ms": round(statistics.median(cpu[1:]), 1),
    }


async def over_http(config: Path, port: int, chosen: Chosen, runs: int) -> dict[str, Any]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with serving(config, port) as url, aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.post(f"{url}/api/session", json={"name": "organizer", "password": PASSWORD}) as answer:
            assert answer.status == 201, await answer.text()

        def asking(path: str) -> Callable[[], Awaitable[object]]:
            async def ask() -> object:
                async with session.get(url + path) as answer:
                    body = await answer.read()
                    assert answer.status == 200, body
                    return body

            return ask

        return {name: await timed(asking(path), runs) for name, path in addresses(chosen).items()}


async def measure(config: Path, port: int, settings: Settings, wanted: argparse.Namespace) -> dict[str, Any]:
    plans = Plans()
    async with Node(settings).opened() as node:
        chosen = await node.db.read(Chosen)
        await node.summaries.tree_is(await node.venues.version(chosen.root))
        found: dict[str, Any] = {"summaries": await refresh(node), "years": await add_up(node)}
        if wanted.rebuild:
            await judged_otherwise(node, chosen, random.Random(2))
            found["after_changes"] = await refresh(node) | {"years": await add_up(node)}
            found["rebuild"] = await rebuild(node, chosen, wanted.rebuild)
        found["load"] = round(os.getloadavg()[0], 1)
        asked = questions(node, chosen)
        found["function"] = {}
        for name, ask in asked.items():
            await node.health.heard(chosen.root, await node.report())  # as a running node does of itself
            found["function"][name] = await timed(ask, wanted.runs)
        for name, ask in asked.items():
            await plans.watch(node.db, name, ask)
        found["store"] = await node.db.read(sizes)
    found["http"] = await over_http(config, port, chosen, wanted.runs)
    if wanted.plans:
        wanted.plans.write_text(plans.text(), encoding="utf-8")
    return found


async def run(url: str, folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    port = free_port()
    # No lecture of these years is too old: a node would be busy with forgetting who was there.
    config = write_config(folder, url, port, attendance={"retention_days": 0, "device_days": 0})
    settings = load(config)
    found: dict[str, Any] = {"database": url.partition(":")[0].partition("+")[0]}
    if not await filled(settings):
        begun = time.perf_counter()
        await history.write(settings, wanted.rows, wanted.lectures)
        found["written_straight_in_s"] = round(time.perf_counter() - begun, 1)
        async with Node(settings).opened() as node:
            root = await node.venues.root()
            assert root is not None
            hashed = await node.passwords.hash(PASSWORD)
            await node.users.add(User(name="organizer", role=Role.ORGANIZER, venue_id=root.id, password_hash=hashed))
    return found | await measure(config, port, settings, wanted)


async def filled(settings: Settings) -> bool:
    async with Node(settings).opened() as node:
        return await node.users.get("organizer") is not None


@contextlib.contextmanager
def database(wanted: str, folder: Path) -> Iterator[str]:
    if wanted == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
    elif wanted == "postgresql":
        with own_postgresql(folder) as url:
            yield url
    else:
        yield wanted


@contextlib.contextmanager
def place(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
            os.chmod(name, 0o700)
            yield Path(name)
    else:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield keep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", default="sqlite", help="URL of an empty database, or sqlite, or postgresql")
    parser.add_argument("--rows", type=int, default=1_200_000, help="presences in all lectures together")
    parser.add_argument("--lectures", type=int, default=history.LECTURES, help="the last so many of them")
    parser.add_argument("--keep", type=Path, help="folder of the store; what is there already is used as it is")
    parser.add_argument("--runs", type=int, default=21, help="of each question, the first told apart")
    parser.add_argument("--rebuild", type=int, default=435, help="lectures to make anew and compare; 0 leaves it out")
    parser.add_argument("--plans", type=Path, help="file for the query plans")
    parser.add_argument("--json", action="store_true", help="one line of JSON (else indented)")
    wanted = parser.parse_args()
    with place(wanted.keep) as folder, database(wanted.db, folder) as url:
        found = uvloop.run(run(url, folder, wanted))
    print(json.dumps(found, indent=None if wanted.json else 2))


if __name__ == "__main__":
    main()
