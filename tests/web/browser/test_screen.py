from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.web.browser.stage import PHONE, PROJECTOR, Stage, fits, state, until
from venues.tree import VenueRow
from web.policy import Role

FRAMES = "document.getElementById('lecture').getVideoPlaybackQuality().totalVideoFrames"


async def go_on_air(stage: Stage, desk: Page) -> None:
    await desk.goto(f"{stage.url}/lectures/{stage.lecture}/desk")
    await until(desk, "document.getElementById('preview').videoWidth > 0")
    await desk.click("#go")
    await state(desk, "live")


async def test_a_lecture_goes_from_the_desk_to_the_screen_and_comes_back_by_itself(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as desk:
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "waiting")
        await expect(screen.locator("#says")).to_have_text("Waiting for the main classroom")
        await go_on_air(stage, desk)
        await state(screen, "live")
        await expect(screen.locator("#says")).to_be_hidden()
        seen = await screen.evaluate(FRAMES)
        await until(screen, f"{FRAMES} > {seen} + 10")
        await expect(desk.locator("#onair")).to_have_text("On air")
        await until(desk, "/[1-9]/.test(document.getElementById('kbits').textContent)")
        await until(desk, "Number(document.getElementById('level').getAttribute('aria-valuenow')) > 10")

        await desk.click("#stop")
        await state(screen, "waiting")
        await expect(desk.locator("#onair")).to_have_text("Not on air")
        await desk.click("#go")
        await state(screen, "live")
        assert await screen.evaluate("performance.getEntriesByType('navigation').length") == 1  # nobody reloaded


async def watch(screen: Page) -> list[str]:
    """From now on: each session that the screen opens."""
    opened: list[str] = []
    screen.on("request", lambda request: opened.append(request.url) if "/whep/" in request.url else None)
    await screen.evaluate(
        "window.seen = []; document.addEventListener('screenstate', ({ detail }) => window.seen.push(detail))"
    )
    return opened


@pytest.mark.parametrize("how", ["killed", "clean"])
async def test_a_publisher_who_leaves_and_comes_back_is_found_in_the_same_session(stage: Stage, how: str) -> None:
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as again:
        async with stage.page(user=Role.LECTURER) as desk:
            await go_on_air(stage, desk)
            await screen.goto(f"{stage.url}/screen")
            await state(screen, "live")
            opened = await watch(screen)
            if how == "killed":
                await desk.evaluate("document.documentElement.dataset.state")
                crash = asyncio.create_task((await desk.context.new_cdp_session(desk)).send("Page.crash"))
                await state(screen, "waiting")
                crash.cancel()
            else:
                await desk.click("#stop")
                await state(screen, "waiting")
            await expect(screen.locator("#says")).to_have_text("Waiting for the main classroom")
        await asyncio.sleep(4)  # long enough for what a page might do out of impatience
        await go_on_air(stage, again)
        await state(screen, "live", patience_s=6)
        seen = await screen.evaluate(FRAMES)
        await until(screen, f"{FRAMES} > {seen} + 10")
        assert await screen.evaluate("window.seen") == ["waiting", "live"]
        assert opened == []


async def test_a_node_that_began_anew_is_asked_for_a_new_session_at_once(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as desk:
        await go_on_air(stage, desk)
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "live")
        opened = await watch(screen)
        stage.node.instance = "another"
        async with asyncio.timeout(30):
            while not opened:  # noqa: ASYNC110 - the browser asks
                await asyncio.sleep(0.05)
        await until(screen, "window.seen.at(-1) === 'live'")


async def test_sound_alone_is_heard_and_said_and_nothing_is_torn_down(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as screen, stage.page(user=Role.LECTURER) as desk:
        await desk.goto(f"{stage.url}/lectures/{stage.lecture}/desk")
        await until(desk, "document.getElementById('preview').videoWidth > 0")
        await desk.select_option("#camera", "none")
        await desk.click("#go")
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "sound")
        await expect(screen.locator("#says")).to_have_text("Sound only")
        heard = "document.getElementById('lecture').currentTime"
        before = await screen.evaluate(heard)
        await until(screen, f"{heard} > {before} + 1")
        opened = await watch(screen)
        await desk.select_option("#camera", index=0)
        await state(screen, "live")
        seen = await screen.evaluate(FRAMES)
        await until(screen, f"{FRAMES} > {seen} + 10")
        await desk.select_option("#camera", "none")
        await state(screen, "sound")
        await asyncio.sleep(4)
        assert await screen.evaluate("window.seen") == ["live", "sound"]
        assert opened == []


