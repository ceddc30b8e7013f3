from __future__ import annotations

import asyncio
import dataclasses
import random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attendance import Captured, Event, EventError, EventLog, Kind, Method, Outcome, Result, closing, person_id, rules
from attendance.event import canonical, content_hash, to_wire
from attendance.lectures import LectureUnknown
from attendance.tables import event as event_table
from attendance.tables import presence as presence_table
from attendance.tables import quarantine as quarantine_table
from tests.attendance.world import (
    COUNTY,
    COUNTY_UNDER_PROVINCE,
    PROVINCE,
    TOWNSHIP,
    TOWNSHIP_2,
    VILLAGE,
    VILLAGE_2,
    VILLAGE_3,
    Clock,
    Site,
    an_event,
)
from venues.database import Database

ZHANG = person_id("A1")


async def rows(db: Database, table: sa.Table) -> list[dict[str, object]]:
    query = sa.select(table).order_by(*table.primary_key)
    return [dict(row) for row in await db.read(lambda connection: connection.execute(query).mappings().all())]


async def present(site: Site) -> set[object]:
    return {row["person_id"] for row in await rows(site.db, presence_table)}


async def test_a_check_in_is_in_the_log_with_everything(site: Site) -> None:
    done = await site.log().capture(lecture=site.lecture, person=ZHANG, operator="wang", device="phone")
    event = done.event
    assert not done.already
    assert event == dataclasses.replace(
        an_event(),
        id=event.id,
        node="node-1",
        epoch=int(site.clock().timestamp() * 1000),
        seq=1,
        lecture=site.lecture,
        person=ZHANG,
        captured_at=site.clock().replace(microsecond=123000),
        monotonic_ms=12345,
        clock_offset_ms=-3,
        clock_uncertainty_ms=2,
        device="phone",
    )
    assert event.id[14] == "7"
    assert await site.log().outbox(10) == [event]
    assert site.changes == 1
    (row,) = await rows(site.db, presence_table)
    assert [row[f"l{level}"] for level in range(1, 6)] == [1, 2, 4, 6, VILLAGE]
    assert (row["person_id"], row["venue_id"], row["event_id"]) == (ZHANG, VILLAGE, event.id)


async def test_checked_in_twice_the_first_stands(site: Site) -> None:
    log = site.log()
    first = await log.capture(lecture=site.lecture, person=ZHANG)
    again = await log.capture(lecture=site.lecture, number="a1", name="张三", method=Method.CODE)
    assert again == Captured(event=first.event, already=True)
    assert site.changes == 1
    assert len(await rows(site.db, event_table)) == 1


async def test_many_at_once_are_numbered_without_a_gap(site: Site) -> None:
    log = site.log()
    async with asyncio.TaskGroup() as tasks:
        for number in range(60):
            tasks.create_task(
                log.capture(lecture=site.lecture, number=str(number % 40), name="客", method=Method.WALK_IN)
            )
    events = await log.outbox(100)
    assert [event.seq for event in events] == list(range(1, 41))
    assert len({event.number for event in events}) == 40


async def test_the_epoch_stays_with_the_database_and_each_node_counts_for_itself(site: Site) -> None:
    first = await site.log().capture(lecture=site.lecture, person=ZHANG)
    site.clock.move(days=1)
    second = await site.log().capture(lecture=site.lecture, number="Q1", name="客", method=Method.WALK_IN)
    other = await site.log(node="node-2").capture(lecture=site.lecture, number="Q2", name="客", method=Method.WALK_IN)
    assert [(done.event.epoch, done.event.seq) for done in (first, second, other)] == [
        (first.event.epoch, 1),
        (first.event.epoch, 2),
        (first.event.epoch, 1),
    ]


async def test_an_undo_takes_out_until_checked_in_again(site: Site) -> None:
    log = site.log()
    first = await log.capture(lecture=site.lecture, person=ZHANG)
    undo = await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=first.event.id, reason="点错了")
    assert (undo.event.supersedes, undo.event.person, undo.event.name) == (first.event.id, ZHANG, "张三")
    assert undo.event.reason == "点错了"
    assert await present(site) == set()
    repeat = await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=first.event.id)
    assert repeat == Captured(event=undo.event, already=True)
    again = await log.capture(lecture=site.lecture, person=ZHANG)
    assert not again.already
    assert await present(site) == {ZHANG}
    assert [event.seq for event in await log.outbox(10)] == [1, 2, 3]


