from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.event import Event, EventError, Kind, Method, canonical, content_hash, parse, to_wire
from tests.attendance.world import an_event

_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=60)
_WHOLE = st.integers(0, 2**63 - 1)
_ID = st.uuids().map(str)
_DATA = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True),
    st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | _TEXT,
    min_size=1,
    max_size=5,
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from([Kind.CHECK_IN, Kind.UNDO, "newer_kind"]))
    at = an_event().captured_at + dt.timedelta(milliseconds=draw(st.integers(-(10**12), 10**14)))
    return an_event(
        id=draw(_ID),
        node=draw(_TEXT),
        epoch=draw(_WHOLE),
        seq=draw(_WHOLE) or 1,
        lecture=draw(_TEXT),
        venue=draw(st.integers(1, 2**31 - 1)),
        person=draw(st.none() | _TEXT),
        number=draw(st.none() | _TEXT),
        name=draw(_TEXT),
        kind=kind,
        method=draw(st.sampled_from([*Method, "newer_way"])),
        captured_at=at,
        monotonic_ms=draw(_WHOLE),
        clock_offset_ms=draw(st.none() | st.integers(-(2**63) + 1, 2**63 - 1)),
        clock_uncertainty_ms=draw(st.none() | _WHOLE),
        supersedes=draw(_ID) if kind is Kind.UNDO else None,
        reason=draw(st.none() | _TEXT),
        data=draw(st.none() | _DATA),
    )


@given(events())
def test_an_event_survives_the_wire(event: Event) -> None:
    again = parse(json.loads(json.dumps(to_wire(event))))
    assert again == event
    assert content_hash(again) == content_hash(event)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(_JSON)
def test_any_json_is_an_event_or_an_event_error(obj: object) -> None:
    with pytest.raises(EventError):
        parse(obj)


@given(st.sampled_from([*sorted(to_wire(an_event())), "data"]), _JSON | st.text(st.characters(), min_size=1))
def test_any_value_in_any_field_is_an_event_or_an_event_error(field: str, value: object) -> None:
    wire = to_wire(an_event()) | {field: value}
    found = _parsed(wire)
    if isinstance(found, EventError):
        assert found.fields["field"] in (field, "supersedes")
        assert found.message
    else:
        assert to_wire(found) == wire
        canonical(found)


def _parsed(wire: object) -> Event | EventError:
    try:
        return parse(wire)
    except EventError as error:
        return error


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "01890A5D-AC96-774B-BCCE-000000000001"),  # one spelling only
        ("id", "{01890a5d-ac96-774b-bcce-000000000001}"),
        ("seq", 0),
        ("seq", True),
        ("seq", 1.0),
        ("seq", 2**63),
        ("venue", 0),
        ("venue", 2**31),
        ("name", ""),
        ("name", None),
        ("name", "a\0b"),
        ("name", "\ud800"),
        ("name", "x" * 201),
        ("kind", "Late"),
        ("kind", "a_kind_with_17_ch"),
        ("kind", []),
        ("method", None),
        ("captured_at", "2026-11-22T02:00:00Z"),
        ("captured_at", "2026-11-22T02:00:00.000+00:00"),
        ("captured_at", "2026-13-22T02:00:00.000Z"),
        ("captured_at", 1),
        ("clock_uncertainty_ms", -1),
        ("supersedes", "01890a5d-ac96-774b-bcce-000000000009"),  # of a check-in
        ("reason", "x" * 1001),
        ("data", None),  # absent where there is none
        ("data", {}),
        ("data", []),
        ("data", {"a": 1.5}),
        ("data", {"a": None}),
        ("data", {"a": [1]}),
        ("data", {"a": "x" * 501}),
        ("data", {"a": "\0"}),
        ("data", {"a": 2**63}),
        ("data", {"A": 1}),
        ("data", {f"a{n}": n for n in range(33)}),
    ],
)
def test_a_field_that_is_not_what_it_must_be(field: str, value: object) -> None:
    with pytest.raises(EventError) as caught:
        parse(to_wire(an_event()) | {field: value})
    assert (caught.value.code, caught.value.fields) == ("event_field_invalid", {"field": field})


