"""Strangers: what OBS, FFmpeg and the browsers offer is answered, so that another hand's parser reads it."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcdtlstransport

from tests.broadcast.peers import publishing, until, watching
from tests.conformance import offers
from tests.conformance.checks import Checker, remote_of
from tests.conformance.door import Door
from tests.web.nodes import eventually

CODECS = {
    "obs": "H264",
    "ffmpeg": "H264",
    "firefox": "VP8",
    "chromium-vp8": "VP8",
    "chromium-h264": "H264",
    "chromium-vp9": "VP9",
    "chromium-av1": "AV1",
}


def formats(section: str) -> dict[str, str]:
    return dict(re.findall(r"^a=rtpmap:(\d+) ([^/\s]+/\d+)", section, re.MULTILINE))


@pytest.mark.parametrize("name", CODECS)
async def test_w7_a_known_programs_offer_publishes(whip: Door, name: str) -> None:
    offer = offers.read(name)
    session = await whip.open(offer)
    assert [(media.kind, media.direction) for media in session.answer.media] == [
        ("audio", "recvonly"),
        ("video", "recvonly"),
    ]
    for offered, answered in zip(offers.sections(offer)[1:], offers.sections(session.sdp)[1:], strict=True):
        assert offers.attribute(answered, "mid") == offers.attribute(offered, "mid")
        # RFC 3264 §6.1: what is answered was offered, under the same numbers.
        assert formats(answered).items() <= formats(offered).items()
    assert f"{CODECS[name]}/90000" in formats(offers.sections(session.sdp)[2]).values()


@pytest.mark.parametrize("name", CODECS)
async def test_w7_extensions_are_answered_under_the_offered_numbers(whip: Door, name: str) -> None:
    offer = offers.read(name)
    session = await whip.open(offer)
    for offered, answered in zip(offers.sections(offer)[1:], offers.sections(session.sdp)[1:], strict=True):
        wanted = set(re.findall(r"^a=extmap:(\d+)(?:/\w+)? (\S+)", offered, re.MULTILINE))
        assert set(re.findall(r"^a=extmap:(\d+)(?:/\w+)? (\S+)", answered, re.MULTILINE)) <= wanted


@pytest.mark.parametrize(
    "name",
    ["ffmpeg", "firefox"],
)
async def test_w7_mixed_extensions_are_allowed_only_where_they_were_offered(whip: Door, name: str) -> None:
    """RFC 8285 §6."""
    offer = offers.read(name)
    if "a=extmap-allow-mixed" not in offer:
        assert "a=extmap-allow-mixed" not in (await whip.open(offer)).sdp


@pytest.mark.parametrize("name", CODECS)
async def test_w8_the_answers_setup_fits_the_offers(whip: Door, name: str) -> None:
    offer = offers.read(name)
    wanted = {"active"} if "a=setup:passive" in offer else {"active", "passive"}
    for section in offers.sections((await whip.open(offer)).sdp)[1:]:
        assert offers.attribute(section, "setup") in wanted


@pytest.mark.parametrize("name", CODECS)
async def test_w9_the_answered_candidates_answer(whip: Door, name: str) -> None:
    checker = Checker()
    try:
        assert await checker.answered(remote_of((await whip.open(offers.read(name))).sdp))
    finally:
        checker.close()


@pytest.mark.usefixtures("on_air")
async def test_w9_a_browsers_offer_to_watch_is_answered(whep: Door) -> None:
    session = await whep.open(offers.read("chromium-view"))
    assert [media.direction for media in session.answer.media] == ["sendonly", "sendonly"]
    checker = Checker()
    try:
        assert await checker.answered(remote_of(session.sdp))
    finally:
        checker.close()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_a_strangers_picture_and_sound_reach_a_stranger(whip: Door, whep: Door, codec: str) -> None:
    async with publishing(whip.open, codec=codec):

        async def plays() -> bool:
            return (await whep.offer(offers.read("chromium-view"))).status == 201

        await eventually(plays)
        async with watching(whep.open) as screen:
            await until(lambda: screen.pictures > 10 and screen.sounds > 10)


async def test_a_publisher_like_ffmpeg_connects(whip: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """a=setup:passive, so that the server must begin the handshake, and AES-CM as the only SRTP profile."""
    only = [profile for profile in rtcdtlstransport.SRTP_PROFILES if b"AES128_CM" in profile.openssl_profile]
    assert len(only) == 1
    monkeypatch.setattr(rtcdtlstransport, "SRTP_PROFILES", only)

    async def posting(offer: str) -> object:
        return await whip.open(offers.changed(offer, "^a=setup:actpass", "a=setup:passive"))

    async with publishing(posting) as peer:  # type: ignore[arg-type]
        assert offers.attribute(whip.last.sdp, "setup") == "active"
        await until(lambda: peer.connectionState == "connected")


async def test_a_sound_only_publisher_connects(whip: Door) -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTransceiver("audio", direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        session = await whip.open(peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(sdp=session.sdp, type="answer"))
        async with asyncio.timeout(20):
            await until(lambda: peer.connectionState == "connected")
    finally:
        await peer.close()
