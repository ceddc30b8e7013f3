"""Every declared route against everybody who must not come in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attendance import badge_reports
from attendance.badge import card_text
from attendance.people import person_id
from attendance.policy import Rules
from tests.web.nodes import Client, add_user, client, make_node, plant, serving
from venues.tokens import TokenKind
from web.app import Server, declared_routes
from web.policy import Access, Role
from web.routes import Route

ROUTES = declared_routes()
GUARDED = [route for route in ROUTES if route.access is not Access.PUBLIC]
ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}  # from elsewhere: whoever is on the node's own machine may see its figures
STAFF = {Access.SESSION, Access.LECTURER, Access.OPERATOR, Access.ORGANIZER, Access.SCREEN, Access.WATCH}
# Routes that anybody may call. Add one only with a reason.
PUBLIC = {
    "GET /healthz": "says that the process lives, nothing else",
    "GET /api/openapi.json": "documentation",
    "POST /api/session": "signing in",
    "POST /api/check-in": "the code on the screen is the proof",
    "POST /api/node/enrol": "the one-time token and the signature are the proof",
    "POST /api/node/challenge": "a nonce for anybody",
    "POST /api/node/token": "the signature is the proof",
    "GET /static/{name}": "style sheets and scripts",
    "GET /favicon.ico": "a picture",
    "GET /sign-in": "signing in",
    "POST /sign-in": "signing in",
    "POST /language/{locale}": "a choice of language",
    "GET /language/{locale}": "a choice of language",
    "GET /c/{code}": "the code on the screen is the proof",
    "POST /c/{code}": "the code on the screen is the proof",
    "GET /r/{code}": "the code on the screen of a venue below is the proof",
    "POST /r/{code}": "the code on the screen of a venue below is the proof",
    "OPTIONS /session/{session}": "RFC 9725: a browser's preflight carries no token",
}
PUBLIC |= {
    f"{method} /{door}/{{lecture}}{part}": "RFC 9725: says nothing"
    for method in ("GET", "HEAD", "OPTIONS")
    for door in ("whip", "whep")
    for part in ("", "/slides")
}
# Routes for staff that touch no particular venue: what they show is cut to the caller's own subtree, or nobody's.
UNBOUND = {
    "GET /api/session",
    "DELETE /api/session",
    "GET /api/node",
    "GET /api/venues",
    "GET /api/nodes",
    "GET /api/lectures",
    "GET /api/policies",
    "POST /sign-out",
    "GET /",
    "GET /lectures",
    "GET /venues",
    "GET /people",
    "GET /screen",
    "GET /kiosk",
    "GET /people/template.xlsx",
    "GET /people/template.csv",
    "GET /venues/template.xlsx",
    "GET /venues/template.csv",
    "GET /api/screen",
    "GET /api/quarantine",
    "GET /api/quarantine/entries",
    "GET /quarantine",
}
# With these a foreign user gets what concerns the own venue, because a lecture for the whole tree concerns all.
WRONG_ROLE = {
    Access.LECTURER: Role.OPERATOR,
    Access.SCREEN: Role.LECTURER,
    Access.OPERATOR: Role.LECTURER,
    Access.ORGANIZER: Role.OPERATOR,
    Access.NODE: Role.ORGANIZER,
    Access.PUBLISH: Role.ORGANIZER,
    Access.VIEW: Role.ORGANIZER,
    Access.STREAM: Role.ORGANIZER,
}


def label(route: Route) -> str:
    return f"{route.method} {route.open_path}"


@dataclass
class Scene:
    server: Server
    client: Client
    ids: dict[str, str]

    def path(self, route: Route) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.ids.get(found[1], "x"), route.open_path)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A city's lecture and a node of that city; users of that city and of the other one."""
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as caller:
        venues = await plant(node)
        mine, other = venues["5201"], venues["5203"]
        for role in Role:
            await add_user(node, f"{role.value} of mine", role, mine.id)
            await add_user(node, f"{role.value} of other", role, other.id)
        await node.people.import_csv("编号,姓名,所属场所\nA1,张三,5201\n".encode())
        lecture = await node.lectures.create("党课", mine.id)
        token = await node.enrolment.issue(mine.id, dt.timedelta(hours=1))
        enrolled = await _enrol(node, token)
        await node.people.import_csv("number,name,venue\nP1,张伟,5201\n".encode())
        await node.badges.issue(by="x", venue_id=mine.id)
        ((badge),) = await badge_reports.to_print(node.db, person=person_id("P1"), limit=1)
        ids = {
            "lecture": lecture.id,
            "card": card_text(badge.card),
            "venue": str(mine.id),
            "node": enrolled,
            "name": "tree",
            "number": "1",
        }
        ids["person"] = person_id("A1")
        yield Scene(server=server, client=caller, ids=ids)


