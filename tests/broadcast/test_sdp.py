from __future__ import annotations

import contextlib

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from broadcast import sdp
from broadcast.errors import OfferRefused, SdpInvalid
from broadcast.negotiate import answer_publish, answer_view, offer_view, plans_from_answer, setup_for

LOCAL = sdp.Local("abcd", "p" * 24, ("sha-256", "AA:BB"), "passive", (("192.0.2.1", 5000), ("192.0.2.2", 5000)), 7)
HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
KEYS = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 aa:bb\r\na=setup:actpass\r\n"
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n"
    + KEYS
    + "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
    "a=rtpmap:63 red/48000/2\r\na=extmap:14 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
)
VIDEO = (
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 35\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n"
    + KEYS
    + "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 transport-cc\r\na=rtpmap:97 rtx/90000\r\n"
    "a=fmtp:97 apt=96\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42001f\r\n"
    "a=rtpmap:35 H265/90000\r\na=extmap:4/sendonly http://www.ietf.org/id/"
    "draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
)
OFFER = HEAD + AUDIO + VIDEO


def test_an_offer_is_answered_with_what_can_be_forwarded() -> None:
    sections, plans = answer_publish(sdp.parse(OFFER))
    assert [(s.kind, s.mid, s.direction) for s in sections] == [("audio", "0", "recvonly"), ("video", "1", "recvonly")]
    assert [[f.payload_type for f in s.formats] for s in sections] == [[111], [96, 97, 102]]
    assert plans[1].rtx == {96: 97}
    assert plans[1].transport_cc
    text = sdp.write(LOCAL, sections)
    theirs = SessionDescription.parse(text)
    assert [m.rtp.muxId for m in theirs.media] == ["0", "1"]
    assert [c.ip for c in theirs.media[0].ice_candidates] == ["192.0.2.1", "192.0.2.2"]
    assert text.count("a=rtcp-mux-only") == 2
    again = sdp.parse(text)
    assert again.ice_lite
    assert again.fingerprints == (("sha-256", "AA:BB"),)


def test_a_child_offers_and_reads_the_answer() -> None:
    offer = sdp.parse(sdp.write(LOCAL, offer_view()))
    numbers = [f.payload_type for m in offer.media for f in m.formats]
    assert len(numbers) == len(set(numbers))
    sections, viewer = answer_view(offer, {"audio": [(1, 2)], "video": [(3, 4)]}, [])
    child = plans_from_answer(sdp.parse(sdp.write(LOCAL, sections)))
    assert [p.codecs for p in child] == [p.codecs for p in viewer]
    assert child[1].rtx == viewer[1].rtx


def test_the_codec_on_air_comes_first_in_a_viewers_answer() -> None:
    offer = sdp.parse(OFFER.replace("sendonly\r\n", "recvonly\r\n"))
    on_air = offer.media[1].formats[2].codec
    assert on_air is not None
    sections, _ = answer_view(offer, {"audio": [(1, 2)], "video": [(3, 4)]}, [on_air])
    assert [f.payload_type for f in sections[1].formats] == [102, 96, 97]


@pytest.mark.parametrize(
    ("change", "to", "words"),
    [
        ("a=sendonly", "a=recvonly", "direction"),
        ("a=rtcp-mux\r\n", "", "rtcp-mux"),
        ("BUNDLE 0 1", "BUNDLE 0", "BUNDLE"),
        ("m=video", "m=application", "only audio and video"),
        ("m=audio", "m=video", "at most one"),
        ("RTP/SAVPF", "RTP/AVPF", "DTLS-SRTP"),
        ("opus/48000/2", "ilbc/8000", "no audio codec"),
        ("111", "96", "one payload type"),
    ],
)
def test_an_offer_that_cannot_be_met_is_refused_whole(change: str, to: str, words: str) -> None:
    with pytest.raises(OfferRefused, match=words):
        answer_publish(sdp.parse(OFFER.replace(change, to)))


