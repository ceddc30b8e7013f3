"""What `parse` lets in at its outermost: whatever a child sends, the rest of its batch is taken and answered for."""

from __future__ import annotations

import dataclasses
import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attendance import Outcome
from attendance.event import VENUE_KINDS, Kind, Method, to_wire
from tests.attendance.world import COUNTY, PROVINCE, Site, an_event

_MOST = 2**63 - 1
_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=100)
_WHOLE = st.sampled_from([0, 1, 2, 2**31 - 1, 2**31, 2**53, _MOST])
_SIGNED = st.one_of(_WHOLE, _WHOLE.map(lambda value: -value))
_TIMES = st.sampled_from(["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2026-11-24T03:15:00.000Z"])
_WIDE = st.text("𝄞阿", min_size=100, max_size=500)
_DATA = st.dictionaries(
    st.sampled_from(["people", "from_ms", "until_ms", "picture_s", "sound_s", "count", "hash", "state", "guest", "card",
                     "late", "early", "home", "after_erasure", "x"]),
    st.one_of(_SIGNED, st.booleans(), _TEXT, _WIDE),
    min_size=1,
)  # fmt: skip
_NEEDED = {
    "people": 1,
    "from_ms": 0,
    "until_ms": 1,
    "picture_s": 1,
    "sound_s": 1,
    "count": 1,
    "hash": "x",
    "state": "y",
}
_STRANGE = st.fixed_dictionaries(
    {},
    optional={
        "epoch": _WHOLE,
        "seq": _WHOLE,
        "lecture": st.one_of(_TEXT, st.just("𝄞" * 100)),
        "person": st.one_of(st.none(), _TEXT, st.just("𝄞" * 100)),
        "name": st.one_of(st.just(""), _TEXT),
        "kind": st.one_of(st.sampled_from([str(kind) for kind in Kind]), st.just("newer")),
        "method": st.sampled_from([str(method) for method in Method]),
        "captured_at": _TIMES,
        "monotonic_ms": _WHOLE,
        "clock_offset_ms": st.one_of(st.none(), _SIGNED),
        "clock_uncertainty_ms": st.one_of(st.none(), _WHOLE),
        "supersedes": st.one_of(st.none(), st.just("01890a5d-ac96-774b-bcce-000000000001")),
        "data": _DATA,
    },
)


_numbers = itertools.count(1)


def _wire(site: Site, strange: dict[str, object]) -> dict[str, object]:
    number = next(_numbers)
    wire = to_wire(an_event(number, lecture=site.lecture, person=f"p{number}")) | strange
    if wire["kind"] in VENUE_KINDS:
        wire |= {"person": None, "number": None, "name": ""}
    needed = {name: value for name, value in _NEEDED.items() if name not in strange.get("data", {})}  # type: ignore[operator]
    if "data" in wire or wire["kind"] in (*VENUE_KINDS, Kind.CORRECTION):
        wire["data"] = needed | strange.get("data", {})  # type: ignore[operator]
    return wire


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strange=st.lists(_STRANGE, min_size=1, max_size=3))
async def test_no_event_holds_up_the_others(site: Site, strange: list[dict[str, object]]) -> None:
    root = site.log(PROVINCE, node="root", is_root=True)
    batch = [_wire(site, {}), *(_wire(site, each) for each in strange), _wire(site, {})]
    results = await root.ingest(batch, COUNTY)
    assert len(results) == len(batch)
    assert [results[place].outcome for place in (0, -1)] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert await root.ingest(batch, COUNTY) == [
        dataclasses.replace(one, outcome=Outcome.DUPLICATE) if one.outcome is Outcome.ACCEPTED else one
        for one in results
    ]