async def _enrol(node: object, token: str) -> str:
    from venues.identity import NodeKey, enrol_message
    from web.node import Node

    assert isinstance(node, Node)
    key = NodeKey.make(b"k" * 32)
    record = await node.enrolment.enrol(token, key.public, key.sign(enrol_message(token, key.public)))
    return record.id


def body_for(route: Route, scene: Scene) -> object:
    if route.body is None:
        return None
    bodies: dict[str, object] = {
        "LectureIn": {"title": "x", "venue": int(scene.ids["venue"])},
        "CheckInIn": {"name": "x"},
        "UndoIn": {"event": "x"},
        "ErasureIn": {"number": "1"},
        "MergeIn": {"number": "x"},
        "NumberIn": {"number": "x"},
        "BadgeShown": {"payload": "x"},
        "IssueIn": {"venue": int(scene.ids["venue"])},
        "RevokeIn": {"card": scene.ids["card"], "reason": "x"},
        "LayoutIn": {"layout": "auto"},
        "PolicyIn": {"name": "x", "rules": dataclasses.asdict(Rules())},
        "PolicyChoice": {"version": 1},
        "CorrectionIn": {"state": "absent", "reason": "x"},
        "FreezeIn": {"reason": "x"},
        "WhoIn": {"person": "x"},
        "ReasonedIn": {"person": "x", "reason": "x"},
        "StatementIn": {"person": "x", "reason": "x", "state": "absent"},
        "ManyIn": {"people": [{"person": "x"}]},
        "HeadcountIn": {"people": 1},
        "ReopenIn": {"reason": "x"},
        "TakeBackIn": {"event": "x", "reason": "x"},
        "PictureIn": {
            "screen": "one-screen",
            "periods": [{"number": 1, "ago_ms": 0, "span_ms": 1, "picture_ms": 0, "sound_ms": 0}],
        },
        "ScreenRung": {"rung": "auto"},
        "EventsIn": {"events": []},
        "HeartbeatIn": {"sent_at": "x", "revision_base": 0, "report": {}, "below": []},
    }
    return bodies.get(route.body.__name__, {})


def query_for(route: Route, scene: Scene) -> str:
    needed = {"FrameQuery": "?width=8&height=8"}.get(route.query.__name__ if route.query else "")
    return needed or (f"?venue={scene.ids['venue']}" if "{venue}" not in route.open_path else "")


def test_the_public_routes_are_the_ones_that_have_a_reason() -> None:
    assert {label(route) for route in ROUTES if route.access is Access.PUBLIC} <= set(PUBLIC)


def test_only_public_routes_are_anonymous() -> None:
    assert all(route.access is Access.PUBLIC for route in ROUTES if route.anonymous)


def test_staff_routes_say_which_venue_they_touch() -> None:
    unbound = {label(route) for route in ROUTES if route.access in STAFF and route.target is None}
    assert unbound <= UNBOUND


def test_no_two_routes_are_alike() -> None:
    labels = [label(route) for route in ROUTES]
    assert len(set(labels)) == len(labels)


async def test_nobody_comes_in_without_signing_in(scene: Scene) -> None:
    for route in GUARDED:
        answer = await scene.client(route.method, scene.path(route), body_for(route, scene), headers=ELSEWHERE)
        if route.page and route.method == "GET":
            assert answer.status == 303, label(route)
            assert answer.headers["Location"].startswith("/sign-in?next="), label(route)
        else:
            assert answer.status == 401, label(route)


async def test_a_forged_or_expired_bearer_is_nobody(scene: Scene) -> None:
    tokens = scene.server.node.tokens
    expired = await tokens.issue(TokenKind.API, "script", 1, ttl=dt.timedelta(seconds=-1))
    for scene.client.bearer in ("x", expired):
        for route in GUARDED:
            answer = await scene.client(route.method, scene.path(route), body_for(route, scene))
            assert answer.status in (401, 303), label(route)