async def test_a_screen_says_that_there_is_no_lecture_and_begins_when_one_starts(stage: Stage) -> None:
    await stage.node.lectures.stop(stage.lecture)
    async with stage.page(user=Role.OPERATOR) as screen:
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "idle")
        await expect(screen.locator("#says")).to_have_text("There is no lecture now")
        await expect(screen.locator("#code")).to_be_hidden()
        await stage.node.lectures.start(stage.lecture)
        await state(screen, "waiting")
        await expect(screen.locator("#code svg")).to_be_visible()
        await expect(screen.locator("#present")).to_have_text("0 present")


async def test_the_code_is_a_new_one_before_the_old_one_expires(stage: Stage) -> None:
    # One period is 15 s: see the picture change at least once.
    async with stage.page(user=Role.OPERATOR) as screen:
        await screen.goto(f"{stage.url}/screen")
        await expect(screen.locator("#code svg")).to_be_visible()
        drawn = "document.querySelector('#qr path').getAttribute('d')"
        first = await screen.evaluate(drawn)
        await until(screen, f"{drawn} !== {first!r}")


async def test_a_screen_that_loses_its_node_says_so_and_comes_back(stage: Stage) -> None:
    async with stage.page(user=Role.OPERATOR) as screen:
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "waiting")
        await screen.context.set_offline(True)
        await expect(screen.locator("#says")).to_have_text("This computer does not reach its node", timeout=15_000)
        await screen.context.set_offline(False)
        await state(screen, "waiting")


@pytest.mark.parametrize("size", [PHONE, PROJECTOR])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_nothing_sticks_out(stage: Stage, size: tuple[int, int], language: str) -> None:
    lecture = f"/lectures/{stage.lecture}"
    paths = ["/", "/lectures", f"{lecture}/desk", f"{lecture}/roll-call", f"{lecture}/report", f"{lecture}/names"]
    async with stage.page(size, user=Role.ORGANIZER, language=language) as page:
        for path in [*paths, "/venues", "/people", "/screen"]:
            await page.goto(stage.url + path)
            assert await fits(page), path


HERE: dict[str, Any] = {"state": "live", "begun": 1_000, "video": None, "audio": None}
BOTH, PICTURE, SOUND, NOTHING = (
    {"picture": picture, "sound": sound}
    for picture, sound in ((True, True), (True, False), (False, True), (False, False))
)
# (what is known here, what the node said when asked at these times, the verdict at 10 s)
APART = """() => {
  const box = (id) => document.getElementById(id).getBoundingClientRect();
  const code = box("code");
  return [...document.querySelectorAll(".controls > :not([hidden])")].filter((each) => {
    const one = each.getBoundingClientRect();
    return one.right > code.left && one.left < code.right && one.bottom > code.top && one.top < code.bottom;
  }).map((each) => each.textContent);
}"""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_no_button_lies_over_the_code(stage: Stage, language: str) -> None:
    async with stage.page(user=Role.LECTURER) as desk:
        await go_on_air(stage, desk)
        for size in (PHONE, PROJECTOR):
            async with stage.page(size, user=Role.OPERATOR, language=language) as screen:
                await screen.goto(f"{stage.url}/screen")
                await state(screen, "live")
                await expect(screen.locator("#code .how")).to_be_visible()
                assert await screen.evaluate(APART) == []
                await screen.evaluate("document.getElementById('size').click()")
                assert await screen.evaluate(APART) == []
                await screen.evaluate("document.documentElement.dataset.state = 'waiting'")
                assert await screen.evaluate(APART) == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_head_of_a_page_takes_two_lines_on_a_phone_and_tables_keep_whole_words(
    stage: Stage, language: str
) -> None:
    renamed = VenueRow(line=0, code="52", name="流河渡村村民委员会", level="province", parent="")
    await stage.node.venues.import_rows([renamed], tuple(stage.node.settings.levels))
    await stage.node.look()
    async with stage.page(PHONE, user=Role.ORGANIZER, language=language) as page:
        await page.goto(f"{stage.url}/venues")
        height = "document.querySelector('.top').getBoundingClientRect().height"
        assert await page.evaluate(height) < 120
        assert await page.evaluate("document.querySelector('.brand small').getClientRects().length") == 1
        wide = "[...document.querySelectorAll('.levels th[scope=row]')].every((each) => each.offsetHeight < 60)"
        assert await page.evaluate(wide)
        inside = "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector('.scroll'))"
        assert await page.evaluate(inside)


