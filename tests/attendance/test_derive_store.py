from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import Kind, Method, Reports, Which, person_id
from attendance.event import to_wire
from attendance.history_reports import history
from attendance.policy import Rules
from attendance.policy_store import PolicyStore
from attendance.tables import event, judge_due, presence
from tests.attendance.test_reports import States
from tests.attendance.world import PROVINCE, VILLAGE, Site, an_event, below
from venues.database import Database


async def rows(site: Site) -> list[dict[str, object]]:
    def work(connection: Connection) -> list[dict[str, object]]:
        found = connection.execute(sa.select(presence).order_by(presence.c.number))
        return [dict(row) for row in found.mappings()]

    return await site.db.read(work)


async def figures(site: Site) -> list[tuple[object, ...]]:
    keys = ("number", "status", "late", "seconds", "credit", "attended", "policy")
    return [tuple(row[key] for key in keys) for row in await rows(site)]


async def until_judged(site: Site) -> None:
    while await site.log().judge_due():
        pass


async def policies(site: Site) -> PolicyStore:
    return PolicyStore(site.db, site.clock, site.entropy, is_root=True)


async def test_the_end_of_the_lecture_settles_what_everybody_has(site: Site) -> None:
    log = site.log()
    await site.lectures.start(site.lecture)
    await log.capture(lecture=site.lecture, number="A1", name="张三", method=Method.CODE)
    site.clock.move(minutes=20)
    await log.capture(lecture=site.lecture, number="A2", name="李四", method=Method.CODE)
    await log.capture(lecture=site.lecture, number="A3", kind=Kind.LEAVE, reason="生病")
    assert await figures(site) == [
        ("A1", "present", False, 0, 0, False, 1),
        ("A2", "present", True, 0, 0, False, 1),
        ("A3", "leave", False, 0, 0, False, 1),
    ]
    site.clock.move(minutes=70)
    await site.lectures.stop(site.lecture)
    await until_judged(site)
    assert await figures(site) == [
        ("A1", "present", False, 5400, 200, True, 1),
        ("A2", "present", True, 4200, 200, True, 1),
        ("A3", "leave", False, 0, 0, False, 1),
    ]
    assert [row["home_id"] for row in await rows(site)] == [VILLAGE] * 3


async def test_another_policy_judges_anew(site: Site) -> None:
    log, store = site.log(), await policies(site)
    await site.lectures.start(site.lecture)
    site.clock.move(minutes=10)
    await log.capture(lecture=site.lecture, number="A1", name="张三", method=Method.CODE)
    site.clock.move(minutes=80)
    await site.lectures.stop(site.lecture)
    strict = await store.add("从严", Rules(late_after_minutes=5, least_percent=95), "o")
    assert strict.version == 2
    await until_judged(site)
    assert await figures(site) == [("A1", "present", False, 4800, 200, True, 1)]  # made later: does not matter here
    assert (await site.lectures.judge_under(site.lecture, 2)).policy == 2
    await until_judged(site)
    assert await figures(site) == [("A1", "present", True, 4800, 0, False, 2)]
    await site.lectures.judge_under(site.lecture, 1)
    await until_judged(site)
    assert await figures(site) == [("A1", "present", False, 4800, 200, True, 1)]


async def test_leave_that_was_entered_too_late_is_absence_under_the_policy_that_says_so(site: Site) -> None:
    store, reports = await policies(site), Reports(site.db, States(), site.clock)
    await site.lectures.start(site.lecture)
    site.clock.move(minutes=10)
    entered = await site.log().capture(lecture=site.lecture, kind=Kind.LEAVE, number="A3", reason="生病")
    await store.add("请假从严", Rules(leave_whenever=False), "o")
    await store.add("一小时内", Rules(leave_whenever=False, leave_hours=1), "o")
    for version, status, which in ((2, "absent", Which.ABSENT), (3, "leave", Which.LEAVE), (1, "leave", Which.LEAVE)):
        await site.lectures.judge_under(site.lecture, version)
        await until_judged(site)
        told = await history(site.db, site.lecture, person_id("A3"))
        assert told.judged is not None
        assert (told.judged.status, told.entry(entered.event.id).too_late) == (status, version == 2)
        home = (await reports.report(site.lecture, VILLAGE)).rows[0].home
        assert (home.leave, home.absent) == ((0, 1) if version == 2 else (1, 0))
        assert [one.number for one in (await reports.names(site.lecture, VILLAGE, which)).names] == ["A3"]


async def test_events_that_come_before_their_lecture_wait_for_it(site: Site) -> None:
    parent = site.log(PROVINCE, "root")
    await site.lectures.start(site.lecture)
    site.clock.move(hours=1)
    late = an_event(lecture=site.lecture, method=Method.CODE, captured_at=site.clock.at.replace(microsecond=0))
    unknown = "01890a5d-ffff-774b-bcce-b302099a8057"
    early = an_event(2, lecture=unknown, method=Method.CODE)
    await parent.ingest([to_wire(late), to_wire(early)], VILLAGE)
    assert sorted(row["policy"] for row in await rows(site)) == [0, 1]


async def test_a_child_judges_as_its_parent_does(site: Site, tmp_path: Path) -> None:
    store = await policies(site)
    await store.add("从严", Rules(late_after_minutes=5), "o")
    await site.lectures.judge_under(site.lecture, 2)
    child = await below(site, VILLAGE, tmp_path)
    try:
        child_policies = PolicyStore(child.db, child.clock, child.entropy, is_root=False)
        await site.lectures.start(site.lecture)
        await child.lectures.replace(await site.lectures.export(VILLAGE))
        site.clock.move(minutes=8)
        await child.log().capture(lecture=site.lecture, number="A1", name="张三", method=Method.CODE)
        assert await figures(child) == [("A1", "present", False, 0, 0, False, 1)]  # the version is not here yet
        await child_policies.replace(await store.export(VILLAGE))
        assert [policy.version for policy in await child_policies.list()] == [2, 1]
        await until_judged(child)
        assert await figures(child) == [("A1", "present", True, 0, 0, False, 2)]
    finally:
        await child.db.close()


async def test_what_changes_while_it_is_judged_is_not_missed(site: Site) -> None:
    log = site.log()
    await site.lectures.start(site.lecture)
    await log.capture(lecture=site.lecture, number="A1", name="张三", method=Method.CODE)

    async def waiting() -> int | None:
        return await site.db.read(lambda c: c.scalar(sa.select(judge_due.c.round)))

    assert await waiting() == 1
    await site.lectures.judge_under(site.lecture, 1)
    assert await waiting() == 2
    await until_judged(site)
    assert await waiting() is None
    assert not await log.judge_due()


async def test_rebuild_gives_the_same(site: Site) -> None:
    log = site.log()
    await site.lectures.start(site.lecture)
    for number in ("A1", "A2"):
        await log.capture(lecture=site.lecture, number=number, name={"A1": "张三", "A2": "李四"}[number])
    await log.capture(lecture=site.lecture, number="A1", kind=Kind.SIGN_OUT)
    before = await rows(site)
    await site.db.write(lambda connection: connection.execute(presence.delete()) and None)
    await log.rebuild(site.lecture)
    assert await rows(site) == before
    assert await count(site.db) == 3


async def count(db: Database) -> int | None:
    return await db.read(lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(event)))
