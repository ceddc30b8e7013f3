from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from babel.messages.extract import DEFAULT_KEYWORDS
from jinja2.ext import babel_extract

from attendance import number_list
from attendance.event import Kind, Method
from attendance.people import PROBLEM_MESSAGES, person_id
from tests.web.nodes import PASSWORD, add_user, eventually, make_node, plant, serving
from venues.errors import TongtangError
from venues.identity import NodeKey, enrol_message
from venues.tree import Venue
from web import i18n, sentences
from web.api import report_files
from web.node import Node
from web.pages import expected as expected_page
from web.pages import forms, list_templates, people_import
from web.policy import Role
from web.render import TEMPLATES

STATIC = TEMPLATES.parent / "static"
PEOPLE = "编号,姓名,所属场所\n0001,张秀英,52\n0002,王建国,520102001001\n0003,李桂芳,520102001001\n"


@dataclass
class Browser:
    """A person with cookies who fills in forms; `text` is the last page."""

    http: aiohttp.ClientSession
    url: str
    text: str = ""

    async def get(self, path: str, **headers: str) -> int:
        async with self.http.get(self.url + path, headers=headers) as answer:
            self.text = await answer.text()
            return answer.status

    async def post(self, path: str, *, csrf: bool = True, **fields: str) -> int:
        if csrf:
            found = re.search(r'name="csrf" value="([^"]*)"', self.text)
            fields["csrf"] = found[1] if found else ""
        async with self.http.post(self.url + path, data=fields) as answer:
            self.text = await answer.text()
            return answer.status

    async def sign_in(self, name: str) -> None:
        self.http.cookie_jar.clear()
        await self.get("/sign-in")
        assert await self.post("/sign-in", name=name, password=PASSWORD, next="/") == 200


@dataclass
class Stage:
    node: Node
    venues: dict[str, Venue]
    lecture: str
    browser: Browser


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    node = make_node(tmp_path)
    async with serving(node) as server, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        venues = await plant(node)
        for role in Role:
            await add_user(node, role.value, role, venues["52"].id)
        await add_user(node, "county", Role.ORGANIZER, venues["520102"].id)
        await node.people.import_csv(PEOPLE.encode())
        lecture = await node.lectures.create("A <b>bold</b> lecture", venues["52"].id)
        await node.lectures.start(lecture.id)
        yield Stage(node=node, venues=venues, lecture=lecture.id, browser=Browser(http=http, url=server.url))


def pages_of(role: Role, stage: Stage) -> list[str]:
    lecture, root, city = f"/lectures/{stage.lecture}", stage.venues["52"].id, stage.venues["5201"].id
    everybody = ["/", "/lectures", "/venues", f"/venues/{city}?q=%E6%9D%91", f"{lecture}/report?venue={root}"]
    names = f"{lecture}/names?venue={root}&which="
    operator = ["/screen", "/kiosk", f"{lecture}/roll-call", *(names + which for which in report_files.TITLES)]
    more = {Role.LECTURER: [f"{lecture}/desk"], Role.OPERATOR: operator}
    person = f"{lecture}/people/{person_id('0002')}"
    organizer = [
        "/people",
        "/people/import",
        f"/people/{person_id('0002')}",
        f"{lecture}/expected?q=5201",
        "/policies",
        person,
        f"/badges?venue={city}",
    ]
    return everybody + more.get(role, [f"{lecture}/desk", *operator, *organizer])


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_every_page_of_a_role_in_both_languages(stage: Stage, role: Role, language: str) -> None:
    await stage.browser.sign_in(role.value)
    for path in pages_of(role, stage):
        assert await stage.browser.get(path, **{"Accept-Language": language}) == 200, path
        text = stage.browser.text
        assert f'lang="{"en" if language == "en" else "zh-Hans-CN"}"' in text, path
        assert "<b>bold" not in text, path
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*(src=|application/json))", text), path
        assert text.count("<h1") == 1, path


@pytest.mark.parametrize("path", ["/", "/lectures", "/venues", "/screen", "/people"])
async def test_who_is_not_signed_in_is_asked_to_and_comes_back(stage: Stage, path: str) -> None:
    await stage.browser.get(path)
    assert f'name="next" value="{path}"' in stage.browser.text