VERDICTS: list[tuple[dict[str, Any], list[tuple[int, dict[str, bool]]], str | None]] = [
    ({}, [(9_000, BOTH)], None),
    ({"video": 9_900, "audio": 9_900}, [(5_000, BOTH), (9_000, BOTH)], "live"),
    ({"video": 9_900}, [(5_000, PICTURE), (9_000, PICTURE)], "live"),
    # The publisher has left: at first the node does not know it, then it does; the session stays.
    ({"video": 7_000, "audio": 7_000}, [(5_000, BOTH), (9_000, BOTH)], None),
    ({"video": 7_500, "audio": 7_500}, [(5_000, BOTH), (9_600, NOTHING)], "waiting"),
    ({"video": 1_500, "audio": 1_500}, [(9_600, NOTHING)], "waiting"),
    # It is back: not with the old frame, but with the first new one.
    ({"state": "waiting", "video": 9_200}, [(8_000, NOTHING), (9_500, BOTH)], None),
    ({"state": "waiting", "video": 9_700}, [(8_000, NOTHING), (9_500, BOTH)], "live"),
    # The node has had a picture for three seconds and this page has not.
    ({"video": 6_000, "audio": 9_900}, [(5_000, BOTH), (9_000, BOTH)], "reconnect"),
    ({"audio": 9_900}, [(5_000, BOTH), (9_000, BOTH)], "reconnect"),
    ({"state": "waiting", "video": 500}, [(5_000, NOTHING), (6_500, BOTH), (9_500, BOTH)], "reconnect"),
    ({"video": 9_900, "audio": 5_000}, [(4_000, BOTH), (9_000, BOTH)], "reconnect"),
    ({"video": 9_900}, [(4_000, BOTH), (9_000, BOTH)], "live"),  # no sound ever, though a picture: not again and again
    # The camera is off.
    ({"video": 7_500, "audio": 9_900}, [(5_000, BOTH), (9_600, SOUND)], "sound"),
    ({"state": "sound", "video": 500, "audio": 9_900}, [(1_000, SOUND), (9_600, SOUND)], "sound"),
    ({"state": "connecting", "audio": 9_900}, [(9_600, SOUND)], None),  # the picture may only be a little later
    ({"state": "connecting", "audio": 9_900}, [(7_000, SOUND), (9_600, SOUND)], "sound"),
    ({"state": "sound", "audio": 5_000}, [(1_000, SOUND), (9_600, SOUND)], "reconnect"),
    # The node does not answer.
    ({"video": 9_900}, [], "live"),
    ({"video": 9_900}, [(1_000, NOTHING)], "live"),
    ({"audio": 9_900}, [], "sound"),
    ({"video": 5_000}, [], "stalled"),
    ({}, [], None),
]


async def test_what_the_player_makes_of_its_own_frames_and_the_word_of_the_node(stage: Stage) -> None:
    script = """async ([here, told]) => {
      const { heard, verdict } = await import("/static/whep.js");
      return verdict(here, told.reduce((before, [at, word]) => heard(before, word, at), null), 10_000);
    }"""
    async with stage.page() as page:
        await page.goto(f"{stage.url}/sign-in")
        for here, told, expected in VERDICTS:
            assert await page.evaluate(script, [HERE | here, told]) == expected, (here, told)


