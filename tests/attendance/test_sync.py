from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance import EventLog, Method, Outcome, Reply, Result, Uploader, reply_of, results, sync
from attendance.event import to_wire
from tests.attendance.world import COUNTY, PROVINCE, VILLAGE, Site, an_event, below

STATE = sync.State(batch=500, most=500)
SOON_S = 10.0

# the pure part


def test_a_success_goes_on_at_once_and_forgets_failures() -> None:
    state = sync.State(batch=1, most=500, failures=3, not_before_s=50)
    after = sync.decide(state, 1, 1, Reply(status=200), now_s=60, random=0.9).state
    assert after == sync.State(batch=2, most=500, failures=0, not_before_s=60)
    assert after.wait_s(60) == 0


@pytest.mark.parametrize("reply", [Reply(status=0), Reply(status=500), Reply(status=401), Reply(status=200)])
def test_a_failure_backs_off_with_full_jitter(reply: Reply) -> None:
    state, ceilings = STATE, []
    for _ in range(8):
        decision = sync.decide(state, 500, 0, reply, now_s=100, random=0.5)
        assert not decision.postpone
        state = decision.state
        ceilings.append(2 * state.wait_s(100))
    assert ceilings == [1, 2, 4, 8, 16, 30, 30, 30]
    assert sync.decide(state, 500, 0, reply, now_s=100, random=0.0).state.wait_s(100) == 0


def test_retry_after_is_honoured_and_spread() -> None:
    after = sync.decide(STATE, 500, 0, Reply(status=503, retry_after_s=120), now_s=0, random=0.5).state
    assert after.wait_s(0) == 120.5
    after = sync.decide(STATE, 500, 0, Reply(status=429, retry_after_s=1e9), now_s=0, random=0).state
    assert after.wait_s(0) == 3600


def test_a_spoilt_request_is_halved_until_one_is_left_and_that_one_goes_last() -> None:
    state, sizes = STATE, []
    while True:
        sizes.append(state.batch)
        decision = sync.decide(state, state.batch, 0, Reply(status=400), now_s=0, random=1)
        if decision.postpone:
            break
        assert decision.state.wait_s(0) == 0
        state = decision.state
    assert sizes == [500, 250, 125, 62, 31, 15, 7, 3, 1]
    assert decision.state.wait_s(0) == 1


def test_an_event_over_which_the_parent_breaks_goes_last_after_all_others_were_tried() -> None:
    for reply in (Reply(status=500), Reply(status=200)):
        state, sizes = STATE, []
        while True:
            sizes.append(state.batch)
            decision = sync.decide(state, state.batch, 0, reply, now_s=0, random=1)
            assert decision.state.wait_s(0) > 0  # it may be the parent's fault alone
            if decision.postpone:
                break
            state = decision.state
        assert sizes == [500, 250, 125, 62, 31, 15, 7, 3, 1]


def test_a_parent_that_is_there_again_is_asked_soon_but_not_before_it_said() -> None:
    failed = sync.State(batch=1, most=500, failures=7, not_before_s=130, asked_until_s=100)
    assert sync.reached(failed, now_s=101, random=0.5).not_before_s == 101.5
    assert sync.reached(failed, now_s=80, random=0.5).not_before_s == 100.5
    assert sync.reached(failed, now_s=129.9, random=0.5).not_before_s == 130
    assert sync.reached(STATE, now_s=50, random=0.5).wait_s(50) == 0