async def test_an_undo_by_person_and_of_nothing(site: Site) -> None:
    log = site.log()
    with pytest.raises(rules.NotCheckedIn):
        await log.capture(lecture=site.lecture, kind=Kind.UNDO, person=ZHANG)
    with pytest.raises(rules.NotCheckedIn):
        await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=an_event().id)
    await log.capture(lecture=site.lecture, person=ZHANG)
    await log.capture(lecture=site.lecture, kind=Kind.UNDO, person=ZHANG)
    assert await present(site) == set()


async def test_guests_without_a_number_are_each_their_own(site: Site) -> None:
    log = site.log()
    one, two = [await log.capture(lecture=site.lecture, name="钱八", method=Method.WALK_IN) for _ in range(2)]
    assert await present(site) == {one.event.id, two.event.id}
    await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=one.event.id)
    assert await present(site) == {two.event.id}


async def test_who_signs_out_may_come_again(site: Site) -> None:
    log = site.log()
    with pytest.raises(rules.NotCheckedIn):
        await log.capture(lecture=site.lecture, kind=Kind.SIGN_OUT, person=ZHANG)
    came = await log.capture(lecture=site.lecture, person=ZHANG)
    left = await log.capture(lecture=site.lecture, kind=Kind.SIGN_OUT, person=ZHANG)
    assert (left.event.name, left.already) == ("张三", False)
    assert (await log.capture(lecture=site.lecture, kind=Kind.SIGN_OUT, about=came.event.id)) == Captured(
        event=left.event, already=True
    )
    assert await present(site) == {ZHANG}  # was there
    again = await log.capture(lecture=site.lecture, person=ZHANG)
    assert not again.already
    undo = await log.capture(lecture=site.lecture, kind=Kind.UNDO, person=ZHANG)
    assert undo.event.supersedes == again.event.id  # the last stay
    undo = await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=left.event.id)
    assert undo.event.supersedes == left.event.id
    repeat = await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=left.event.id)
    assert repeat == Captured(event=undo.event, already=True)
    assert (await log.capture(lecture=site.lecture, person=ZHANG)) == Captured(event=came.event, already=True)


async def test_a_guest_without_a_number_signs_out_and_is_seen(site: Site) -> None:
    log = site.log()
    guest = (await log.capture(lecture=site.lecture, name="钱八", method=Method.WALK_IN)).event
    for kind in (Kind.PRESENCE_CHECK, Kind.SIGN_OUT):
        event = (await log.capture(lecture=site.lecture, kind=kind, about=guest.id)).event
        assert (event.name, event.subject, event.data) == ("钱八", guest.id, {"guest": guest.id})
    undo = (await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=event.id)).event
    assert (undo.subject, undo.data) == (guest.id, {"guest": guest.id})
    undo = (await log.capture(lecture=site.lecture, kind=Kind.UNDO, supersedes=guest.id)).event
    assert (undo.subject, undo.data) == (guest.id, None)
    assert await present(site) == set()


async def test_leave_and_corrections_need_a_reason(site: Site) -> None:
    log = site.log()
    for kind in (Kind.LEAVE, Kind.CORRECTION):
        with pytest.raises(rules.ReasonMissing):
            await log.capture(lecture=site.lecture, kind=kind, person=ZHANG, reason=" ")
    leave = await log.capture(lecture=site.lecture, kind=Kind.LEAVE, person=ZHANG, reason="探亲")
    again = await log.capture(lecture=site.lecture, kind=Kind.LEAVE, person=ZHANG, reason="探亲")
    assert again == Captured(event=leave.event, already=True)
    stated = await log.capture(
        lecture=site.lecture, kind=Kind.CORRECTION, person=ZHANG, reason="补录", data={"state": "present"}
    )
    assert stated.event.data == {"state": "present"}
    assert await present(site) == {ZHANG}  # the correction stands over the leave


