from __future__ import annotations

import secrets

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from broadcast import ice

PARENT, CHILD = ice.Credentials("parent00", "p" * 24), ice.Credentials("child000", "c" * 24)
HERE, THERE, ELSEWHERE = ("192.0.2.1", 1000), ("192.0.2.2", 2000), ("192.0.2.3", 3000)


def dialer(*candidates: ice.Address) -> ice.Dialer:
    return ice.Dialer(CHILD, PARENT, candidates, 7)


def test_a_check_is_answered_and_selects_the_address_that_answered() -> None:
    child = dialer(ELSEWHERE, THERE)
    checks = [child.due(at, secrets.token_bytes(12)) for at in (0.0, 0.06)]
    assert [c[1] for c in checks if c] == [ELSEWHERE, THERE]
    assert child.due(0.07, secrets.token_bytes(12)) is None
    assert checks[1] is not None
    assert ice.request_ufrag(checks[1][0]) == "parent00"
    request = ice.read(checks[1][0])
    assert request is not None
    assert ice.nominates(request)
    reply = ice.answer(request, PARENT, HERE)
    assert reply is not None
    assert ice.request_ufrag(reply) is None
    assert ice.response_transaction(reply) == request.transaction_id
    response = ice.read(reply)
    assert response is not None
    assert response.attributes["XOR-MAPPED-ADDRESS"] == HERE
    assert not child.on_response(response, ELSEWHERE, 0.1)
    assert child.on_response(response, THERE, 0.1)
    assert (child.selected, child.last_heard) == (THERE, 0.1)
    assert child.round_trip_s == pytest.approx(0.04)
    assert not child.on_response(response, THERE, 0.2)  # once
    again = child.due(1.2, secrets.token_bytes(12))
    assert again is not None
    assert again[1] == THERE


def test_the_round_trip_is_measured_by_each_check_and_smoothed() -> None:
    child = dialer(THERE)
    assert child.round_trip_s is None
    for number, (trip_s, known_s) in enumerate([(0.1, 0.1), (0.5, 0.2), (0.2, 0.2)]):
        check = child.due(number * 2.0, secrets.token_bytes(12))
        assert check is not None
        request = ice.read(check[0])
        assert request is not None
        reply = ice.read(ice.answer(request, PARENT, HERE) or b"")
        assert reply is not None
        assert child.on_response(reply, THERE, number * 2.0 + trip_s)
        assert child.round_trip_s == pytest.approx(known_s)


def test_who_does_not_know_the_password_gets_silence() -> None:
    check = dialer(THERE).due(0.0, secrets.token_bytes(12))
    assert check is not None
    request = ice.read(check[0])
    assert request is not None
    assert ice.answer(request, ice.Credentials("parent00", "wrong" * 5), HERE) is None
    unsigned = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes={"USERNAME": "parent00:x"})
    assert ice.request_ufrag(bytes(unsigned)) == "parent00"
    found = ice.read(bytes(unsigned))
    assert found is not None
    assert ice.answer(found, PARENT, HERE) is None


def test_a_reply_is_not_larger_than_its_request() -> None:
    check = dialer(THERE).due(0.0, secrets.token_bytes(12))
    assert check is not None
    request = ice.read(check[0])
    assert request is not None
    reply = ice.answer(request, PARENT, HERE)
    assert reply is not None
    assert len(reply) <= len(check[0])


@given(st.binary(max_size=120))
def test_junk_is_nothing(data: bytes) -> None:
    assert ice.request_ufrag(data) is None
    assert ice.response_transaction(data) is None
    ice.read(data)


@given(st.integers(0, 200), st.binary(min_size=1, max_size=8))
def test_a_damaged_check_is_never_an_exception(at: int, damage: bytes) -> None:
    check = dialer(THERE).due(0.0, bytes(12))
    assert check is not None
    data = check[0][:at] + damage + check[0][at + len(damage) :]
    ufrag = ice.request_ufrag(data)
    assert ufrag is None or isinstance(ufrag, str)
    found = ice.read(data)
    if found is not None and data != check[0]:
        assert ice.answer(found, ice.Credentials("parent00", "q" * 24), HERE) is None


def test_a_check_with_more_attributes_than_any_has_is_not_read() -> None:
    many = b"\x80\x22\x00\x00" * 60
    message = b"\x00\x01" + (len(many) + 12).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + many
    assert ice.request_ufrag(message + b"\x00\x06\x00\x05ab:cd\0\0\0") is None


def test_only_the_controlling_side_nominates() -> None:
    """RFC 8445 §7.1.1 and §8.1.1: a side that answered a full agent's offer is controlled."""
    for controlling in (True, False):
        check = ice.Dialer(CHILD, PARENT, (THERE,), 7, controlling=controlling).due(1.0, bytes(12))
        assert check is not None
        message = ice.read(check[0])
        assert message is not None
        assert ice.nominates(message) is controlling
        assert ("ICE-CONTROLLING" in message.attributes) is controlling
        assert ("ICE-CONTROLLED" in message.attributes) is not controlling
