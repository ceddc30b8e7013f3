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


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(Kind))
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
        method=draw(st.sampled_from(Method)),
        captured_at=at,
        monotonic_ms=draw(_WHOLE),
        clock_offset_ms=draw(st.none() | st.integers(-(2**63) + 1, 2**63 - 1)),
        clock_uncertainty_ms=draw(st.none() | _WHOLE),
        supersedes=draw(_ID) if kind is Kind.UNDO else None,
        reason=draw(st.none() | _TEXT),
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


@given(st.sampled_from(sorted(to_wire(an_event()))), _JSON | st.text(st.characters(), min_size=1))
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
        ("kind", "late"),
        ("kind", []),
        ("method", None),
        ("captured_at", "2026-11-22T02:00:00Z"),
        ("captured_at", "2026-11-22T02:00:00.000+00:00"),
        ("captured_at", "2026-13-22T02:00:00.000Z"),
        ("captured_at", 1),
        ("clock_uncertainty_ms", -1),
        ("supersedes", "01890a5d-ac96-774b-bcce-000000000009"),  # of a check-in
        ("reason", "x" * 1001),
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


def test_whom_an_event_is_about() -> None:
    guest = an_event(person=None, number=None)
    undo = an_event(2, person=None, number=None, kind=Kind.UNDO, supersedes=guest.id)
    assert an_event().subject == an_event().person
    assert guest.subject == undo.subject == guest.id