async def test_what_is_of_the_venue_is_nobodys(site: Site) -> None:
    log = site.log()
    counted = await log.capture(lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": 8})
    held = await log.capture(lecture=site.lecture, kind=Kind.PRESENCE_CHECK, data={"round": 1})
    assert {counted.event.subject, held.event.subject} == {f"venue:{VILLAGE}"}
    with pytest.raises(EventError):
        await log.capture(lecture=site.lecture, kind=Kind.HEADCOUNT)
    with pytest.raises(LectureUnknown):
        await log.capture(lecture=an_event().id, kind=Kind.HEADCOUNT, data={"people": 8})
    assert await present(site) == set()


async def test_a_venue_closes_with_count_and_hash_and_may_open_again(site: Site) -> None:
    log = site.log()
    events = [
        (await log.capture(lecture=site.lecture, person=ZHANG)).event,
        (await log.capture(lecture=site.lecture, kind=Kind.HEADCOUNT, data={"people": 1})).event,
    ]
    total = closing.total(content_hash(event) for event in events)
    assert await log.closed(site.lecture) is None
    with pytest.raises(closing.NotClosed):
        await log.reopen(lecture=site.lecture, reason="还有人")
    closed = await log.close(lecture=site.lecture, operator="wang")
    assert closed.event.data == {"count": 2, "hash": total.hash}
    assert await log.close(lecture=site.lecture) == Captured(event=closed.event, already=True)
    assert await log.closed(site.lecture) == closed.event
    with pytest.raises(rules.AttendanceClosed):
        await log.capture(lecture=site.lecture, person=person_id("A2"))
    assert (await log.capture(lecture=site.lecture, person=ZHANG)).already
    with pytest.raises(rules.AttendanceClosed):
        await log.capture(lecture=site.lecture, kind=Kind.UNDO, person=ZHANG)
    elsewhere = await site.log(TOWNSHIP, node="node-2").capture(lecture=site.lecture, person=ZHANG)
    assert not elsewhere.already
    await log.reopen(lecture=site.lecture, reason="还有人")
    assert await log.closed(site.lecture) is None
    await log.capture(lecture=site.lecture, person=person_id("A2"))
    again = await log.close(lecture=site.lecture)
    assert again.event.data is not None
    assert again.event.data["count"] == 5  # the first closing and the opening among them


async def test_a_kind_of_a_newer_version_travels(site: Site) -> None:
    newer = an_event(lecture=site.lecture, kind="late", method="iris", data={"ms": 3})
    log = site.log(PROVINCE)
    assert [result.outcome for result in await log.ingest([to_wire(newer)], COUNTY)] == [Outcome.ACCEPTED]
    assert await log.outbox(10) == [newer]
    assert await present(site) == set()


async def test_a_page_that_asks_twice_gets_one_event(site: Site) -> None:
    log, id_ = site.log(), an_event(5).id
    first = await log.capture(lecture=site.lecture, name="钱八", method=Method.WALK_IN, event_id=id_)
    again = await log.capture(lecture=site.lecture, name="钱八", method=Method.WALK_IN, event_id=id_)
    assert (first.event.id, first.already, again) == (id_, False, Captured(event=first.event, already=True))
    with pytest.raises(EventError):
        await log.capture(lecture=site.lecture, name="钱八", method=Method.WALK_IN, event_id="5")


@pytest.mark.parametrize("changed", [{"reason": "x" * 1001}, {"operator": "a\0b"}, {"name": "a\ud800"}])
async def test_nothing_is_written_that_the_parent_could_not_read(site: Site, changed: dict[str, str]) -> None:
    with pytest.raises(EventError):
        await site.log().capture(**{"lecture": site.lecture, "name": "客", "method": Method.WALK_IN} | changed)
    assert await rows(site.db, event_table) == []


async def test_a_second_venue_is_kept_and_flagged(site: Site) -> None:
    await site.log(VILLAGE).capture(lecture=site.lecture, person=ZHANG)
    site.clock.move(minutes=5)
    there = await site.log(TOWNSHIP).capture(lecture=site.lecture, person=ZHANG)
    assert not there.already
    (row,) = await rows(site.db, presence_table)
    assert (row["venue_id"], row["other_venue"]) == (VILLAGE, True)


async def test_a_branch_without_a_level(site: Site) -> None:
    await site.log().capture(lecture=site.lecture, person=person_id("C1"), venue=VILLAGE_3)
    (row,) = await rows(site.db, presence_table)
    assert [row[f"l{level}"] for level in range(1, 6)] == [
        PROVINCE,
        None,
        COUNTY_UNDER_PROVINCE,
        TOWNSHIP_2,
        VILLAGE_3,
    ]


async def test_the_log_of_the_parent_takes_what_the_child_has(site: Site) -> None:
    log = site.log(PROVINCE)
    event = an_event(lecture=site.lecture)
    assert await log.ingest([to_wire(event)], COUNTY) == [Result(id=event.id, outcome=Outcome.ACCEPTED)]
    assert await log.ingest([to_wire(event)], COUNTY) == [Result(id=event.id, outcome=Outcome.DUPLICATE)]
    assert await log.outbox(10) == [event]
    assert canonical((await log.outbox(1))[0]) == canonical(event)
    assert site.changes == 1
    (row,) = await rows(site.db, event_table)
    assert row["received_from"] == COUNTY


async def test_one_bad_event_never_holds_up_the_rest(site: Site) -> None:
    good, outside = an_event(1), an_event(2, venue=VILLAGE_3)
    forged = to_wire(good) | {"name": "李四"}
    batch = [
        None,
        to_wire(outside),
        to_wire(good),
        {"id": "\ud800"},
        to_wire(good),
        forged,
        to_wire(an_event(3)) | {"seq": 0},
    ]
    results = await site.log(PROVINCE).ingest(batch, COUNTY)
    assert [(result.outcome.value, result.code) for result in results] == [
        ("quarantined", "event_not_object"),
        ("quarantined", "venue_outside"),
        ("accepted", None),
        ("quarantined", "event_field_missing"),
        ("duplicate", None),
        ("quarantined", "content_differs"),
        ("quarantined", "event_field_invalid"),
    ]
    assert [result.id for result in results] == [None, outside.id, good.id, None, good.id, good.id, an_event(3).id]
    kept = await rows(site.db, quarantine_table)
    assert {row["code"] for row in kept} == {result.code for result in results if result.code}
    await site.log(PROVINCE).ingest(batch, COUNTY)
    assert await rows(site.db, quarantine_table) == kept  # the very same is kept once
    assert len(await rows(site.db, event_table)) == 1


async def test_an_unknown_lecture_is_a_fact_too(site: Site) -> None:
    (result,) = await site.log(PROVINCE).ingest([to_wire(an_event())], COUNTY)
    assert result.outcome is Outcome.ACCEPTED


async def test_a_child_whose_disk_was_set_back_loses_nothing(site: Site) -> None:
    """It numbers other events with numbers that it has used already; both are facts."""
    log = site.log(PROVINCE)
    again = dataclasses.replace(an_event(2, person=person_id("A2")), seq=1)
    results = await log.ingest([to_wire(an_event(1)), to_wire(again)], COUNTY)
    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert len(await present(site)) == 2


async def test_an_event_that_the_database_refuses_is_kept_aside(site: Site) -> None:
    def refuse_wang(connection: sa.Connection) -> None:
        if connection.dialect.name == "sqlite":
            when = "CREATE TRIGGER t BEFORE INSERT ON event WHEN NEW.name = '王' BEGIN SELECT RAISE(ABORT, 'no'); END"
            connection.exec_driver_sql(when)
        else:
            connection.exec_driver_sql("ALTER TABLE event ADD CONSTRAINT no_wang CHECK (name <> '王')")

    await site.db.write(refuse_wang)
    batch = [an_event(1), an_event(2, name="王"), an_event(3)]
    log = site.log(PROVINCE)
    results = await log.ingest([to_wire(event) for event in batch], COUNTY)
    assert [(result.outcome.value, result.code) for result in results] == [
        ("accepted", None),
        ("quarantined", "store_refused"),
        ("accepted", None),
    ]
    assert [event.id for event in await log.outbox(10)] == [batch[0].id, batch[2].id]


async def test_the_answer_is_kept_and_nothing_deleted(site: Site) -> None:
    log = site.log()
    events = [(await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)).event for _ in range(4)]
    assert await log.pending() == (4, events[0].captured_at)
    answers = [
        Result(id=events[0].id, outcome=Outcome.ACCEPTED),
        Result(id=events[1].id, outcome=Outcome.DUPLICATE),
        Result(id=events[2].id, outcome=Outcome.QUARANTINED, code="venue_outside"),
        Result(id=None, outcome=Outcome.QUARANTINED, code="event_not_object"),
        Result(id="unknown", outcome=Outcome.ACCEPTED),
    ]
    assert await log.mark(answers) == 3
    assert await log.mark(answers) == 0
    assert await log.outbox(10) == [events[3]]
    assert await log.pending() == (1, events[3].captured_at)
    kept = await rows(site.db, event_table)
    assert [row["upload_code"] for row in kept] == [None, None, "venue_outside", None]
    assert [row["uploaded_at"] is not None for row in kept] == [True, True, True, False]
    await log.mark([Result(id=events[3].id, outcome=Outcome.ACCEPTED)])
    assert await log.pending() == (0, None)