async def test_a_wrong_password_is_said_on_the_form_and_the_name_stays(stage: Stage) -> None:
    await stage.browser.get("/sign-in")
    assert await stage.browser.post("/sign-in", name="operator", password="wrong", next="/") == 401
    assert "The user name or the password is wrong." in stage.browser.text
    assert 'value="operator"' in stage.browser.text


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "/\\evil.example", "", "/a\nb"])
def test_nobody_is_led_to_another_site(address: str) -> None:
    assert forms.local_path(address) == "/"


def test_a_path_of_this_site_is_kept() -> None:
    assert forms.local_path("/lectures/x/report?venue=3") == "/lectures/x/report?venue=3"


async def test_the_language_switch_is_remembered(stage: Stage) -> None:
    await stage.browser.get("/language/zh_Hans_CN?next=/sign-in", **{"Accept-Language": "en"})
    assert "登录" in stage.browser.text
    await stage.browser.get("/sign-in", **{"Accept-Language": "en"})
    assert "登录" in stage.browser.text
    assert await stage.browser.get("/language/xx?next=/") == 404


async def test_signing_out_ends_the_session(stage: Stage) -> None:
    await stage.browser.sign_in("operator")
    await stage.browser.post("/sign-out")
    await stage.browser.get("/")
    assert 'action="/sign-in"' in stage.browser.text


async def test_a_lecture_is_created_started_and_ended_by_forms(stage: Stage) -> None:
    browser, city = stage.browser, stage.venues["5201"].id
    await browser.sign_in("lecturer")
    await browser.get("/lectures")
    assert await browser.post("/lectures", title="Spring", venue=str(city), starts="2026-11-22T10:00") == 200
    (lecture,) = [each for each in await stage.node.lectures.list() if each.title == "Spring"]
    assert lecture.venue_id == city
    assert lecture.starts_at is not None
    assert lecture.starts_at.isoformat() == "2026-11-22T02:00:00+00:00"  # ten o'clock in Shanghai
    for step, state in (("start", "live"), ("stop", "ended"), ("start", "live")):
        assert await browser.post(f"/lectures/{lecture.id}/{step}") == 200
        assert (await stage.node.lectures.get(lecture.id)).state == state  # type: ignore[union-attr]


async def test_a_form_without_its_token_changes_nothing(stage: Stage) -> None:
    await stage.browser.sign_in("lecturer")
    assert await stage.browser.post("/lectures", csrf=False, title="Forged", venue="") == 403
    assert len(await stage.node.lectures.list()) == 1


async def test_a_lecture_needs_a_title_and_the_form_keeps_what_was_typed(stage: Stage) -> None:
    await stage.browser.sign_in("lecturer")
    await stage.browser.get("/lectures")
    assert await stage.browser.post("/lectures", title=" ", venue="", starts="2026-11-22T10:00") == 422
    assert "must have 1 to 200 characters" in stage.browser.text
    assert 'value="2026-11-22T10:00"' in stage.browser.text


async def test_an_organizer_of_a_county_sees_and_touches_nothing_beside_it(stage: Stage) -> None:
    browser, outside = stage.browser, stage.venues["5203"].id
    await browser.sign_in("county")
    await browser.get("/venues")
    assert "南明区" in browser.text
    assert "遵义市" not in browser.text
    assert await browser.get(f"/venues/{outside}") == 403
    assert await browser.get(f"/lectures/{stage.lecture}/report?venue={outside}") == 403
    assert await browser.get(f"/lectures/{stage.lecture}/names?venue={outside}") == 403
    assert await browser.get("/people") == 200
    assert "王建国" in browser.text
    assert "张秀英" not in browser.text
    assert 'type="file"' not in browser.text
    assert await browser.get("/people/import") == 403
    assert await browser.post("/people/import") == 403
    assert await browser.get("/people/template.csv") == 200
    assert await browser.get(f"/people/{person_id('0002')}") == 200
    assert await browser.get(f"/people/{person_id('0001')}") == 403
    await browser.get("/lectures")
    assert await browser.post("/lectures", title="Elsewhere", venue=str(outside)) == 403


