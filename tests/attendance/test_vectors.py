"""The golden vectors of docs/sync.md: a second implementation may use the same file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attendance import closing, intake, results, streams, sync
from attendance.blank import hash_of
from attendance.event import EventError, canonical, parse, to_wire

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="ascii"))


def each(name: str) -> pytest.MarkDecorator:
    found = VECTORS[name]
    assert found
    return pytest.mark.parametrize("vector", found, ids=[one.get("title", str(n)) for n, one in enumerate(found)])


@each("events")
def test_an_event_has_one_spelling_and_one_hash(vector: dict[str, Any]) -> None:
    event = parse(vector["event"])
    assert to_wire(event) == vector["event"]
    assert canonical(event).decode() == vector["canonical"]
    assert hash_of(event) == vector["hash"]


@each("refused")
def test_what_is_no_event_has_a_code(vector: dict[str, Any]) -> None:
    with pytest.raises(EventError) as refused:
        parse(vector["value"])
    assert refused.value.code == vector["code"]


@each("totals")
def test_the_total_of_a_closing(vector: dict[str, Any]) -> None:
    found = closing.total(vector["hashes"])
    assert (found.count, found.hash) == (vector["count"], vector["hash"])


@each("judged")
def test_each_event_of_a_request_is_answered_for_by_itself(vector: dict[str, Any]) -> None:
    known: dict[str, str] = {}
    paths = {int(venue): path for venue, path in vector["venues"].items()}
    judged = [intake.judge(item, vector["child"], known, paths)[0] for item in intake.read(vector["events"])]
    assert [results.to_wire(result) for result in judged] == vector["results"]


@each("streams")
def test_the_mark_of_a_stream(vector: dict[str, Any]) -> None:
    stream = streams.Stream(node="n", epoch=1)
    for seqs in vector["come"]:
        stream = streams.add(stream, seqs)
    found = {"upto": stream.upto, "last": stream.last, "forked_at": stream.forked_at, "mark": stream.mark}
    assert found == {key: vector[key] for key in found}


@each("compared")
def test_what_a_child_does_where_the_parent_has_other_events(vector: dict[str, Any]) -> None:
    own, told = streams.Stream(node="n", epoch=1), streams.Stream(node="n", epoch=1)
    for seqs in vector["own"]:
        own = streams.add(own, seqs)
    for seqs in vector["told"]:
        told = streams.add(told, seqs)
    here = sorted({seq for seqs in vector["own"] for seq in seqs})
    assert streams.set_back(own, told) is vector["take_back"]
    assert [seq for seq in here if not streams.surely_has(own, told, seq)] == vector["again"]
    assert streams.may_lack(own, told) is bool(vector["again"])


@each("after_an_answer")
def test_what_a_child_does_after_an_answer(vector: dict[str, Any]) -> None:
    reply = sync.Reply(status=vector["status"], retry_after_s=vector["retry_after_s"])
    state = sync.State(batch=vector["batch"], most=vector["most"], failures=vector["failures"])
    then = vector["then"]
    for random in (0.0, 0.5, 0.999):
        decided = sync.decide(state, vector["sent"], vector["settled"], reply, 100.0, random)
        assert (decided.state.batch, decided.state.failures) == (then["batch"], then["failures"])
        assert decided.postpone is then["goes_last"]
        least = min(then["waits_at_most_s"], vector["retry_after_s"] or 0.0)
        assert least <= decided.state.wait_s(100.0) <= then["waits_at_most_s"]