async def test_a_postponed_event_goes_last(site: Site) -> None:
    log = site.log()
    events = [(await log.capture(lecture=site.lecture, name="客", method=Method.WALK_IN)).event for _ in range(3)]
    await log.postpone(events[0].id)
    assert await log.outbox(10) == [events[1], events[2], events[0]]


async def test_the_code_secret_is_made_once(site: Site) -> None:
    secret = await site.log().code_secret()
    assert len(secret) == 32
    assert await site.log().code_secret() == secret


# Any order, any repeats, any split into batches: the same presence.

_PEOPLE = [person_id(number) for number in ("A1", "A2", "B1")]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of several people at several venues, undos of known and unknown check-ins among them."""
    events: list[Event] = []
    for n in range(1, draw(st.integers(2, 12))):
        at = Clock().at.replace(microsecond=1000 * draw(st.integers(0, 5)))
        person = draw(st.sampled_from([*_PEOPLE, None]))
        earlier = [event for event in events if event.kind is Kind.CHECK_IN]
        if earlier and draw(st.booleans()):
            target = draw(st.sampled_from(earlier))
            undo = an_event(n, person=target.person, venue=target.venue, kind=Kind.UNDO, supersedes=target.id)
            events.append(dataclasses.replace(undo, captured_at=at))
        else:
            venue = draw(st.sampled_from([VILLAGE, VILLAGE_2, TOWNSHIP]))
            events.append(an_event(n, person=person, venue=venue, captured_at=at))
    return events


async def _replay(site: Site, log: EventLog, batches: list[list[Event]]) -> list[dict[str, object]]:
    for table in (event_table, presence_table):
        await site.db.write(lambda connection, table=table: connection.execute(table.delete()))
    for batch in batches:
        results = await log.ingest([to_wire(event) for event in batch], COUNTY)
        assert all(result.outcome is not Outcome.QUARANTINED for result in results)
    return await rows(site.db, presence_table)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=histories(), chance=st.randoms(use_true_random=False))
async def test_ingest_in_any_order_with_repeats(site: Site, events: list[Event], chance: random.Random) -> None:
    log = site.log(PROVINCE)
    once = await _replay(site, log, [events])
    jumbled = events + chance.sample(events, len(events) // 2)
    chance.shuffle(jumbled)
    cut = chance.randint(0, len(jumbled))
    assert await _replay(site, log, [jumbled[:cut], jumbled[cut:]]) == once
    for lecture in {event.lecture for event in events}:
        await log.rebuild(lecture)
    assert await rows(site.db, presence_table) == once


async def test_a_clock_that_is_known_to_be_wrong_refuses_nobody(site: Site) -> None:
    await site.lectures.stop(site.lecture)
    site.clock.move(days=1)
    right = site.log(offset_ms=-86_400_000)
    assert not (await right.capture(lecture=site.lecture, number="A1")).already
    with pytest.raises(rules.LectureOver):
        await site.log().capture(lecture=site.lecture, number="A2")
