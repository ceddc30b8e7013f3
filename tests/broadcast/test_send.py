from __future__ import annotations

import contextlib
import datetime as dt
import socket

from hypothesis import given
from hypothesis import strategies as st

from broadcast.dtls import Certificate, Dtls
from broadcast.rtp import build
from broadcast.send import Sender, Ways, runs, way
from tests.broadcast.test_dtls import shake


@given(st.lists(st.integers(12, 1200), max_size=200))
def test_runs_keep_order_and_only_their_last_packet_is_shorter(sizes: list[int]) -> None:
    plain = [bytes([i & 0xFF]) * size for i, size in enumerate(sizes)]
    split = runs(plain)
    assert [p for run in split for p in run] == plain
    for run in split:
        assert 0 < len(run) <= 64
        assert all(len(p) == len(run[0]) for p in run[:-1])
        assert len(run[-1]) <= len(run[0])
        assert sum(len(p) + 32 for p in run) <= 65000


def test_a_run_arrives_packet_by_packet_and_is_what_was_sent() -> None:
    now = dt.datetime.now(dt.UTC)
    a, b = Certificate(now), Certificate(now)
    client = Dtls(a, client=True, fingerprints=(b.fingerprint,))
    server = Dtls(b, client=False, fingerprints=(a.fingerprint,))
    client.start()
    shake(client, server)
    assert client.tx is not None
    assert server.rx is not None
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as into,
    ):
        into.bind(("127.0.0.1", 0))
        into.settimeout(5)
        sender = Sender(out)
        plain = [build(96, False, n, 0, 1, b"", bytes([n]) * (1000 if n < 9 else 300)) for n in range(10)]
        for run in runs(plain):
            assert sender.send(way(client.tx, into.getsockname(), client.tag), run)
        assert [server.rx.unprotect(into.recv(2000)) for _ in plain] == plain
        assert (sender.sent, sender.dropped) == (10, 0)


def test_a_refusal_of_one_subscriber_sends_nothing_plain_and_costs_the_others_nothing() -> None:
    """libsrtp refuses a packet so old that its keystream might be used twice: RFC 3711 §3.3.2."""
    now = dt.datetime.now(dt.UTC)
    a, b = Certificate(now), Certificate(now)
    pairs = []
    for _ in range(3):
        client = Dtls(a, client=True, fingerprints=(b.fingerprint,))
        server = Dtls(b, client=False, fingerprints=(a.fingerprint,))
        client.start()
        shake(client, server)
        pairs.append((client, server))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out, contextlib.ExitStack() as stack:
        sinks = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in pairs]
        ways = []
        for sink, (client, _) in zip(sinks, pairs, strict=True):
            sink.bind(("127.0.0.1", 0))
            sink.settimeout(5)
            assert client.tx is not None
            ways.append(way(client.tx, sink.getsockname(), client.tag))
        sender = Sender(out)
        plain = [build(96, False, n, 0, 1, b"", bytes([n]) * 700) for n in range(1, 5)]
        ahead = build(96, False, 20_000, 0, 1, b"", b"ahead")
        sender.send(ways[1], [ahead])
        sinks[1].recv(2000)
        sender.fan_out(Ways(ways), plain)
        assert sender.dropped == 4
        for sink, (_, server) in [(sinks[0], pairs[0]), (sinks[2], pairs[2])]:
            assert server.rx is not None
            assert [server.rx.unprotect(sink.recv(2000)) for _ in plain] == plain
        for packet in plain:
            assert packet[12:] not in sinks[1].recv(2000)
