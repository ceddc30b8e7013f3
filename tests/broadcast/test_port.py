"""Who gets a datagram: what strangers, thieves and replays can and cannot do."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

import pytest
from aioice import stun

from broadcast import rtcp, rtp
from broadcast.dtls import Certificate, Dtls
from broadcast.ice import Address, Credentials, Dialer
from broadcast.peer import Peer, PeerState
from broadcast.port import Port
from tests.broadcast.test_dtls import shake

CERTIFICATE = Certificate(dt.datetime.now(dt.UTC))
HERE: Address = ("127.0.0.1", 40001)
THERE: Address = ("127.0.0.1", 40002)


class Nobody:
    takes_rtp = True

    def on_connected(self, now: float) -> None: ...
    def on_moved(self) -> None: ...
    def on_rtp(self, data: bytes, now: float) -> None: ...
    def on_rtcp(self, data: bytes, now: float) -> None: ...
    def on_closed(self, reason: str) -> None: ...


@pytest.fixture
async def port() -> Iterator[Port]:  # type: ignore[misc]
    port = Port("127.0.0.1", 0, clock=lambda: 0.0, after_drain=lambda now: None)
    port.open()
    yield port
    port.close()


def add(port: Port, name: str, *, dialer: Dialer | None = None, connected: bool = False) -> Peer:
    credentials = Credentials(name.ljust(8, "0"), name[0] * 24)
    peer = Peer(
        port,
        CERTIFICATE,
        Nobody(),
        client=dialer is not None,
        now=0.0,
        fingerprints=(CERTIFICATE.fingerprint,),
        credentials=credentials,
        dialer=dialer,
    )
    port.add(peer)
    if connected:
        peer.state = PeerState.CONNECTED
    return peer


def check(peer: Peer, *, nominate: bool = True, password: str = "") -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{peer.credentials.ufrag}:them"
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity((password or peer.credentials.password).encode())
    return bytes(message)


async def test_a_signed_check_leads_datagrams_from_its_address_to_its_session(port: Port) -> None:
    peer = add(port, "publisher")
    port.handle(check(peer, password="wrong" * 6), HERE, 1.0)
    assert port.owner(HERE) is None
    port.handle(check(peer), HERE, 1.0)
    assert port.owner(HERE) is peer
    assert peer.address == HERE


async def test_an_address_that_somebody_speaks_from_cannot_be_stolen(port: Port) -> None:
    peer, thief = add(port, "publisher"), add(port, "thief")
    port.handle(check(peer), HERE, 1.0)
    peer.state = PeerState.CONNECTED
    port.handle(check(thief), HERE, 2.0)
    assert port.owner(HERE) is peer
    # One who has fallen silent does not keep it: behind a NAT the same address may become somebody else's.
    port.handle(check(thief), HERE, 60.0)
    assert port.owner(HERE) is thief
    port.handle(check(peer, nominate=False), HERE, 61.0)
    assert port.owner(HERE) is peer


async def test_a_replayed_check_does_not_move_a_session(port: Port) -> None:
    peer = add(port, "screen")
    captured = check(peer)
    port.handle(captured, HERE, 1.0)
    peer.state = PeerState.CONNECTED
    port.handle(captured, THERE, 2.0)
    assert peer.address == HERE


async def test_a_ninth_address_is_taken_in_place_of_the_oldest(port: Port) -> None:
    peer = add(port, "roaming")
    for number in range(12):
        port.handle(check(peer), ("127.0.0.1", 41000 + number), float(number))
    assert peer.address == ("127.0.0.1", 41011)
    assert len(peer.addresses) == 8
    assert port.owner(("127.0.0.1", 41011)) is peer
    assert port.owner(("127.0.0.1", 41000)) is None


async def test_an_unsigned_answer_is_no_consent(port: Port) -> None:
    mine, theirs = Credentials("child000", "c" * 24), Credentials("parent00", "p" * 24)
    peer = add(port, "child000", dialer=Dialer(mine, theirs, (HERE,), 1))
    peer.tick(0.0)
    for transaction in (None, next(iter(peer.dialer._pending))):  # type: ignore[union-attr]
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=transaction)
        port.handle(bytes(answer), HERE, 9.0)
    assert peer.last_heard == 0.0
    assert peer.address is None


async def test_after_an_ice_restart_the_former_credentials_hold_until_the_new_ones_are_used(port: Port) -> None:
    peer = add(port, "restart")
    before = check(peer)
    port.rename(peer, Credentials("restart2", "n" * 24))
    port.handle(before, HERE, 1.0)
    assert port.owner(HERE) is peer
    port.handle(check(peer), HERE, 2.0)
    strangers = port.strangers
    port.handle(before, THERE, 3.0)
    assert port.strangers == strangers + 1
    assert port.owner(THERE) is None
    peer.close("done")
    assert port.peers == 0
    assert port.owner(HERE) is None


async def test_junk_of_every_kind_from_bound_and_unknown_addresses_is_dropped(port: Port) -> None:
    peer = add(port, "victim")
    port.handle(check(peer), HERE, 1.0)
    peer.state = PeerState.CONNECTED
    chance = random.Random(7)
    for _ in range(3000):
        first = bytes([chance.choice((0, 1, 21, 22, 40, 128, 144, 191, 200, 255))])
        junk = first + chance.randbytes(chance.choice((0, 1, 11, 12, 40, 1499)))
        port.handle(junk, chance.choice((HERE, THERE)), 2.0)
    assert peer.alive
    assert peer.address == HERE


async def test_a_session_that_sends_more_than_it_may_loses_what_is_too_much(port: Port) -> None:
    peer = add(port, "glutton")
    client = Dtls(CERTIFICATE, client=True, fingerprints=(CERTIFICATE.fingerprint,))
    client.start()
    shake(client, peer.dtls)
    peer.state, peer.address = PeerState.CONNECTED, HERE
    taken: list[tuple[str, float]] = []
    peer.handler.on_rtp = lambda data, now: taken.append(("rtp", now))  # type: ignore[method-assign]
    peer.handler.on_rtcp = lambda data, now: taken.append(("rtcp", now))  # type: ignore[method-assign]
    assert client.tx is not None
    for number in range(20):  # half a megabyte each, then small ones
        now = 10 + number / 100
        for part in range(500):
            packet = rtp.build(96, False, number * 500 + part, 0, 1, b"", bytes(1000))
            peer.on_srtp(client.tx.protect(packet), HERE, now)
    assert 7000 < len(taken) < 8000
    assert peer.excess == 10_000 - len(taken)
    taken.clear()
    report = rtcp.receiver_report(1, ())
    for number in range(1000):
        peer.on_srtp(client.tx.protect_rtcp(report), HERE, 11.5 + number / 10_000)
    assert len(taken) == 500
    taken.clear()
    peer.on_srtp(client.tx.protect(rtp.build(96, False, 20_000, 0, 1, b"", b"calm")), HERE, 13.0)
    assert taken == [("rtp", 13.0)]