async def test_the_report_counts_and_each_figure_opens_its_names(stage: Stage) -> None:
    node, browser = stage.node, stage.browser
    await node.log.capture(lecture=stage.lecture, number="0001", method=Method.ROLL_CALL)
    await node.log.capture(lecture=stage.lecture, name="Passer-by", method=Method.WALK_IN)
    await browser.sign_in("organizer")
    await browser.get(f"/lectures/{stage.lecture}/report")
    figures = dict(re.findall(r"which=(\w+)\">([\d,]+)</a>", browser.text.split("By venue")[0]))
    assert figures == {"expected": "3", "came": "1", "present": "2", "guests": "1", "not_reported": "2"}
    for which, count in figures.items():
        await browser.get(f"/lectures/{stage.lecture}/names?venue={stage.venues['52'].id}&which={which}")
        assert browser.text.count('<th scope="row">') == int(count)
    await browser.get(f"/lectures/{stage.lecture}/names?which=guests")
    assert "Passer-by" in browser.text
    await browser.get(f"/lectures/{stage.lecture}/names?which=absent_so_far")
    assert "王建国" in browser.text
    assert "张秀英" not in browser.text


async def test_late_and_early_stand_on_both_bases_and_open_to_names(stage: Stage) -> None:
    node, browser, root = stage.node, stage.browser, stage.venues["52"].id
    city = stage.venues["5201"].id
    await node.log.capture(
        lecture=stage.lecture,
        kind=Kind.CORRECTION,
        number="0002",
        reason="x",
        data={"state": "present", "late": True, "early": True},
    )
    await browser.sign_in("organizer")
    await browser.get(f"/lectures/{stage.lecture}/report")
    total, rows = browser.text.split("By venue")
    assert re.findall(r"which=(\w+)\">1</a>", total) == ["came", "came_late", "came_early", "present", "late", "early"]
    # 王建国 is at home in the city, and was at the province
    of_city = re.findall(rf"venue={city}&amp;which=(\w+)\">1</a>", rows)
    assert of_city == ["came", "came_late", "came_early", "not_reported"]
    for which in ("late", "early", "came_late", "came_early"):
        await browser.get(f"/lectures/{stage.lecture}/names?venue={root}&which={which}")
        assert "王建国" in browser.text
    for which, there in (("late", False), ("early", False), ("came_late", True), ("came_early", True)):
        await browser.get(f"/lectures/{stage.lecture}/names?venue={city}&which={which}")
        assert ("王建国" in browser.text) is there


async def test_the_report_of_all_venues_below_is_offered_level_by_level_and_as_a_whole(stage: Stage) -> None:
    browser, root = stage.browser, stage.venues["52"].id
    await browser.sign_in("organizer")
    await browser.get(f"/lectures/{stage.lecture}/report")
    files = [html.unescape(link) for link in re.findall(r'href="(/api/[^"]*(?:level|whole)=[^"]*)"', browser.text)]
    assert [link.partition("/report.")[2] for link in files] == [
        f"{form}?venue={root}&{rows}"
        for rows in ("level=1", "level=2", "level=3", "level=4", "whole=true")
        for form in ("xlsx", "pdf", "csv")
    ]
    assert "Each venue of the level County: 2" in browser.text
    assert "All of them: 6" in browser.text
    for link, lines in ((files[5], 3), (files[14], 7)):
        await browser.get(link)
        assert len(browser.text.splitlines()) == 1 + lines
    # Right above the villages it would be the report itself.
    await browser.get(f"/lectures/{stage.lecture}/report?venue={stage.venues['520102001'].id}")
    assert "whole=true" not in browser.text


async def test_the_rate_leaves_guests_out_and_a_zero_opens_nothing(stage: Stage) -> None:
    node, browser, root = stage.node, stage.browser, stage.venues["52"].id
    for name in ("Zhao", "Qian"):
        await node.log.capture(lecture=stage.lecture, name=name, method=Method.WALK_IN)
    await browser.sign_in("organizer")
    await browser.get(f"/lectures/{stage.lecture}/report")
    assert re.search(r"<dt>rate</dt><dd>\s*0 %</dd>", browser.text)  # not 2 of 3
    await browser.get(f"/lectures/{stage.lecture}/report?venue={stage.venues['5203'].id}")
    assert not re.search(r">0</a>", browser.text)
    assert "venues connected" in browser.text
    village = stage.venues["520102001001"].id
    await browser.get(f"/lectures/{stage.lecture}/report?venue={village}")
    assert "venues connected" not in browser.text
    await browser.get(f"/lectures/{stage.lecture}/names?which=present&venue={root}", **{"Accept-Language": "zh-CN"})
    assert "<h1>实到人员：2</h1>" in browser.text


