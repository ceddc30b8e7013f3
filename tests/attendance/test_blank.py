from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance import intake
from attendance.blank import (
    AFTER,
    ERASED,
    HOME,
    SOMEBODY,
    blanked,
    blanked_raw,
    hash_of,
    is_blank,
    pseudonym,
    subjects_in,
    without_device,
)
from attendance.event import DATA_MOST, EventFieldInvalid, Kind, content_hash, parse, to_wire
from attendance.people import person_id
from tests.attendance.world import an_event

P = "0193a3ee-0000-7000-8000-0000000000ff"


def test_a_blanked_event_says_nobody_and_keeps_its_place_and_hash() -> None:
    event = an_event(device="phone", reason="why", data={"late": True, "state": "present", "note": "张三", "card": "0"})
    blank = blanked(event, content_hash(event), P, home=8)
    assert (blank.person, blank.number, blank.name, blank.device, blank.operator, blank.reason) == (
        P, None, SOMEBODY, None, None, None,
    )  # fmt: skip
    assert blank.data == {"late": True, "state": "present", HOME: 8, ERASED: content_hash(event)}
    assert is_blank(blank)
    assert hash_of(blank) == content_hash(event)
    assert blank.subject == P
    again = blanked(blank, hash_of(blank), P)
    assert again == blank


def test_it_travels_under_the_hash_of_what_was_written_first() -> None:
    event = an_event()
    ((item),) = intake.read([to_wire(blanked(event, content_hash(event), P))])
    assert item.event is not None
    assert item.hash == content_hash(event)


@pytest.mark.parametrize("claimed", [1, "x", "F" * 64, True])
def test_a_hash_must_be_one(claimed: object) -> None:
    with pytest.raises(EventFieldInvalid):
        parse(to_wire(an_event()) | {"data": {ERASED: claimed}})


@pytest.mark.parametrize(
    "changed",
    [
        {"person": None, "number": None},
        {"person": None, "number": None, "kind": Kind.UNDO, "supersedes": P},
        {"person": None, "number": None, "kind": Kind.SIGN_OUT, "data": {"guest": P}},
        {"person": None, "number": None, "name": "", "kind": Kind.HEADCOUNT, "data": {"people": 8}},
    ],
)
def test_a_guest_and_a_venue_stay_known_by_themselves(changed: dict[str, object]) -> None:
    event = an_event(**changed)
    blank = blanked(event, content_hash(event), "unused")
    assert blank.subject == event.subject
    assert parse(to_wire(blank)) == blank


@given(st.integers(1, DATA_MOST))
def test_it_can_always_be_read_again(entries: int) -> None:
    event = an_event(data={f"figure_{n}": n for n in range(entries)})
    blank = blanked(event, content_hash(event), P, home=8)
    assert parse(to_wire(blank)) == blank
    assert hash_of(blank) == content_hash(event)


def test_only_the_device_may_go() -> None:
    event = an_event(device="phone", data={"late": True})
    told = without_device(event, content_hash(event))
    assert (told.device, told.name, told.data) == (None, "张三", {"late": True, ERASED: content_hash(event)})
    later = blanked(told, hash_of(told), P)
    assert hash_of(later) == content_hash(event)


def test_that_somebody_came_anew_is_forgotten_with_the_rest() -> None:
    event = an_event(data={AFTER: P})
    assert blanked(event, content_hash(event), P).data == {ERASED: content_hash(event)}


def test_a_pseudonym_needs_its_key() -> None:
    assert pseudonym(b"key", "A") == pseudonym(b"key", "A")
    assert len({pseudonym(key, who) for key in (b"key", b"other") for who in ("A", "B")}) == 4


def test_whom_a_broken_event_may_be_about() -> None:
    found = subjects_in({"number": " a１ ", "person": P, "deep": [{"number": "B2"}], "n": 5, "empty": " "})
    assert {person_id("A1"), person_id("B2"), P} <= found
    assert subjects_in("A1") >= {person_id("A1")}
    assert subjects_in(["\ud800", None]) == set()


def test_of_what_is_no_event_only_its_place_stays() -> None:
    raw = {"id": P, "seq": 5, "lecture": "张三", "name": "张三", "number": "A1", "venue": {"x": "A1"}, "shoe": "A1"}
    assert blanked_raw(raw) == {"id": P, "seq": 5, ERASED: True}
    assert blanked_raw(json.dumps(raw)) == {ERASED: True}