@pytest.mark.parametrize(
    ("setup", "ours", "client"),
    [("actpass", "passive", False), ("active", "passive", False), ("passive", "active", True)],
)
def test_the_dtls_role(setup: str, ours: str, client: bool) -> None:
    assert setup_for(sdp.parse(OFFER.replace("actpass", setup))) == (ours, client)


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("v=0", "v=1"),
        ("a=ice-ufrag:abcd", "a=ice-ufrag:ab"),
        ("fingerprint", "finger"),
        (" 111 63", " x"),
        ("m=audio 9", "m=audio nine"),
    ],
)
def test_an_offer_that_cannot_be_read_says_why(change: str, to: str) -> None:
    with pytest.raises(SdpInvalid):
        sdp.parse(OFFER.replace(change, to))


@given(st.lists(st.tuples(st.integers(0, len(OFFER)), st.text(max_size=4), st.integers(0, 30)), max_size=6))
def test_a_damaged_offer_is_refused_or_answered(edits: list[tuple[int, str, int]]) -> None:
    text = OFFER
    for at, insert, cut in edits:
        text = text[:at] + insert + text[at + cut :]
    with contextlib.suppress(SdpInvalid, OfferRefused):
        sections, _ = answer_publish(sdp.parse(text))
        assert sdp.write(LOCAL, sections).startswith("v=0")


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("1 1 udp 99 192.0.2.1 5000 typ host", ("192.0.2.1", 5000)),
        ("1 1 tcp 99 192.0.2.1 9 typ host", None),
        ("1 1 udp 99 name.local 5000 typ host", None),
        ("1 1 udp 99 192.0.2.1 0 typ host", None),
        ("short", None),
    ],
)
def test_candidates(line: str, address: tuple[str, int] | None) -> None:
    assert sdp.candidate_address(line) == address


SIMULCAST = OFFER + (
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
    "a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n"
    "a=rid:q send\r\na=rid:m send pt=96\r\na=rid:h send\r\na=simulcast:send q;~m,h;h;odd rid\r\n"
)


def test_a_simulcast_is_answered_rung_by_rung() -> None:
    sections, plans = answer_publish(sdp.parse(SIMULCAST))
    text = sdp.write(LOCAL, sections)
    assert plans[1].rids == ("q", "m", "h")
    assert "a=simulcast:recv q;m;h\r\n" in text
    assert text.count("a=rid:") == 3
    assert "a=rid:m recv\r\n" in text
    assert "rtp-stream-id" in text
    assert "repaired-rtp-stream-id" in text
    assert "dependency-descriptor" not in text  # its frame numbers do not go on from one rung to another


def test_a_simulcast_whose_rungs_could_not_be_told_apart_is_taken_as_one() -> None:
    sections, plans = answer_publish(sdp.parse(SIMULCAST.replace("sdes:rtp-stream-id", "other")))
    assert plans[1].rids == ()
    assert "simulcast" not in sdp.write(LOCAL, sections)


def test_a_child_gets_every_rung_under_an_ssrc_of_its_own_a_browser_all_under_one() -> None:
    sources = {"audio": [(1, 2)], "video": [(3, 4), (5, 6), (7, 8), (9, 10)]}
    offer = sdp.parse(sdp.write(LOCAL, offer_view()))
    sections, viewer = answer_view(offer, sources, [])
    text = sdp.write(LOCAL, sections)
    assert viewer[1].slots == 4
    assert "a=simulcast:send 0;~1;~2;~3\r\n" in text
    assert text.count("a=msid:") == 2
    child = plans_from_answer(sdp.parse(text))
    assert child[1].ssrcs == {3: 0, 5: 1, 7: 2, 9: 3}
    assert child[1].rtx_ssrcs == {4: 3, 6: 5, 8: 7, 10: 9}
    browser, plans = answer_view(sdp.parse(OFFER.replace("sendonly\r\n", "recvonly\r\n")), sources, [])
    assert plans[1].slots == 0
    assert browser[1].sources == ((3, 4),)


def test_a_child_takes_a_parent_without_rungs() -> None:
    sections, _ = answer_view(
        sdp.parse(OFFER.replace("sendonly\r\n", "recvonly\r\n")), {"audio": [(1, 2)], "video": [(3, 4)]}, []
    )
    assert plans_from_answer(sdp.parse(sdp.write(LOCAL, sections)))[1].ssrcs == {}