def test_a_result_without_an_id_answers_for_its_place() -> None:
    events = [an_event(n) for n in range(1, 4)]
    ids = [event.id for event in events]
    spoilt = Result(id=None, outcome=Outcome.QUARANTINED, code="x")
    found = [Result(id=ids[0], outcome=Outcome.ACCEPTED), spoilt, Result(id=ids[2], outcome=Outcome.DUPLICATE)]
    assert [one.id for one in sync.by_place(found, events)] == ids
    assert sync.by_place(found, events)[1].code == "x"
    assert [one.id for one in sync.by_place(found[:2], events)] == ids[:1]  # it cannot be told whose it is
    strange = dataclasses.replace(spoilt, id="another")
    assert sync.by_place([strange], events[:1]) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 200, 400, 401, 413, 429, 500, 503]),
            st.integers(0, 500),
            st.floats(0, 0.999),
            st.none() | st.floats(0, 1e9),
        )
    )
)
def test_whatever_the_parent_answers_it_is_asked_again_within_bounds(
    replies: list[tuple[int, int, float, float | None]],
) -> None:
    state = STATE
    for status, marked, chance, retry_after_s in replies:
        reply = Reply(status=status, retry_after_s=retry_after_s)
        state = sync.decide(state, state.batch, min(marked, state.batch), reply, 0, chance).state
        assert 1 <= state.batch <= 500
        assert state.wait_s(0) <= sync.RETRY_AFTER_MOST_S + sync.BACK_OFF_MOST_S


@pytest.mark.parametrize(
    ("status", "body", "retry_after", "expected"),
    [
        (
            200,
            {"results": [{"id": "a", "outcome": "accepted"}, {"id": None, "outcome": "quarantined", "code": "x"}]},
            None,
            [Result(id="a", outcome=Outcome.ACCEPTED), Result(id=None, outcome=Outcome.QUARANTINED, code="x")],
        ),
        (200, {"results": [{"id": "a", "outcome": "fine"}]}, None, []),
        (200, {"results": ["a"]}, "soon", []),
        (200, "<html>", None, []),
        (503, {"results": [{"id": "a", "outcome": "accepted"}]}, "7", []),
    ],
)
def test_reading_an_answer(status: int, body: object, retry_after: str | None, expected: list[Result]) -> None:
    reply = reply_of(status, body, retry_after)
    assert reply == Reply(status=status, results=expected, retry_after_s=7.0 if retry_after == "7" else None)


# the uploader between two real logs, over a link with a script


class Link:
    """Carries requests to the parent's log, as JSON; `script` says what goes wrong, one entry per request."""

    def __init__(self, parent: EventLog, script: list[str]) -> None:
        self._parent = parent
        self.script = script
        self.arrived: asyncio.Queue[int] = asyncio.Queue()  # the size of each request that the parent took

    async def __call__(self, body: dict[str, object]) -> Reply:
        events = json.loads(json.dumps(body))["events"]
        match self.script.pop(0) if self.script else "fine":
            case "down":
                return Reply(status=0)
            case "answer lost":
                await self._parent.ingest(events, COUNTY)
                return Reply(status=0)
            case "half answered":
                answers = await self._parent.ingest(events, COUNTY)
                return Reply(status=200, results=answers[::2])
            case "refused":
                return Reply(status=400)
        if any(event["name"] == "poison" for event in events):
            return Reply(status=400)
        answers = await self._parent.ingest(events, COUNTY)
        self.arrived.put_nowait(len(events))
        return reply_of(200, json.loads(json.dumps({"results": [results.to_wire(each) for each in answers]})), None)


@pytest.fixture
async def child(site: Site, tmp_path: Path) -> AsyncIterator[Site]:
    found = await below(site, COUNTY, tmp_path)
    yield found
    await found.db.close()


def uploader(child: EventLog, link: Link, wake: asyncio.Event, *, interval_s: float = 0.05) -> Uploader:
    return Uploader(
        child,
        link,
        wake,
        batch=8,
        interval_s=interval_s,
        monotonic=asyncio.get_running_loop().time,
        random=lambda: 0.0,
    )


@contextlib.asynccontextmanager
async def running(uploader: Uploader) -> AsyncIterator[None]:
    task = asyncio.create_task(uploader.run())
    try:
        async with asyncio.timeout(SOON_S):
            yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def drain(uploader: Uploader) -> None:
    async with asyncio.timeout(SOON_S):
        while await uploader.step():
            pass


async def fill(log: EventLog, lecture: str, count: int) -> None:
    for number in range(count):
        await log.capture(lecture=lecture, number=f"N{number}", name=f"客{number}", method=Method.WALK_IN)


