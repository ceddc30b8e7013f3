from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import av
import pytest
from aiohttp import web as http
from aiohttp.test_utils import TestServer
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from broadcast import test_pattern as pattern
from broadcast.publisher import (
    Publisher,
    PublishImpossible,
    PublishOptions,
    PublishRefused,
    Silence,
    State,
    Verdict,
    judge,
    pause_s,
)
from broadcast.sources import SourceError, SourceOptions, open_source
from tests.broadcast.test_film import PICTURES, make_film

TOKEN = "secret"


# Pure decisions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (201, Verdict.CREATED),
        (200, Verdict.IMPOSSIBLE),
        (307, Verdict.REDIRECT),
        (400, Verdict.IMPOSSIBLE),
        (401, Verdict.TOKEN_REFUSED),
        (404, Verdict.IMPOSSIBLE),
        (409, Verdict.RETRY),
        (429, Verdict.RETRY),
        (499, Verdict.IMPOSSIBLE),
        (503, Verdict.RETRY),
        (599, Verdict.RETRY),
    ],
)
def test_judge_answers_by_class(status: int, verdict: Verdict) -> None:
    assert judge(status) is verdict


def test_pause_grows_with_full_jitter_and_honours_retry_after() -> None:
    assert pause_s(0, None, 0.0) == 0.0
    assert pause_s(0, None, 0.5) == 0.25
    assert pause_s(3, None, 0.5) == 2.0
    assert pause_s(1000, None, 1.0) == 4.0
    assert pause_s(0, "7", 0.5) == 7.25
    assert pause_s(0, "Wed, 21 Oct 2026 07:28:00 GMT", 0.5) == 0.25
    assert pause_s(0, "999999", 0.0) == 300.0


def test_silence_learns_the_rhythm_of_the_peer() -> None:
    silence = Silence(0.0)
    assert not silence.gone(0, 9.9)
    assert silence.gone(0, 10.1)  # nothing ever came
    quick = Silence(0.0)
    assert not any(quick.gone(n, float(n)) for n in range(1, 8))
    assert not quick.gone(7, 9.9)
    assert quick.gone(7, 10.1)  # three seconds without a word from one who spoke every second
    slow = Silence(0.0)
    assert not any(slow.gone(n, 7.0 * n) for n in range(1, 8))
    assert not slow.gone(7, 58.9)
    assert slow.gone(7, 59.1)


# Sources ----------------------------------------------------------------------------------------------------------


