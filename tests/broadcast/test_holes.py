"""What brings down stock aioice and aiortc 1.16, and what it does to us: the same bytes against both.

The half of each test that is about stock fails once upstream mends it; then it may go.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtp import HeaderExtensionsMap, RtcpRtpfbPacket, unpack_remb_fci

from broadcast import rtcp, rtp
from tests.broadcast.peers import LECTURE, publishing, relaying, until, watching

CLIENT_HELLO = b"\x16\xfe\xff" + bytes(8) + b"\x00\x20" + b"\x01" + b"\xff" * 31


@asynccontextmanager
async def stock_pair() -> AsyncIterator[tuple[RTCPeerConnection, RTCPeerConnection]]:
    """Two of aiortc's own, not connected yet; the first has made its offer and listens."""
    pair = [RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)]
    try:
        pair[0].createDataChannel("x")
        await pair[0].setLocalDescription(await pair[0].createOffer())
        yield pair[0], pair[1]
    finally:
        for peer in pair:
            await peer.close()


async def connect(a: RTCPeerConnection, b: RTCPeerConnection) -> None:
    await b.setRemoteDescription(a.localDescription)
    await b.setLocalDescription(await b.createAnswer())
    await a.setRemoteDescription(b.localDescription)


def throw(datagrams: list[bytes], to: tuple[str, int]) -> None:
    """From a socket that nobody knows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in datagrams:
            stranger.sendto(datagram, to)


def address_of(peer: RTCPeerConnection) -> tuple[str, int]:
    lines = [line.split() for line in peer.localDescription.sdp.splitlines() if line.startswith("a=candidate:")]
    return next((line[4], int(line[5])) for line in lines if ":" not in line[4])


STRANGE = [b"", b"\x80" + bytes(1999)]


@pytest.mark.parametrize("datagram", STRANGE, ids=["empty", "of 2,000 octets"])
async def test_a_datagram_from_a_stranger_ends_stocks_connection_and_not_ours(datagram: bytes) -> None:
    async with stock_pair() as (a, b):
        await connect(a, b)
        await until(lambda: a.connectionState == "connected")
        throw([datagram], address_of(a))
        await until(lambda: a.connectionState in ("failed", "closed"))

    async with relaying() as relay, publishing(partial(relay.whip, LECTURE)):
        await until(lambda: relay.status(LECTURE).live)
        async with watching(partial(relay.whep, LECTURE)) as screen:
            await until(lambda: screen.pictures > 0)
            throw([datagram] * 20, ("127.0.0.1", relay.udp_port))
            seen = screen.pictures
            await until(lambda: screen.pictures > seen + 20)
            assert screen.peer.connectionState == "connected"


async def test_a_bad_client_hello_before_ice_fails_stocks_handshake_and_not_ours() -> None:
    async with stock_pair() as (a, b):
        throw([CLIENT_HELLO] * 3, address_of(a))
        await connect(a, b)
        await until(lambda: a.connectionState in ("failed", "closed"))

    async with relaying() as relay, publishing(partial(relay.whip, LECTURE)):
        await until(lambda: relay.status(LECTURE).live)

        async def whep(offer: str):  # type: ignore[no-untyped-def]
            answer = await relay.whep(LECTURE, offer)
            throw([CLIENT_HELLO] * 20, ("127.0.0.1", relay.udp_port))
            return answer

        async with watching(whep) as screen:
            await until(lambda: screen.pictures > 0)


async def test_junk_before_ice_is_queued_by_stock_without_limit_and_not_by_us() -> None:
    junk = [b"\x80" * 1000] * 200
    async with stock_pair() as (a, _):
        queue = a.sctp.transport.transport._connection._queue
        for round_ in range(1, 6):
            throw(junk, address_of(a))
            await until(lambda least=round_ * 100: queue.qsize() >= least)

    async with relaying() as relay:
        for round_ in range(1, 6):
            throw(junk, ("127.0.0.1", relay.udp_port))
            await until(lambda least=round_ * 100: relay.figures().strangers >= least)  # counted, and forgotten


def test_a_remb_that_is_cut_off_raises_from_stock_and_is_skipped_by_us() -> None:
    fci = b"REMB" + bytes([9, 0, 0, 0])  # says nine sources, has none
    with pytest.raises(struct.error):
        unpack_remb_fci(fci)
    packet = struct.pack("!BBHII", 0x8F, 206, 2 + len(fci) // 4, 1, 0) + fci
    assert not [message for message in rtcp.parse(packet) if isinstance(message, rtcp.Remb)]


def test_an_abs_send_time_of_one_octet_raises_from_stock_and_is_skipped_by_us() -> None:
    """RFC 8285 lets an element have any length; this one should have three."""
    stock = HeaderExtensionsMap()
    stock._HeaderExtensionsMap__ids.abs_send_time = 2
    with pytest.raises(struct.error):
        stock.get(0xBEDE, bytes([2 << 4, 7, 0, 0]))
    packet = rtp.parse(struct.pack("!BBHIIHH", 0x90, 96, 1, 0, 5, 0xBEDE, 1) + bytes([2 << 4, 7, 0, 0]) + b"payload")
    assert packet.extensions == {2: b"\x07"}


def test_a_nack_across_the_wrap_asks_stock_for_what_does_not_exist() -> None:
    """RFC 4585 §6.2.1: PID 65535 and the bit for the one that follows it, which is number 0."""
    fci = struct.pack("!HH", 65535, 1)
    assert RtcpRtpfbPacket.parse(struct.pack("!II", 1, 2) + fci, 1).lost == [65535, 65536]
    (nack,) = rtcp.parse(struct.pack("!BBHII", 0x81, 205, 3, 1, 2) + fci)
    assert isinstance(nack, rtcp.Nack)
    assert list(nack.sequences) == [65535, 0]