@pytest.mark.parametrize("seed", range(4))
async def test_everything_arrives_once_whatever_the_link_does(site: Site, child: Site, seed: int) -> None:
    chance = random.Random(seed)
    script = chance.choices(["fine", "down", "answer lost", "half answered", "refused"], k=20)
    below_log, above = child.log(VILLAGE), site.log(PROVINCE, node="root")
    await fill(below_log, site.lecture, 30)
    await drain(uploader(below_log, Link(above, script), asyncio.Event()))
    assert await below_log.pending() == (0, None)
    arrived = await above.outbox(100)
    assert sorted(event.seq for event in arrived) == list(range(1, 31))


async def test_a_poisoned_event_goes_last_and_is_kept(site: Site, child: Site) -> None:
    log, above = child.log(VILLAGE), site.log(PROVINCE, node="root")
    await fill(log, site.lecture, 3)
    await log.capture(lecture=site.lecture, name="poison", method=Method.WALK_IN)
    await fill(log, site.lecture, 20)
    link = Link(above, [])
    upload = uploader(log, link, asyncio.Event())
    async with asyncio.timeout(SOON_S):
        while (await log.pending())[0] > 1:
            await upload.step()
    assert len(await above.outbox(100)) == 20
    assert [event.name for event in await log.outbox(10)] == ["poison"]


async def test_a_capture_goes_up_at_once(site: Site, child: Site) -> None:
    wake, link = asyncio.Event(), Link(site.log(PROVINCE, node="root"), [])
    log = child.log(VILLAGE, on_change=wake.set)
    async with running(uploader(log, link, wake, interval_s=3600)):
        for _ in range(3):
            await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)
            assert await link.arrived.get() == 1


async def test_without_a_wake_the_interval_finds_it(site: Site, child: Site) -> None:
    log, above = child.log(VILLAGE), site.log(PROVINCE, node="root")
    link = Link(above, ["down", "down"])
    async with running(uploader(log, link, asyncio.Event())):
        await fill(log, site.lecture, 1)
        assert await link.arrived.get() == 1
    assert link.script == []
    assert len(await above.outbox(10)) == 1


async def test_what_the_parent_quarantines_is_kept_with_its_code(site: Site, child: Site) -> None:
    log, above = child.log(VILLAGE), site.log(PROVINCE, node="root")
    await fill(log, site.lecture, 1)
    (event,) = await log.outbox(1)
    forged = dataclasses.replace(event, name="另一个")
    await above.ingest([to_wire(forged)], COUNTY)
    await drain(uploader(log, Link(above, []), asyncio.Event()))
    assert await log.pending() == (0, None)
    assert (await above.outbox(10)) == [forged]


async def test_whoever_waits_after_failures_goes_on_when_the_parent_is_there_again(site: Site, child: Site) -> None:
    log, above = child.log(VILLAGE), site.log(PROVINCE, node="root")
    link, chance = Link(above, ["down"] * 8), [0.0] * 7 + [0.999]  # the last failure is waited for for half a minute
    upload = Uploader(
        log, link, asyncio.Event(), batch=8, interval_s=1, monotonic=asyncio.get_running_loop().time,
        random=lambda: chance.pop(0) if chance else 0.0,
    )  # fmt: skip
    await fill(log, site.lecture, 1)
    async with asyncio.timeout(SOON_S):
        while link.script:
            await upload.step()
    async with running(upload):
        upload.reached()
        assert await link.arrived.get() == 1


async def test_who_looks_after_the_marks_is_told_of_what_went_up(site: Site, child: Site) -> None:
    told: list[bool] = []
    log, above = child.log(VILLAGE), site.log(PROVINCE, node="root")
    upload = Uploader(
        log, Link(above, ["down"]), asyncio.Event(), batch=8, interval_s=1, monotonic=lambda: 0.0,
        random=lambda: 0.0, on_marked=lambda: told.append(True),
    )  # fmt: skip
    await fill(log, site.lecture, 1)
    await upload.step()
    assert told == []
    await upload.step()
    assert told == [True]