async def test_test_source_runs_in_real_time_and_its_flash_meets_its_beep() -> None:
    source = open_source(SourceOptions(), time.time)
    assert source.video is not None
    assert source.audio is not None
    epoch = int(time.time())
    for _ in range(5):
        frame = await source.video.recv()
        shown = pattern.read_cells(bytes(frame.planes[0])[-640:])
        assert shown is not None
        # Presentation time 0 is the same whole second for both tracks.
        assert (epoch * 1000 + frame.pts // 90) % 2**32 - shown in (0, 1000)
        sound = await source.audio.recv()
        assert bytes(sound.planes[0]) == pattern.tone_packet(sound.pts // pattern.PACKET_SAMPLES)
    source.stop()
    assert source.ended


async def test_late_pictures_are_left_out() -> None:
    clock = [1_790_000_000.0]
    source = open_source(SourceOptions(fps=25), lambda: clock[0])
    assert source.video is not None
    assert (await source.video.recv()).pts == 0
    clock[0] += 1.0
    assert (await source.video.recv()).pts == 90_000


def test_a_source_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file or device"):
        open_source(SourceOptions(name=str(tmp_path / "none.mp4")), time.time)
    (tmp_path / "text.mp4").write_text("not a film")
    with pytest.raises(SourceError, match=r"text\.mp4 cannot be read"):
        open_source(SourceOptions(name=str(tmp_path / "text.mp4")), time.time)
    with pytest.raises(SourceError, match="multiple of 80"):
        open_source(SourceOptions(width=333), time.time)


# A real peer ------------------------------------------------------------------------------------------------------


class Answerer:
    """A small WHIP server: every POST that it accepts becomes one receiving aiortc peer."""

    def __init__(self) -> None:
        self.refusals: list[http.Response] = []
        self.offers: list[str] = []
        self.authorizations: list[str | None] = []
        self.deleted: list[str] = []
        self.peers: list[RTCPeerConnection] = []
        self.tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()

    async def post(self, request: http.Request) -> http.Response:
        assert request.content_type == "application/sdp"
        self.authorizations.append(request.headers.get("Authorization"))
        if self.refusals:
            return self.refusals.pop(0)
        offer = await request.text()
        self.offers.append(offer)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(peer)
        peer.on("track", self.tracks.put_nowait)
        await peer.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return http.Response(
            status=201,
            text=peer.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": f"../session/{len(self.peers)}"},
        )

    async def delete(self, request: http.Request) -> http.Response:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        self.deleted.append(request.path)
        return http.Response()

    async def close(self) -> None:
        for peer in self.peers:
            await peer.close()


@asynccontextmanager
async def answering() -> AsyncIterator[tuple[Answerer, TestServer]]:
    answerer = Answerer()
    app = http.Application()
    app.router.add_post("/whip/{lecture}", answerer.post)
    app.router.add_delete("/session/{id}", answerer.delete)
    server = TestServer(app)
    await server.start_server()
    try:
        yield answerer, server
    finally:
        await answerer.close()
        await server.close()


@asynccontextmanager
async def publishing(
    url: str, *, codec: str = "vp8", source: SourceOptions | None = None
) -> AsyncIterator[tuple[Publisher, asyncio.Task[None], list[State]]]:
    states: list[State] = []
    async with aiohttp.ClientSession() as session:
        publisher = Publisher(
            PublishOptions(url=url, token=TOKEN, codec=codec, source=source or SourceOptions(width=320, height=180)),
            session,
            now=time.time,
            random=random.Random(1).random,
            changed=lambda state, why: states.append(state),
        )
        task = asyncio.create_task(publisher.run())
        try:
            yield publisher, task, states
        finally:
            task.cancel()
            await asyncio.wait([task])


async def until(condition: Callable[[], bool], timeout: float = 20.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 (the condition belongs to code that has no event for us)
            await asyncio.sleep(0.02)


async def receive(track: MediaStreamTrack, wanted: Callable[[av.VideoFrame | av.AudioFrame], bool]) -> None:
    async with asyncio.timeout(20.0):
        while not wanted(await track.recv()):
            pass


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_a_peer_decodes_the_published_colours_time_and_beep(codec: str) -> None:
    drawn = pattern.TestPattern(320, 180)
    async with (
        answering() as (answerer, server),
        publishing(str(server.make_url("/whip/1")), codec=codec) as (publisher, _, _),
    ):
        tracks = [await asyncio.wait_for(answerer.tracks.get(), 20) for _ in range(2)]
        video = next(track for track in tracks if track.kind == "video")
        audio = next(track for track in tracks if track.kind == "audio")

        def colours_match(frame: av.VideoFrame | av.AudioFrame) -> bool:
            assert isinstance(frame, av.VideoFrame)
            luma = bytes(frame.planes[0])
            line = frame.planes[0].line_size
            shown = pattern.read_cells(luma[175 * line : 175 * line + 320])
            if shown is None:
                return False
            now = int(time.time() * 1000)
            shown_ms = now - (now - shown) % 2**32
            middles = [
                x for x in range(0, 320, 2) if drawn.bar_at(max(0, x - 8), shown_ms) == drawn.bar_at(x + 8, shown_ms)
            ]
            planes = [bytes(plane) for plane in frame.planes]
            chroma_line = frame.planes[1].line_size
            got = [
                (
                    planes[0][40 * line + x],
                    planes[1][20 * chroma_line + x // 2],
                    planes[2][20 * chroma_line + x // 2],
                )
                for x in middles
            ]
            expected = [pattern.yuv(drawn.bar_at(x, shown_ms)) for x in middles]
            return all(
                abs(a - b) <= 12
                for one, other in zip(got, expected, strict=True)
                for a, b in zip(one, other, strict=True)
            )

        def beeps(frame: av.VideoFrame | av.AudioFrame) -> bool:
            assert isinstance(frame, av.AudioFrame)
            return max(memoryview(frame.planes[0]).cast("B").cast("h")) > 8000

        await asyncio.gather(receive(video, colours_match), receive(audio, beeps))
        assert publisher.state is State.LIVE
        offered = [line for line in answerer.offers[0].splitlines() if line.startswith("a=rtpmap")]
        assert any(codec.upper() in line for line in offered)
        assert not any({"vp8": "H264", "h264": "VP8"}[codec] in line for line in offered)
    assert answerer.deleted == ["/session/1"]
    assert publisher.state is State.STOPPED


async def test_it_follows_a_redirect_and_waits_as_asked() -> None:
    async with answering() as (answerer, server):
        answerer.refusals = [
            http.Response(status=307, headers={"Location": "/whip/moved"}),
            http.Response(status=409, headers={"Retry-After": "0"}),
            http.Response(status=503),
        ]
        async with publishing(str(server.make_url("/whip/1"))) as (publisher, _, states):
            await until(lambda: publisher.state is State.LIVE)
        assert states.count(State.WAITING) == 2
        assert set(answerer.authorizations) == {f"Bearer {TOKEN}"}
    assert answerer.deleted == ["/session/1"]


async def test_it_connects_again_when_the_server_closes_the_connection() -> None:
    async with answering() as (answerer, server), publishing(str(server.make_url("/whip/1"))) as (publisher, _, states):
        await until(lambda: publisher.state is State.LIVE)
        await answerer.peers[0].close()
        await until(lambda: states.count(State.LIVE) == 2)
        assert State.WAITING in states


async def test_it_goes_on_trying_while_the_server_is_away() -> None:
    async with answering() as (_, server):
        url = str(server.make_url("/whip/1"))
    async with publishing(url) as (_, task, states):
        await until(lambda: states.count(State.WAITING) >= 2)
        assert not task.done()


async def test_a_refused_token_is_final() -> None:
    async with answering() as (answerer, server):
        answerer.refusals = [http.Response(status=401)]
        async with publishing(str(server.make_url("/whip/1"))) as (_, task, _):
            with pytest.raises(PublishRefused, match="refused the token"):
                await asyncio.wait_for(task, 10)


async def test_a_broadcast_that_the_server_cannot_take_is_final() -> None:
    async with answering() as (answerer, server):
        answerer.refusals = [http.Response(status=422, text="One video track\nat most.")]
        async with publishing(str(server.make_url("/whip/1"))) as (_, task, _):
            with pytest.raises(PublishImpossible, match="One video track at most"):
                await asyncio.wait_for(task, 10)


async def test_a_film_is_published_in_a_loop(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv")
    async with (
        answering() as (answerer, server),
        publishing(str(server.make_url("/whip/1")), source=SourceOptions(name=str(film))) as (publisher, task, _),
    ):
        tracks = [await asyncio.wait_for(answerer.tracks.get(), 20) for _ in range(2)]
        video = next(track for track in tracks if track.kind == "video")
        seen = 0
        with suppress(MediaStreamError):
            async with asyncio.timeout(20):
                while seen < 2 * PICTURES:  # more than the film has: it has begun again
                    assert isinstance(await video.recv(), av.VideoFrame)
                    seen += 1
        assert seen == 2 * PICTURES
        assert publisher.state is State.LIVE
        assert not task.done()