@pytest.mark.parametrize("query", ["which=foo", "venue=abc", "offset=-1"])
async def test_an_address_that_does_not_fit_is_refused_in_plain_words(stage: Stage, query: str) -> None:
    await stage.browser.sign_in("organizer")
    assert await stage.browser.get(f"/lectures/{stage.lecture}/names?{query}") == 422
    assert "holds something that does not fit" in stage.browser.text
    assert "should" not in stage.browser.text


async def test_home_counts_venues_as_the_report_does(stage: Stage) -> None:
    await stage.browser.sign_in("organizer")

    async def has_reported() -> bool:  # the node its own presence, soon after the start
        await stage.browser.get("/")
        return 'id="connected">1<' in stage.browser.text

    await eventually(has_reported)
    home = re.search(r'id="connected">([\d,]+)<small> / ([\d,]+)<', stage.browser.text)
    await stage.browser.get(f"/lectures/{stage.lecture}/report")
    report = re.search(r"<dd>([\d,]+)<small> / ([\d,]+)<", stage.browser.text)
    assert home
    assert report
    assert home.groups() == report.groups()


async def test_home_is_silent_about_what_does_not_exist(stage: Stage) -> None:
    village = stage.venues["520102001001"].id
    await add_user(stage.node, "villager", Role.OPERATOR, village)
    await stage.browser.sign_in("villager")
    await stage.browser.get("/")
    assert "venues connected" not in stage.browser.text  # there is nothing below
    assert "not yet reported upward" not in stage.browser.text  # there is nobody above this node


async def test_who_is_signed_in_keeps_the_menu_where_there_is_no_page(stage: Stage) -> None:
    page = {"Accept": "text/html"}
    assert await stage.browser.get("/nowhere", **page) == 404
    assert '<nav aria-label="Main">' not in stage.browser.text
    await stage.browser.sign_in("operator")
    assert await stage.browser.get("/nowhere", **page) == 404
    assert '<nav aria-label="Main">' in stage.browser.text
    assert "Choose from the menu above" in stage.browser.text


async def test_times_have_24_hours_in_both_languages(stage: Stage) -> None:
    when = dt.datetime(2026, 11, 22, 7, 5, tzinfo=dt.UTC)
    await stage.node.lectures.create("Later", stage.venues["52"].id, when)
    await stage.browser.sign_in("lecturer")
    for language, expected in (("en", "22 Nov 2026, 15:05"), ("zh-CN", "2026/11/22 15:05")):
        await stage.browser.get("/lectures", **{"Accept-Language": language})
        assert expected in stage.browser.text


async def test_an_enrolment_token_is_shown_once_and_works_and_its_node_can_be_revoked(stage: Stage) -> None:
    browser, city = stage.browser, stage.venues["5201"].id
    await browser.sign_in("organizer")
    await browser.get(f"/venues/{city}")
    assert await browser.post(f"/venues/{city}/enrolment-token", days="1") == 200
    found = re.search(r"--token ([\w-]+)", browser.text)
    assert found
    await browser.get(f"/venues/{city}")
    assert found[1] not in browser.text
    key = NodeKey.make(bytes(32))
    record = await stage.node.enrolment.enrol(found[1], key.public, key.sign(enrol_message(found[1], key.public)))
    await browser.get(f"/venues/{city}")
    assert record.id in browser.text
    county = stage.venues["520102"].id
    assert await browser.post(f"/venues/{county}/revoke", node=record.id) == 404  # another venue's node
    await browser.get(f"/venues/{city}")
    assert await browser.post(f"/venues/{city}/revoke", node=record.id) == 200
    assert (await stage.node.enrolment.get(record.id)).revoked_at is not None