def test_missing_and_unknown_fields() -> None:
    wire = to_wire(an_event())
    with pytest.raises(EventError) as caught:
        parse({name: value for name, value in wire.items() if name != "reason"})
    assert (caught.value.code, caught.value.message) == ("event_field_missing", 'The event has no field "reason".')
    with pytest.raises(EventError) as caught:
        parse(wire | {"mood": "good"})
    assert caught.value.code == "event_field_unknown"
    with pytest.raises(EventError) as caught:
        parse([wire])
    assert caught.value.code == "event_not_object"


def test_an_undo_names_what_it_takes_back() -> None:
    with pytest.raises(EventError):
        parse(to_wire(an_event(kind=Kind.UNDO)))


def test_the_canonical_bytes_never_change() -> None:
    """A hash that another version computes differently would quarantine every repeat."""
    assert content_hash(an_event()) == "48407bee3cc0d5957e3ac54c5b24900cc8ae6f785c9cae1d43da73570eb97437"


def test_data_came_later_and_is_absent_where_there_is_none() -> None:
    assert "data" not in to_wire(an_event())
    assert to_wire(an_event(data={"door": "east"}))["data"] == {"door": "east"}


def test_a_word_of_a_newer_version_is_kept() -> None:
    event = parse(to_wire(an_event()) | {"kind": "late", "method": "iris", "data": {"ms": 3}})
    assert (event.kind, event.method, event.data) == ("late", "iris", {"ms": 3})


def of_venue(**changed: object) -> dict[str, object]:
    return to_wire(an_event()) | {"person": None, "number": None, "name": ""} | changed


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("headcount", {"people": 8}),
        ("picture", {"from_ms": 1, "until_ms": 2, "picture_s": 3, "sound_s": 4, "frames": 5}),
        ("close", {"count": 3, "hash": "a" * 64}),
    ],
)
def test_what_is_of_the_venue_names_nobody_and_holds_its_figures(kind: str, data: dict[str, object]) -> None:
    event = parse(of_venue(kind=kind, data=data))
    assert event.subject == f"venue:{event.venue}"
    for key in data:
        if key != "frames":
            for bad in ({other: value for other, value in data.items() if other != key} or {"x": 1}, data | {key: -1}):
                with pytest.raises(EventError):
                    parse(of_venue(kind=kind, data=bad))
    with pytest.raises(EventError):
        parse(of_venue(kind=kind, data=data, name="张三"))
    with pytest.raises(EventError):
        parse(of_venue(kind=kind))


def test_a_correction_states_something() -> None:
    assert parse(to_wire(an_event(kind=Kind.CORRECTION, data={"state": "absent"}, reason="误点")))
    with pytest.raises(EventError):
        parse(to_wire(an_event(kind=Kind.CORRECTION, reason="误点")))


def test_whom_an_event_is_about() -> None:
    guest = an_event(person=None, number=None)
    undo = an_event(2, person=None, number=None, kind=Kind.UNDO, supersedes=guest.id)
    assert an_event().subject == an_event().person
    assert guest.subject == undo.subject == guest.id
    left = an_event(3, person=None, number=None, kind=Kind.SIGN_OUT, data={"guest": guest.id})
    back = an_event(4, person=None, number=None, kind=Kind.UNDO, supersedes=left.id, data={"guest": guest.id})
    assert left.subject == back.subject == guest.id


def test_who_showed_a_card_that_nobody_knows_is_called_by_it() -> None:
    stranger = an_event(person=None, number=None, name="持卡人 …0042", data={"card": "0000000000000000042"})
    assert stranger.subject == "card:0000000000000000042"
    assert an_event(data={"card": "0000000000000000042"}).subject == an_event().person
    left = an_event(person=None, number=None, kind=Kind.SIGN_OUT, data={"guest": stranger.subject})
    assert left.subject == stranger.subject
