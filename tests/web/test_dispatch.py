"""What comes in wrong goes out in one shape, with the right code, and never as a 500."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.nodes import PASSWORD, Client, add_user, client, make_node, plant, serving
from venues.tree import Venue
from web.app import Server, declared_routes
from web.policy import Role

NO_LECTURE = "0192f0c1-2345-7abc-8def-0123456789ab"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(make_node(tmp_path)) as server:
        venues = await plant(server.node)
        await add_user(server.node, "organizer", Role.ORGANIZER, venues["52"].id)
        yield server


@pytest.fixture
async def caller(server: Server) -> AsyncIterator[Client]:
    async with client(server.url) as caller:
        await caller.sign_in("organizer")
        yield caller


def is_error(body: Any) -> bool:
    return set(body) == {"error"} and set(body["error"]) == {"code", "message"} and bool(body["error"]["message"])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/venues/999999", 404, "venue_unknown"),
        ("GET", "/api/venues/99999999999999999999", 404, "not_found"),
        ("GET", "/api/venues/-1", 404, "not_found"),
        ("GET", f"/api/lectures/{NO_LECTURE}", 404, "lecture_unknown"),
        ("GET", "/api/lectures/%00%ff", 404, "lecture_unknown"),
        ("GET", f"/api/lectures/{NO_LECTURE}/roll-call", 404, "lecture_unknown"),
        ("GET", f"/api/lectures/{NO_LECTURE}/report", 404, "lecture_unknown"),
        ("GET", f"/api/lectures/{NO_LECTURE}/report?venue=999999", 404, "venue_unknown"),
        ("GET", f"/api/lectures/{NO_LECTURE}/report?venue=x", 422, "invalid"),
        ("GET", f"/api/lectures/{NO_LECTURE}/names?which=all", 422, "invalid"),
        ("GET", f"/api/lectures/{NO_LECTURE}/names?limit=1000000", 422, "invalid"),
        ("GET", f"/api/lectures/{NO_LECTURE}/names?surprise=1", 422, "invalid"),
        ("GET", "/api/venues", 422, "invalid"),
        ("POST", "/api/nodes/nobody/revoke", 404, "node_unknown"),
        ("PUT", "/api/lectures", 405, "method_not_allowed"),
        ("GET", "/api/node/changes", 403, "wrong_role"),
    ],
)
async def test_what_is_not_there_or_not_right(caller: Client, method: str, path: str, status: int, code: str) -> None:
    answer = await caller(method, path)
    assert (answer.status, answer.code) == (status, code)
    assert is_error(answer.body)


async def test_a_wrong_method_says_which_are_right(caller: Client) -> None:
    assert "POST" in (await caller("PUT", "/api/lectures")).headers["Allow"]


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"[]", 400, "bad_json"),
        (b'"text"', 400, "bad_json"),
        (b"\xff\xfe", 400, "bad_json"),
        (b"[" * 60_000, 400, "bad_json"),
        (b"{}", 422, "invalid"),
        (b'{"title": "", "venue": 1}', 422, "invalid"),
        (b'{"title": "x", "venue": "one"}', 422, "invalid"),
        (b'{"title": "x", "venue": 1e300}', 422, "invalid"),
        (b'{"title": "x", "venue": 99999999999999999999999}', 422, "invalid"),
        (b'{"title": "\\ud800"}', 422, "invalid"),
        (b'{"title": "x\\u0000y"}', 422, "lecture_title_invalid"),
        (b'{"title": "x", "starts_at": "tomorrow"}', 422, "invalid"),
        (b'{"title": "x", "starts_at": "2026-11-22T02:00:00"}', 422, "invalid"),
        (b'{"title": "x", "surprise": 1}', 422, "invalid"),
        (b'{"title": "' + b"x" * 70_000 + b'"}', 413, "too_large"),
    ],
)
async def test_bodies_that_cannot_be_used(caller: Client, raw: bytes, status: int, code: str) -> None:
    answer = await caller("POST", "/api/lectures", data=raw, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (status, code)
    assert is_error(answer.body)


async def test_a_body_without_a_length_is_measured_too(caller: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"title": "'
        for _ in range(100):
            yield b"x" * 1000
        yield b'"}'

    answer = await caller("POST", "/api/lectures", data=chunks())
    assert (answer.status, answer.code) == (413, "too_large")


async def test_an_invalid_body_says_what_is_wrong_with_which_field(caller: Client) -> None:
    answer = await caller("POST", "/api/lectures", {"title": "", "venue": 0})
    assert "title:" in answer.body["error"]["message"]
    assert "venue:" in answer.body["error"]["message"]


_JUNK: tuple[Any, ...] = (
    None,
    {},
    [],
    {"": ""},
    {"code": "💥" * 50, "name": "\x00", "number": "‮"},
    {"person": "x" * 64, "number": "x", "name": "y"},
    {"event": "not a uuid", "reason": "x"},
    {"name": "张" * 200, "number": "9" * 64, "event": "not a uuid"},
    {"token": "é" * 100, "public_key": "é", "proof": "é"},
    {"node": "\x00", "nonce": "é", "signature": "é"},
    {"events": [None, 1, "x", {}, {"id": 5}, {"id": "\ud800"}]},
    {"sent_at": "x", "revision_base": -1, "report": {"version": 1}, "below": [1]},
    {"title": "x", "venue": 2**31},
    {"expires_in_s": 10**12, "replace": "maybe"},
    {"name": "organizer", "password": "\ud800"},
)


async def test_no_route_answers_junk_with_a_500(server: Server, caller: Client) -> None:
    """Every declared route with every kind of junk in its path, its query and its body, from callers of each kind in
    turn."""
    import datetime as dt

    from venues.tokens import TokenKind

    venues: list[Venue] = await server.node.venues.subtree(1)
    lecture = await server.node.lectures.create("党课", 1)
    bearers = {
        kind: await server.node.tokens.issue(kind, "junk", venues[0].id, lecture.id, ttl=dt.timedelta(hours=1))
        for kind in (TokenKind.API, TokenKind.NODE, TokenKind.PUBLISH, TokenKind.VIEW)
    }
    each = itertools.cycle(bearers.values())
    for route in declared_routes():
        if (route.method, route.path) in {("GET", "/api/node/changes"), ("DELETE", "/api/session")}:
            continue  # the one waits for 25 s, the other ends what we need
        for ids in ({"lecture": lecture.id, "venue": "1"}, {"lecture": "%00", "venue": "7"}, {"lecture": "💥"}):
            path = re.sub(r"\{(\w+)\}", lambda found, ids=ids: ids.get(found[1], "x"), route.open_path)
            for junk in _JUNK if route.method in ("POST", "PATCH") else _JUNK[:1]:
                body = None if junk is None else json.dumps(junk).encode()
                some = bearers.values() if junk is None else [next(each)]
                for bearer in some:
                    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
                    answer = await caller(route.method, f"{path}?q=%ff%00&venue=%00", data=body, headers=headers)
                    assert answer.status < 500, (route.method, path, junk, answer.body)


async def test_errors_speak_the_callers_language(caller: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await caller("GET", "/api/nothing", headers={"Accept-Language": "en"})
    assert answer.body["error"]["message"] == "There is nothing here."
    answer = await caller("GET", "/api/nothing", headers={"Accept-Language": "zh-CN"})
    assert answer.body["error"]["message"] != "There is nothing here."


async def test_a_bug_is_a_500_in_the_same_shape_and_goes_to_the_log(
    server: Server, caller: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await server.node.db.write(lambda connection: connection.exec_driver_sql("DROP TABLE lecture"))
    answer = await caller("GET", "/api/lectures")
    assert (answer.status, answer.code) == (500, "internal")
    assert "lecture" not in answer.body["error"]["message"]
    assert any(record.exc_info and "failed" in record.message for record in caplog.records)


async def test_pages_show_errors_as_pages_and_send_strangers_to_sign_in(server: Server, caller: Client) -> None:
    html = {"Accept": "text/html"}
    missing = await caller("GET", "/nowhere", headers=html)
    assert missing.status == 404
    assert missing.headers["Content-Type"].startswith("text/html")
    async with client(server.url) as stranger:
        answer = await stranger("GET", "/venues?q=a&b=c", headers=html)
        assert answer.status == 303
        assert answer.headers["Location"] == "/sign-in?next=/venues?q%3Da%26b%3Dc"


async def test_every_answer_carries_the_headers_that_browsers_heed(server: Server, caller: Client) -> None:
    for path in ("/sign-in", "/api/lectures", "/nowhere"):
        headers = (await caller("GET", path, headers={"Accept": "text/html"})).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        if headers.get("Content-Type", "").startswith("text/html"):
            assert "default-src 'self'" in headers["Content-Security-Policy"], path
            assert "unsafe" not in headers["Content-Security-Policy"], path


async def test_health_and_style_sheets_do_not_touch_the_store(server: Server, caller: Client) -> None:
    await server.node.db.close()
    answer = await caller("GET", "/healthz")
    assert (answer.status, answer.body) == (200, {"status": "ok"})
    assert (await caller("GET", "/static/tongtang.css")).status == 200
    assert (await caller("GET", "/static/..%2fnode.py")).status == 404


async def test_a_password_in_a_body_never_comes_back(caller: Client) -> None:
    answer = await caller("POST", "/api/session", {"name": "x" * 300, "password": PASSWORD})
    assert answer.status == 422
    assert PASSWORD not in json.dumps(answer.body)