async def test_the_wrong_role_is_refused_everywhere(scene: Scene) -> None:
    for access, role in WRONG_ROLE.items():
        async with client(scene.server.url) as caller:
            assert (await caller.sign_in(f"{role.value} of mine")).status == 201
            for route in (route for route in GUARDED if route.access is access):
                answer = await caller(route.method, scene.path(route), body_for(route, scene))
                assert answer.status == 403, label(route)
                assert route.page or answer.code == "wrong_role", label(route)


@pytest.mark.parametrize("kind", [TokenKind.NODE, TokenKind.VIEW, TokenKind.PUBLISH])
async def test_machines_have_no_business_on_the_routes_of_people(scene: Scene, kind: TokenKind) -> None:
    venue = int(scene.ids["venue"])
    scene.client.bearer = await scene.server.node.tokens.issue(
        kind, scene.ids["node"], venue, scene.ids["lecture"], ttl=dt.timedelta(hours=1)
    )
    for route in (route for route in GUARDED if route.access in STAFF):
        answer = await scene.client(route.method, scene.path(route), body_for(route, scene))
        assert answer.status == 403, label(route)


async def test_a_user_of_another_subtree_is_refused_everywhere(scene: Scene) -> None:
    bound = [route for route in GUARDED if route.access in STAFF and route.target is not None]
    assert len(bound) > 15
    async with client(scene.server.url) as caller:
        assert (await caller.sign_in("organizer of other")).status == 201
        for route in bound:
            filled_in = {"venue": scene.ids["venue"], "card": scene.ids["card"], "csrf": caller.csrf}
            form = {"data": filled_in} if route.form else {}
            answer = await caller(
                route.method, scene.path(route) + query_for(route, scene), body_for(route, scene), **form
            )
            assert answer.status == 403, label(route)
            assert route.page or answer.code == "outside_subtree", label(route)


async def test_lists_are_cut_to_the_callers_subtree(scene: Scene) -> None:
    async with client(scene.server.url) as caller:
        await caller.sign_in("organizer of other")
        assert (await caller("GET", "/api/lectures")).body == {"lectures": []}
        assert (await caller("GET", "/api/nodes")).body == {"nodes": []}
        assert (await caller("GET", "/api/venues?q=南明")).body == {"venues": []}
        found = (await caller("GET", "/api/venues?q=红花岗")).body["venues"]
        assert [venue["code"] for venue in found] == ["520302"]


async def test_ones_own_subtree_is_open(scene: Scene) -> None:
    async with client(scene.server.url) as caller:
        await caller.sign_in("organizer of mine")
        lecture, venue = scene.ids["lecture"], scene.ids["venue"]
        for path in (
            f"/api/venues/{venue}",
            f"/api/venues/{venue}/children",
            "/api/lectures",
            f"/api/lectures/{lecture}",
            f"/api/lectures/{lecture}/stream",
            f"/api/lectures/{lecture}/report",
            f"/api/lectures/{lecture}/report.csv",
            f"/api/lectures/{lecture}/names?which=expected",
            f"/api/lectures/{lecture}/names.csv?which=expected",
            "/api/nodes",
            "/api/node",
        ):
            answer = await caller("GET", path)
            assert answer.status == 200, path
        for step in ("start", "stop"):
            assert (await caller("POST", f"/api/lectures/{lecture}/{step}")).status == 200
        for kind, scheme in (("publish", "whip"), ("view", "whep")):
            answer = await caller("POST", f"/api/lectures/{lecture}/{kind}-token")
            assert answer.status == 201
            assert answer.body["url"] == f"{scene.server.url}/{scheme}/{lecture}"
            grant = await scene.server.node.tokens.check(answer.body["token"])
            assert grant is not None
            assert (grant.kind.value, grant.lecture_id) == (kind, lecture)


async def test_a_lecture_of_the_province_may_be_seen_but_not_moved_from_below(scene: Scene) -> None:
    lecture = await scene.server.node.lectures.create("省课", 1)
    async with client(scene.server.url) as caller:
        await caller.sign_in("organizer of other")
        assert (await caller("GET", f"/api/lectures/{lecture.id}")).status == 200
        assert (await caller("POST", f"/api/lectures/{lecture.id}/view-token")).status == 201
        assert (await caller("POST", f"/api/lectures/{lecture.id}/publish-token")).code == "outside_subtree"
        assert (await caller("POST", f"/api/lectures/{lecture.id}/stop")).code == "outside_subtree"
        assert (await caller("GET", f"/api/lectures/{lecture.id}/roll-call")).code == "outside_subtree"
