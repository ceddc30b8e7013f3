from __future__ import annotations

import struct

from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, RtcpRtpfbPacket, RtcpSrPacket, unpack_remb_fci
from hypothesis import given
from hypothesis import strategies as st

from broadcast import rtcp

BLOCK = rtcp.ReportBlock(1, 12, -3, 70000, 9, 0x1234, 0x4321)


@given(st.binary(max_size=200))
def test_parse_takes_anything(data: bytes) -> None:
    for message in rtcp.parse(data):
        assert isinstance(message, rtcp.Message)


@given(st.binary(max_size=60))
def test_a_cut_packet_loses_only_its_end(tail: bytes) -> None:
    whole = rtcp.receiver_report(5, [BLOCK])
    assert rtcp.parse(whole + tail)[0] == rtcp.ReceiverReport(5, (BLOCK,))


def test_reports_are_read_by_us_and_by_another_hand() -> None:
    report = rtcp.SenderReport(9, 1 << 40, 77, 3, 4, (BLOCK,))
    data = rtcp.sender_report(report) + rtcp.source_description(9, "tongtang")
    assert rtcp.parse(data) == [report]
    theirs = RtcpPacket.parse(data)[0]
    assert isinstance(theirs, RtcpSrPacket)
    assert theirs.sender_info.ntp_timestamp == 1 << 40
    other = RtcpPacket.parse(rtcp.receiver_report(5, [BLOCK]))[0]
    assert isinstance(other, RtcpRrPacket)
    assert other.reports[0].packets_lost == -3


def test_nacks_across_the_wrap() -> None:
    missing = [65534, 65535, 0, 1, 40]
    data = rtcp.nack(1, 2, missing)
    assert rtcp.parse(data) == [rtcp.Nack(2, tuple(missing))]
    theirs = RtcpPacket.parse(data)[0]
    assert isinstance(theirs, RtcpRtpfbPacket)
    assert [sequence & 0xFFFF for sequence in theirs.lost] == missing  # aiortc 1.16 forgets to wrap


def test_keyframe_requests_and_remb() -> None:
    assert rtcp.parse(rtcp.pli(1, 2)) == [rtcp.KeyframeRequest(2)]
    fir = struct.pack("!BBHIIIB3x", 0x84, 206, 4, 1, 0, 2, 7)
    assert rtcp.parse(fir) == [rtcp.KeyframeRequest(2)]
    data = rtcp.remb(1, 2_500_000, [7, 8])
    (ours,) = rtcp.parse(data)
    assert isinstance(ours, rtcp.Remb)
    assert 0.99 < ours.bitrate / 2_500_000 <= 1
    theirs = RtcpPacket.parse(data)[0]
    assert isinstance(theirs, RtcpPsfbPacket)
    assert unpack_remb_fci(theirs.fci) == (ours.bitrate, [7, 8])


def test_a_malformed_remb_is_dropped() -> None:
    for size in range(0, 20):
        assert rtcp.parse(struct.pack("!BBHII", 0x8F, 206, 3, 1, 0) + b"REMB"[:size].ljust(4)) == []


@given(st.lists(st.one_of(st.none(), st.integers(-30000, 30000)), min_size=1, max_size=60))
def test_transport_feedback_is_well_formed(deltas: list[int | None]) -> None:
    data = rtcp.transport_cc(1, 2, 65530, 99, 3, deltas)
    first, kind, words = struct.unpack_from("!BBH", data)
    assert (first & 0x1F, kind, len(data)) == (15, 205, 4 * (words + 1))
    base, count = struct.unpack_from("!HH", data, 12)
    assert (base, count) == (65530, len(deltas))
    position, symbols = 20, []
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", data, position)
        position += 2
        symbols += [chunk >> 2 * (6 - index) & 3 for index in range(7)]
    read: list[int | None] = []
    for symbol in symbols[:count]:
        if symbol == 0:
            read.append(None)
        else:
            read.append(int.from_bytes(data[position : position + symbol], "big", signed=symbol == 2))
            position += symbol
    assert read == deltas


def test_pause_resume_and_renditions_are_read_as_they_were_written() -> None:
    assert rtcp.parse(rtcp.pause(1, 77, 3, paused=True)) == [rtcp.PauseRequest(77, True, 3)]
    assert rtcp.parse(rtcp.pause(1, 77, 3, paused=False)) == [rtcp.PauseRequest(77, False, 3)]
    for told in (rtcp.Rendition(9, 2_500_000, 1280, 720), rtcp.Rendition(9, None)):
        assert rtcp.parse(rtcp.receiver_report(9, ()) + rtcp.rendition(told))[1:] == [told]
