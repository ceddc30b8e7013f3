"""A roll-call tick at a village's node, as its page asks for it, while events wait for a parent that is away."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

import aiohttp

from attendance import Method
from attendance.people import person_id
from bench.province import free_port, serving, write_config
from venues.identity import Identity, NodeKey
from venues.settings import load
from venues.tree import VenueRow
from web import identity_file
from web.node import Node
from web.policy import Role
from web.store import User

WAITING = 2000
PASSWORD = "the password of a benchmark"
_BRANCH = [
    VenueRow(1, "52", "贵州省", "province", ""),
    VenueRow(2, "5201", "贵阳市", "city", "52"),
    VenueRow(3, "520102", "南明区", "county", "5201"),
    VenueRow(4, "520102001", "新华街道", "township", "520102"),
    VenueRow(5, "520102001001", "宝山村", "village", "520102001"),
]


async def tick(folder: Path, count: int) -> dict[str, Any]:
    """The times of `count` ticks, one after the other, in ms."""
    home = folder / "village"
    home.mkdir()
    port = free_port()
    config = write_config(
        home,
        "",
        port,
        node={"data_dir": str(home / "data"), "venue": _BRANCH[-1].code},
        parent={"urls": [f"http://127.0.0.1:{free_port()}"]},
    )
    lecture = await _prepare(config, count)
    jar = aiohttp.CookieJar(unsafe=True)
    async with serving(config, port) as url, aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.post(f"{url}/api/session", json={"name": "operator", "password": PASSWORD}) as answer:
            assert answer.status == 201, await answer.text()
            headers = {"X-CSRF-Token": (await answer.json())["csrf"]}
        times = []
        for number in range(count):
            begun = time.perf_counter()
            path = f"{url}/api/lectures/{lecture}/check-ins"
            async with session.post(path, json={"person": person_id(f"P{number}")}, headers=headers) as answer:
                assert answer.status == 201, await answer.text()
                await answer.read()
            times.append((time.perf_counter() - begun) * 1000)
    return {
        "ticks": count,
        "waiting": WAITING,
        "ms_median": round(statistics.median(times), 1),
        "ms_p95": round(statistics.quantiles(times, n=20)[-1], 1),
        "ms_max": round(max(times), 1),
    }


async def _prepare(config: Path, count: int) -> str:
    """The village's database as it is after a lecture without a link: tree, roster, and what waits."""
    settings = load(config)
    chance = random.Random(2)
    data_dir = Path(settings.node.data_dir)
    identity = Identity(
        node_id="village", venue_id=5, venue_code="520102001001", key=NodeKey.make(chance.randbytes(32))
    )
    identity_file.save(data_dir, identity)
    async with Node(settings).opened() as node:
        await node.venues.import_rows(_BRANCH, settings.levels)
        roster = "编号,姓名,所属场所\n" + "".join(f"P{n},村民{n},520102001001\n" for n in range(count))
        await node.people.import_csv(roster.encode())
        hashed = await node.passwords.hash(PASSWORD)
        await node.users.add(User(name="operator", role=Role.OPERATOR, venue_id=5, password_hash=hashed))
        lecture = await node.lectures.create("民法典", 1)
        await node.lectures.start(lecture.id)
        await node.look()
        for number in range(WAITING):
            await node.log.capture(lecture=lecture.id, name=f"客{number}", method=Method.WALK_IN)
        return lecture.id
