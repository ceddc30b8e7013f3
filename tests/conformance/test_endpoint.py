"""W1–W15: what an endpoint answers to POST, GET, HEAD and OPTIONS."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from tests.conformance import offers
from tests.conformance.door import SDP, Door, Reply
from tests.conformance.sites import Site, serving_site
from tests.web.nodes import HIGH
from venues.tokens import TokenKind
from web.attempts import AttemptLimits

PUBLISH, VIEW = offers.read("chromium-vp8"), offers.read("chromium-view")
ORIGIN = "https://player.example"


def listed(reply: Reply, header: str) -> set[str]:
    return {word.strip().lower() for word in reply.headers.get(header, "").split(",")}


def refused(reply: Reply) -> bool:
    return 400 <= reply.status < 500 and "Location" not in reply.headers


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "application/trickle-ice-sdpfrag", ""])
async def test_w1_another_type_than_sdp_is_415(whip: Door, media_type: str) -> None:
    assert (await whip.request("POST", body=PUBLISH, media_type=media_type)).status == 415


async def test_w1_whep_another_type_than_sdp_is_415(whep: Door) -> None:
    assert (await whep.request("POST", body=VIEW, media_type="application/json")).status == 415


@pytest.mark.parametrize("media_type", ["application/sdp; charset=utf-8", "Application/SDP"])
async def test_w1_the_type_may_have_parameters_and_any_case(whip: Door, media_type: str) -> None:
    reply = await whip.request("POST", body=PUBLISH, media_type=media_type)
    assert reply.status == 201
    whip.session(reply)


JUNK = ["", "v=0\r\n", "hello", '{"sdp": "v=0"}', PUBLISH.partition("m=")[0], PUBLISH.replace("ice-ufrag", "x")]


@pytest.mark.parametrize("sdp", JUNK, ids=range(len(JUNK)))
async def test_w1_sdp_that_does_not_parse_is_400(whip: Door, sdp: str) -> None:
    assert (await whip.offer(sdp)).status == 400


@pytest.mark.usefixtures("on_air")
async def test_w1_whep_sdp_that_does_not_parse_is_400(whep: Door) -> None:
    assert (await whep.offer("hello")).status == 400


async def test_w2_201_with_an_answer_and_a_session_url_that_cannot_be_guessed(site: Site, whip: Door) -> None:
    first, second = await whip.open(PUBLISH), await whip.open(PUBLISH)
    for session in (first, second):
        assert session.reply.media_type == SDP
        assert len(session.answer.media) == 2
    assert first.url != second.url
    secret = first.url.name
    assert offers.attribute(first.sdp, "ice-ufrag") not in secret
    site.may_lack(len(re.sub(r"[^0-9A-Za-z_-]", "", secret)) >= 22, "128 bits in the session's URL")


async def test_w3_the_etag_is_strong_quoted_and_unique(site: Site, whip: Door) -> None:
    etags = [(await whip.open(PUBLISH)).etag for _ in range(2)]
    site.may_lack(all(etags), "an ETag, for ICE restarts")
    assert all(re.fullmatch(r'"[\x21\x23-\x7e]+"', etag) for etag in etags)
    assert etags[0] != etags[1]


@pytest.mark.parametrize("direction", ["sendonly", "sendrecv"])
async def test_w4_whip_is_offered_sending_and_answers_recvonly(whip: Door, direction: str) -> None:
    session = await whip.open(offers.directed(PUBLISH, direction))
    assert [media.direction for media in session.answer.media] == ["recvonly", "recvonly"]


@pytest.mark.parametrize("direction", ["recvonly", "inactive"])
async def test_w4_whip_refuses_an_offer_that_sends_nothing(whip: Door, direction: str) -> None:
    assert refused(await whip.offer(offers.directed(PUBLISH, direction)))


@pytest.mark.usefixtures("on_air")
@pytest.mark.parametrize("direction", ["recvonly", "sendrecv"])
async def test_w4_whep_is_offered_receiving_and_answers_sendonly(whep: Door, direction: str) -> None:
    session = await whep.open(offers.directed(VIEW, direction))
    assert [media.direction for media in session.answer.media] == ["sendonly", "sendonly"]


@pytest.mark.usefixtures("on_air")
@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_w4_whep_refuses_an_offer_that_receives_nothing(whep: Door, direction: str) -> None:
    assert refused(await whep.offer(offers.directed(VIEW, direction)))


def assert_max_bundle(sdp: str) -> None:
    head, *sections = offers.sections(sdp)
    mids = [offers.attribute(section, "mid") for section in sections]
    assert offers.attribute(head, "group").split() == ["BUNDLE", *mids]
    for section in sections:
        assert "a=rtcp-mux\r\n" in section
        assert "a=rtcp-mux-only\r\n" in section


async def test_w5_whip_answers_max_bundle_and_rtcp_mux_only(whip: Door) -> None:
    assert_max_bundle((await whip.open(PUBLISH)).sdp)


@pytest.mark.usefixtures("on_air")
async def test_w5_whep_answers_max_bundle_and_rtcp_mux_only(whep: Door) -> None:
    assert_max_bundle((await whep.open(VIEW)).sdp)


async def test_w5_a_bundle_only_section_is_no_rejected_one(whip: Door) -> None:
    offer = offers.changed(PUBLISH, r"^m=video 9 (.*)\r$", r"m=video 0 \1\r\na=bundle-only\r")
    assert_max_bundle((await whip.open(offer)).sdp)


async def test_w6_two_tracks_of_a_kind_are_422(whip: Door) -> None:
    head, audio, video = offers.sections(PUBLISH)
    third = offers.changed(offers.changed(video, "^a=mid:1", "a=mid:2"), "^a=ssrc.*\r\n", "")
    head = offers.changed(head, "BUNDLE 0 1", "BUNDLE 0 1 2")
    assert (await whip.offer(head + audio + video + third)).status == 422


async def test_w6_two_media_streams_are_422(whip: Door) -> None:
    head, audio, video = offers.sections(PUBLISH)
    video = offers.changed(offers.changed(video, "^a=ssrc.*\r\n", ""), r"^a=msid:\S+", "a=msid:another")
    assert (await whip.offer(head + audio + video)).status == 422


async def test_w6_one_track_alone_is_enough(whip: Door) -> None:
    head, audio, video = offers.sections(PUBLISH)
    await whip.open(offers.changed(head, "BUNDLE 0 1", "BUNDLE 0") + audio)
    await whip.open(offers.changed(head, "BUNDLE 0 1", "BUNDLE 1") + video)


async def test_w7_an_unknown_codec_in_one_section_is_422_for_all(whip: Door) -> None:
    head, audio, video = offers.sections(PUBLISH)
    assert (await whip.offer(head + audio + offers.changed(video, "VP8/90000", "H263/90000"))).status == 422


async def test_w7_data_channels_are_422(whip: Door) -> None:
    head, audio, video = offers.sections(PUBLISH)
    data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n"
    data += "".join(re.findall(r"^a=(?:ice-ufrag|ice-pwd|fingerprint|setup).*\r\n", audio, re.MULTILINE))
    head = offers.changed(head, "BUNDLE 0 1", "BUNDLE 0 1 2")
    assert (await whip.offer(head + audio + video + data)).status == 422


async def test_w8_actpass_is_accepted_and_settled(whip: Door) -> None:
    assert "a=setup:actpass" in PUBLISH
    for section in offers.sections((await whip.open(PUBLISH)).sdp)[1:]:
        assert offers.attribute(section, "setup") in ("passive", "active")


async def test_w9_all_candidates_are_in_the_answer_though_the_offer_has_none(site: Site, whip: Door) -> None:
    assert "a=candidate" not in PUBLISH
    session = await whip.open(PUBLISH)
    assert session.answer.media[0].ice_candidates
    site.may_lack("a=end-of-candidates" in session.sdp, "a=end-of-candidates")


async def test_w10_get_succeeds_without_content(whip: Door, whep: Door) -> None:
    for door in (whip, whep):
        reply = await door.request("GET")
        assert 200 <= reply.status < 300
        assert reply.body == ""


async def test_w10_head_of_whep_says_sdp(whep: Door) -> None:
    reply = await whep.request("HEAD")
    assert (reply.status, reply.media_type) == (200, SDP)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
async def test_w10_a_session_has_only_patch_and_delete(whip: Door, method: str) -> None:
    session = await whip.open(PUBLISH)
    assert (await whip.request(method, session.url)).status == 405


async def test_w11_options_needs_no_token_and_says_what_may_be_posted(whip: Door, whep: Door) -> None:
    for door in (whip, whep):
        reply = await door.request("OPTIONS", Authorization="")
        assert 200 <= reply.status < 300
        assert SDP in listed(reply, "Accept-Post")


async def test_w11_a_browser_on_another_site_may_do_everything(whip: Door, whep: Door) -> None:
    session = await whip.open(PUBLISH)
    preflight = {"Authorization": "", "Origin": ORIGIN, "Access_Control_Request_Headers": "authorization,content-type"}
    for url, method in ((whip.url, "POST"), (whep.url, "POST"), (session.url, "PATCH"), (session.url, "DELETE")):
        reply = await whip.request("OPTIONS", url, Access_Control_Request_Method=method, **preflight)
        assert 200 <= reply.status < 300
        assert reply.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
        assert method.lower() in listed(reply, "Access-Control-Allow-Methods")
        assert {"authorization", "content-type", "if-match"} <= listed(reply, "Access-Control-Allow-Headers")


async def test_w11_what_a_client_must_read_is_exposed_in_errors_too(site: Site, whip: Door) -> None:
    wanted = {"etag", "location", "link"} | ({"retry-after"} if site.node else set())
    for reply in (await whip.offer(PUBLISH, Origin=ORIGIN), await whip.offer("", Origin=ORIGIN)):
        assert reply.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
        assert wanted <= listed(reply, "Access-Control-Expose-Headers")


SERVERS = [
    {"url": "turn:turn.example:3478?transport=udp", "username": "u", "credential": 'a "b" \\c, d; e'},
    {"url": "stun:stun.example"},
]


async def test_w12_ice_servers_come_as_link_headers(folder: Path) -> None:
    async with serving_site(folder, ice_servers=SERVERS) as site, aiohttp.ClientSession() as http:
        session = await Door(http, site.whip, site.token).open(PUBLISH)
        turn, stun = session.reply.headers.getall("Link")  # type: ignore[attr-defined]
    assert stun == '<stun:stun.example>; rel="ice-server"'
    assert turn == (
        '<turn:turn.example:3478?transport=udp>; rel="ice-server"; username="u"; '
        r'credential="a \"b\" \\c, d; e"; credential-type="password"'
    )


async def test_w12_the_ice_servers_of_an_answer_are_complete(whip: Door) -> None:
    links = (await whip.open(PUBLISH)).reply.links
    found = [link for link in links.values() if link.get("rel") == "ice-server"]
    for link in found:
        assert re.match(r"(stun|turn)s?:", str(link["url"]))
        if str(link["url"]).startswith("turn"):
            assert {"username", "credential"} <= set(link)
            assert link["credential-type"] == "password"


def wait_s(reply: Reply) -> int:
    return int(reply.headers["Retry-After"])


async def test_w13_overload_is_503_with_retry_after(folder: Path) -> None:
    async with serving_site(folder, max_sessions=1) as site, aiohttp.ClientSession() as http:
        whip = Door(http, site.whip, site.token)
        session = await whip.open(PUBLISH)
        reply = await whip.offer(PUBLISH)
        assert reply.status == 503
        assert wait_s(reply) > 0
        await session.delete()
        await whip.open(PUBLISH)


async def test_w13_one_owner_does_not_take_all_sessions(folder: Path) -> None:
    async with serving_site(folder) as site, aiohttp.ClientSession() as http:
        whip = Door(http, site.whip, site.token)
        *_, last = [await whip.open(PUBLISH) for _ in range(4)]
        reply = await whip.offer(PUBLISH)
        assert reply.status == 503
        assert wait_s(reply) > 0
        another = whip.holding(await site.another_token(TokenKind.PUBLISH))
        await another.open(PUBLISH)
        await last.delete()
        await whip.open(PUBLISH)


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic dXNlcjpzZWNyZXQ=", "Bearer", "Bearer \u00e9"])
async def test_w14_no_or_a_wrong_token_is_401_at_every_door(whip: Door, whep: Door, token: str) -> None:
    session = await whip.open(PUBLISH)
    if not whip.open_to_all:
        replies = [
            await whip.offer(PUBLISH, Authorization=token),
            await whep.offer(VIEW, Authorization=token),
            await session.patch("a=end-of-candidates\r\n", If_Match=session.etag, Authorization=token),
            await session.delete(Authorization=token),
        ]
        assert [reply.status for reply in replies] == [401] * 4
        assert all(reply.headers["WWW-Authenticate"].lower().startswith("bearer") for reply in replies)
    assert (await session.delete()).status == 200


async def test_w14_a_viewers_token_does_not_publish(site: Site, whip: Door) -> None:
    if site.view_token == site.token:
        pytest.skip("one token for both")
    assert (await whip.holding(site.view_token).offer(PUBLISH)).status in (401, 403)


async def test_w14_a_session_of_somebody_else_is_404(site: Site, whip: Door) -> None:
    session = await whip.open(PUBLISH)
    stranger = whip.holding(await site.another_token(TokenKind.PUBLISH))
    fragment = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    patched = await stranger.request(
        "PATCH", session.url, body=fragment, media_type="application/trickle-ice-sdpfrag", If_Match=session.etag
    )
    assert patched.status == 404
    assert (await stranger.request("DELETE", session.url)).status == 404
    assert (await session.delete()).status == 200


PACED = AttemptLimits(media_by_publisher="3/minute", media_by_address="9/minute")


async def test_w15_post_patch_and_delete_each_have_their_rate_by_token(folder: Path) -> None:
    async with serving_site(folder, limits=PACED) as site, aiohttp.ClientSession() as http:
        whip = Door(http, site.whip, site.token)
        session = await whip.open(PUBLISH)
        for method, url in (("POST", whip.url), ("PATCH", session.url), ("DELETE", session.url.with_name("none"))):
            replies = [await whip.request(method, url) for _ in range(2 if method == "POST" else 3)]
            assert 429 not in [reply.status for reply in replies]
            reply = await whip.request(method, url)
            assert reply.status == 429
            assert wait_s(reply) > 0
        another = whip.holding(await site.another_token(TokenKind.PUBLISH))
        assert (await another.offer(PUBLISH)).status == 201


async def test_w15_who_tries_tokens_is_held_up_by_address(folder: Path) -> None:
    async with serving_site(folder, limits=PACED) as site, aiohttp.ClientSession() as http:
        replies = [await Door(http, site.whip, f"guess-{n}").offer(PUBLISH) for n in range(10)]
        assert [reply.status for reply in replies] == [401] * 9 + [429]
        assert (await Door(http, site.whip, site.token).offer(PUBLISH)).status == 429


async def test_w15_a_node_is_counted_by_its_bearer_alone(folder: Path) -> None:
    limits = AttemptLimits(media_by_address="1/minute", media_by_node="3/minute")
    async with serving_site(folder, limits=limits) as site, aiohttp.ClientSession() as http:
        first, second = [await site.another_token(TokenKind.NODE, name) for name in ("first", "second")]
        replies = [await Door(http, site.whep, first).offer(VIEW) for _ in range(4)]
        assert [reply.status for reply in replies] == [409, 409, 409, 429]
        assert (await Door(http, site.whep, second).offer(VIEW)).status == 409


def test_w15_the_limits_are_generous_by_default() -> None:
    usual = AttemptLimits()
    assert (usual.media_by_publisher, usual.media_by_address) == ("60/minute", "600/minute")
    assert usual != HIGH