UP, DOWN = {"state": "connected"}, {"state": "unreachable"}
SAYINGS: list[tuple[dict[str, Any], str, str]] = [
    ({"screen": None}, "connecting", "connecting"),
    ({"screen": {"state": "no_lecture", "link": UP}}, "idle", "idle"),
    ({"screen": {"state": "no_lecture", "link": DOWN}, "linkDown": {"since": 1}}, "waiting", "uplink"),
    ({"screen": {"state": "no_lecture", "link": DOWN}, "linkDown": {"since": None}}, "waiting", "uplink"),
    ({"screen": {"state": "no_lecture", "link": DOWN}, "linkDown": {"since": 99_000}}, "idle", "idle"),  # a hiccup
    ({"screen": {"state": "planned", "link": UP, "lecture": {"starts_at": None}}}, "idle", "planned_soon"),
    ({"screen": {"state": "waiting", "link": UP}, "player": {"state": "waiting"}}, "waiting", "waiting"),
    ({"screen": {"state": "waiting", "link": DOWN}, "linkDown": {"since": 1}}, "waiting", "uplink"),
    (
        {"screen": {"state": "live", "link": DOWN}, "linkDown": {"since": 1}, "player": {"state": "live"}},
        "live",
        "connecting",
    ),
    ({"screen": {"state": "waiting", "link": UP}, "player": {"state": "connecting"}}, "waiting", "waiting"),
    ({"screen": {"state": "waiting", "link": UP}, "player": {"state": "stalled"}}, "waiting", "waiting"),
    ({"screen": {"state": "live", "link": UP}, "player": {"state": "waiting"}}, "waiting", "waiting"),
    ({"screen": {"state": "live", "link": UP}, "player": {"state": "connecting"}}, "connecting", "connecting"),
    ({"screen": {"state": "live", "link": UP}, "player": {"state": "stalled"}}, "stalled", "stalled"),
    ({"screen": {"state": "live", "link": UP}, "player": {"state": "sound"}}, "sound", "sound_only"),
    *(
        (
            {"screen": {"state": "live", "link": UP}, "player": {"state": "connecting", "problem": {"status": status}}},
            "waiting",
            says,
        )
        for status, says in ((422, "undecodable"), (503, "busy"), (429, "busy"), (403, "refused_view"))
    ),
    ({"screen": {"state": "live", "link": {"state": "revoked"}}}, "waiting", "refused"),
    ({"screen": {"state": "live", "link": UP}, "unreachableSince": 1}, "connecting", "node"),
    ({"screen": {"state": "live", "link": UP}, "signedOut": True}, "idle", "signed_out"),
    (
        {"screen": {"state": "live", "link": UP}, "player": {"state": "connecting", "problem": {"code": "no_path"}}},
        "connecting",
        "no_path",
    ),
]


async def test_what_the_screen_says(stage: Stage) -> None:
    nothing = {"unreachableSince": None, "linkDown": None, "signedOut": False, "player": None, "now": 100_000}
    async with stage.page() as page:
        await page.goto(f"{stage.url}/sign-in")
        for known, shown, says in SAYINGS:
            script = "async (known) => (await import('/static/screen_state.js')).decide(known)"
            decided = await page.evaluate(script, nothing | known)
            assert (decided["state"], decided["says"]) == (shown, says), known


async def test_a_broadcast_begins_at_a_good_rate(stage: Stage) -> None:
    sdp = "v=0\r\nm=audio 9 x 111\r\na=rtpmap:111 opus/48000/2\r\nm=video 9 x 96 97 98\r\na=rtpmap:96 VP8/90000\r\n"
    sdp += "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=1\r\n"
    async with stage.page() as page:
        await page.goto(f"{stage.url}/sign-in")
        adapted = await page.evaluate("async (sdp) => (await import('/static/whip.js')).startingAt(sdp, 1200)", sdp)
    expected = sdp.replace("VP8/90000\r\n", "VP8/90000\r\na=fmtp:96 x-google-start-bitrate=1200\r\n")
    assert adapted == expected.replace("mode=1", "mode=1;x-google-start-bitrate=1200")


# Playwright's own evaluations count as gestures, so the browser must be told to be as strict as it is without them.
STRICT = """
const play = HTMLMediaElement.prototype.play;
let touched = false;
addEventListener("pointerdown", () => (touched = true), true);
HTMLMediaElement.prototype.play = function () {
  if (touched || this.muted) return play.call(this);
  this.pause();
  return Promise.reject(new DOMException("no gesture", "NotAllowedError"));
};
"""


async def test_blocked_sound_is_offered_as_one_large_button(stage: Stage) -> None:
    async with stage.page(user=Role.LECTURER) as desk, stage.page(user=Role.OPERATOR) as screen:
        await go_on_air(stage, desk)
        await screen.add_init_script(STRICT)
        await screen.goto(f"{stage.url}/screen")
        await state(screen, "live")
        muted = "document.getElementById('lecture').muted"
        await expect(screen.locator("#unmute")).to_be_visible()
        assert await screen.evaluate(muted)
        await screen.click("#unmute")
        await expect(screen.locator("#unmute")).to_be_hidden()
        assert not await screen.evaluate(muted)
        await state(screen, "live")