async def test_a_phone_without_javascript_checks_in(stage: Stage) -> None:
    browser = stage.browser
    await browser.sign_in("operator")
    async with browser.http.get(f"{browser.url}/api/screen") as answer:
        code = (await answer.json())["code_url"].split("/c/")[1]
    browser.http.cookie_jar.clear()
    assert await browser.get(f"/c/{code}") == 200
    assert await browser.post(f"/c/{code}", number="0001", name="王建国") == 409
    assert "The name does not belong to this number." in browser.text
    assert await browser.post(f"/c/{code}", number="0001", name="张 秀英") == 200
    assert "Checked in at" in browser.text
    assert '<p class="guest" id="guest" hidden>' in browser.text
    assert await browser.post(f"/c/{code}", number="0001", name="张秀英") == 200
    assert "Already checked in at" in browser.text
    assert (await stage.node.reports.count(stage.lecture, stage.venues["52"].id)).present == 1
    assert await browser.post(f"/c/{code}", number="77", name="过客") == 200
    assert '<p class="guest" id="guest">' in browser.text


async def test_an_old_code_says_what_to_do(stage: Stage) -> None:
    assert await stage.browser.get("/c/nonsense.OLD") == 403
    assert "Please scan the code on the screen again." in stage.browser.text


def messages_of_templates() -> set[str]:
    found: set[str] = set()
    for template in sorted(TEMPLATES.glob("*.html")):
        with template.open("rb") as file:
            for _line, _function, message, _comments in babel_extract(
                file, [*DEFAULT_KEYWORDS, "_"], [], {"trim_blocks": "true", "lstrip_blocks": "true"}
            ):
                found.add(str(message[0] if isinstance(message, tuple) else message))
    return found


def errors(base: type[TongtangError] = TongtangError) -> set[type[TongtangError]]:
    return {each for child in base.__subclasses__() for each in {child, *errors(child)}}


def messages() -> set[str]:
    ours = {each for each in errors() if each.__module__.split(".")[0] in ("venues", "broadcast", "attendance", "web")}
    written = {" ".join((each.__doc__ or "").split()) for each in ours}
    lists = {*PROBLEM_MESSAGES.values(), *number_list.PROBLEM_MESSAGES.values(), *expected_page.REFUSED.values()}
    notes = {
        list_templates.HOW,
        *list_templates.PEOPLE_NOTES,
        *list_templates.VENUES_NOTES,
        *list_templates.SHEETS.values(),
    }
    listed = {
        people_import.NO_FILE,
        people_import.NOT_HELD,
        *notes,
        *lists,
        *report_files.TITLES.values(),
        *sentences.ALL,
    }
    return messages_of_templates() | written | listed


def test_everything_that_people_read_is_there_in_chinese() -> None:
    chinese = i18n.load()[i18n.CHINESE]
    assert sorted(message for message in messages() if message not in chinese) == []


def test_translations_keep_the_fields_of_their_sentences() -> None:
    chinese = i18n.load()[i18n.CHINESE]
    fields = re.compile(r"\{\w+\}|%\(\w+\)s")
    for message in messages():
        assert sorted(fields.findall(chinese.gettext(message))) == sorted(fields.findall(message)), message


@pytest.mark.parametrize(
    ("template", "modules"),
    [
        ("screen", ["screen", "screen_state"]),
        ("desk", ["desk", "desk_state", "sources", "confirm"]),
        ("roll_call", ["roll_call", "person_list", "room", "state_bar", "hand_in", "confirm"]),
        ("check_in", ["check_in"]),
        ("kiosk", ["kiosk", "kiosk_state"]),
    ],
)
def test_every_phrase_that_a_module_says_is_on_its_page(template: str, modules: list[str]) -> None:
    page = (TEMPLATES / f"{template}.html").read_text(encoding="utf-8")
    offered = set(re.findall(r'"(\w+)": _\(', page))
    scripts = "".join((STATIC / f"{module}.js").read_text(encoding="utf-8") for module in modules)
    said = set(re.findall(r'\bsay\("(\w+)"', scripts))
    told = {key for found in re.findall(r'\btold\("\w+", "(\w+)"\)', scripts) for key in (found, f"{found}_more")}
    assert said | told <= offered
