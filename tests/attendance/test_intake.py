from __future__ import annotations

from hypothesis import given

from attendance.event import Event, content_hash, to_wire
from attendance.intake import judge, read
from attendance.results import Outcome
from tests.attendance.test_event import events
from tests.attendance.world import VILLAGE, an_event

PATHS = {VILLAGE: frozenset({1, 2, VILLAGE})}


@given(events())
def test_what_came_has_the_hash_of_what_it_is(event: Event) -> None:
    (item,) = read([to_wire(event)])
    assert (item.event, item.hash) == (event, content_hash(event))


def test_each_event_is_judged_by_itself() -> None:
    known: dict[str, str] = {}
    wires = [
        to_wire(an_event()),
        to_wire(an_event()),
        to_wire(an_event(name="李四")),
        {},
        to_wire(an_event(2, venue=7)),
    ]
    found = [judge(item, 1, known, PATHS) for item in read(wires)]
    assert [(result.outcome, result.code) for result, _ in found] == [
        (Outcome.ACCEPTED, None),
        (Outcome.DUPLICATE, None),
        (Outcome.QUARANTINED, "content_differs"),
        (Outcome.QUARANTINED, "event_field_missing"),
        (Outcome.QUARANTINED, "venue_outside"),
    ]
    assert [entry.event for _, entry in found if entry] == [an_event()]
    (item,) = read([to_wire(an_event(3))])
    assert judge(item, 3, known, PATHS)[0].code == "venue_outside"  # from a child that the venue is not below
