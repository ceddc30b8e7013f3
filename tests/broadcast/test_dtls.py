from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.dtls import Certificate, Dtls, State

NOW = dt.datetime.now(dt.UTC)
A, B = Certificate(NOW), Certificate(NOW)


def pair(of_server: tuple[str, str] = B.fingerprint) -> tuple[Dtls, Dtls]:
    client = Dtls(A, client=True, fingerprints=(of_server,))
    server = Dtls(B, client=False, fingerprints=(A.fingerprint,))
    client.start()
    return client, server


def shake(client: Dtls, server: Dtls) -> None:
    for _ in range(10):
        for datagram in client.outgoing():
            assert 0 < len(datagram) <= 1200
            server.receive(datagram)
        for datagram in server.outgoing():
            assert 0 < len(datagram) <= 1200
            client.receive(datagram)


def test_both_sides_derive_the_same_keys_and_take_gcm() -> None:
    client, server = pair()
    shake(client, server)
    assert (client.state, server.state, client.tag) == (State.CONNECTED, State.CONNECTED, 16)
    packet = b"\x80\x60\x00\x01" + bytes(60)
    assert client.tx is not None
    assert server.rx is not None
    assert server.tx is not None
    assert client.rx is not None
    assert server.rx.unprotect(client.tx.protect(packet)) == packet
    assert client.rx.unprotect(server.tx.protect(packet)) == packet


def test_a_certificate_that_the_sdp_does_not_name_is_refused() -> None:
    client, server = pair(of_server=A.fingerprint)
    shake(client, server)
    assert client.state is State.FAILED
    assert "certificate" in client.reason


def test_a_close_is_heard() -> None:
    client, server = pair()
    shake(client, server)
    server.close()
    for datagram in server.outgoing():
        client.receive(datagram)
    assert client.state is State.CLOSED


@settings(max_examples=200)
@given(st.lists(st.binary(min_size=1, max_size=100).map(lambda b: bytes([20 + b[0] % 44]) + b), max_size=3))
def test_junk_before_the_handshake_does_not_prevent_it(junk: list[bytes]) -> None:
    client, server = pair()
    for datagram in junk:
        server.receive(datagram)
        server.outgoing()
    shake(client, server)
    assert server.state in (State.CONNECTED, State.FAILED)
    if not any(b"\x16\xfe" in datagram for datagram in junk):
        assert server.state is State.CONNECTED


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_flight_is_sent_again(lost: int) -> None:
    client, server = pair()
    sides, flight = [client, server], 0
    for _ in range(12):
        sender, receiver = sides
        for datagram in sender.outgoing():
            if flight != lost:
                receiver.receive(datagram)
            flight += 1
        sides.reverse()
        if client.state is server.state is State.CONNECTED:
            return
    assert client.timeout() is not None or server.timeout() is not None
