from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.nodes import PASSWORD, Client, add_user, client, make_node, plant, serving
from venues.tokens import TokenKind
from web.app import Server
from web.attempts import AttemptLimits
from web.passwords import Passwords
from web.policy import Role

LIMITS = AttemptLimits(sign_in_by_name="5/minute", sign_in_by_address="12/minute")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(make_node(tmp_path, limits=LIMITS)) as server:
        venues = await plant(server.node)
        await add_user(server.node, "Wang Fang", Role.ORGANIZER, venues["52"].id)
        await add_user(server.node, "gone", Role.ORGANIZER, venues["52"].id, disabled=True)
        yield server


@pytest.fixture
async def caller(server: Server) -> AsyncIterator[Client]:
    async with client(server.url) as caller:
        yield caller


async def test_a_session_lives_in_a_cookie_that_scripts_and_other_sites_do_not_get(caller: Client) -> None:
    answer = await caller.sign_in("wang fang")
    assert answer.status == 201
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Max-Age=43200" in cookie
    shown = await caller("GET", "/api/session")
    assert shown.body["user"] == {"name": "Wang Fang", "role": "organizer", "venue": 1}
    assert shown.body["csrf"] == answer.body["csrf"]


async def test_where_https_ends_at_a_trusted_proxy_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    node = make_node(tmp_path, web={"trusted_proxies": ["127.0.0.1"]})
    async with serving(node) as server, client(server.url) as caller:
        await add_user(node, "a", Role.ORGANIZER, (await plant(node))["52"].id)
        caller.headers = {"X-Forwarded-Proto": "https"}
        cookie = (await caller.sign_in("a")).headers["Set-Cookie"]
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "Domain" not in cookie


async def test_nobody_else_is_believed_about_https_or_addresses(caller: Client) -> None:
    caller.headers = {"X-Forwarded-Proto": "https"}
    assert "Secure" not in (await caller.sign_in("Wang Fang")).headers["Set-Cookie"]


@pytest.mark.parametrize(("name", "password"), [("Wang Fang", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD)])
async def test_wrong_password_unknown_name_and_disabled_user_look_alike(
    caller: Client, name: str, password: str
) -> None:
    answer = await caller.sign_in(name, password)
    assert (answer.status, answer.code) == (401, "bad_credentials")
    assert answer.body["error"]["message"] == "The user name or the password is wrong."
    assert "Set-Cookie" not in answer.headers


async def test_an_unknown_name_costs_the_same_work() -> None:
    calls: list[str] = []

    class Counting:
        def hash(self, password: str) -> str:
            return "stored"

        def verify(self, stored: str, password: str) -> bool:
            calls.append(stored)
            return True

    passwords = Passwords(Counting())  # type: ignore[arg-type]
    assert await passwords.verify("known", "x")
    assert not await passwords.verify(None, "x")
    assert len(calls) == 2


async def test_too_many_attempts_by_name_then_by_address(server: Server, caller: Client) -> None:
    for _ in range(5):
        assert (await caller.sign_in("Wang Fang", "wrong")).status == 401
    refused = await caller.sign_in("WANG FANG")
    assert (refused.status, refused.code) == (429, "too_many_attempts")
    assert int(refused.headers["Retry-After"]) > 0
    async with client(server.url) as other:
        answers = [await other.sign_in(f"name {number}") for number in range(12)]
    assert {answer.status for answer in answers[:4]} == {401}
    assert answers[-1].status == 429


async def test_signing_out_ends_the_session_at_the_server(caller: Client) -> None:
    answer = await caller.sign_in("Wang Fang")
    secret = answer.headers["Set-Cookie"].split(";")[0]
    assert (await caller("DELETE", "/api/session")).status == 204
    again = await caller("GET", "/api/session", headers={"Cookie": secret})
    assert (again.status, again.code) == (401, "unauthenticated")
    assert again.headers["WWW-Authenticate"] == "Bearer"


async def test_a_disabled_user_is_out_at_once(server: Server, caller: Client) -> None:
    await caller.sign_in("Wang Fang")
    await server.node.users.change("Wang Fang", disabled=True)
    assert (await caller("GET", "/api/session")).status == 401


async def test_a_change_with_a_session_needs_the_token_of_that_session(server: Server, caller: Client) -> None:
    await caller.sign_in("Wang Fang")
    lecture = {"title": "党课"}
    for token in ("", "wrong", "令牌".encode().decode("latin-1")):
        answer = await caller("POST", "/api/lectures", lecture, headers={"X-CSRF-Token": token})
        assert (answer.status, answer.code) == (403, "csrf_failed")
    async with client(server.url) as other:
        await other.sign_in("Wang Fang")
        foreign = await caller("POST", "/api/lectures", lecture, headers={"X-CSRF-Token": other.csrf})
        assert foreign.code == "csrf_failed"
    assert (await caller("POST", "/api/lectures", lecture)).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_other_sites_are_refused_even_with_everything_else_right(caller: Client, headers: dict[str, str]) -> None:
    await caller.sign_in("Wang Fang")
    answer = await caller("POST", "/api/lectures", {"title": "党课"}, headers=headers)
    assert (answer.status, answer.code) == (403, "cross_site")
    forged = await caller("POST", "/api/session", {"name": "Wang Fang", "password": PASSWORD}, headers=headers)
    assert forged.code == "cross_site"


async def test_ones_own_pages_are_not(server: Server, caller: Client) -> None:
    await caller.sign_in("Wang Fang")
    headers = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    assert (await caller("POST", "/api/lectures", {"title": "党课"}, headers=headers)).status == 201


async def test_signing_in_again_needs_no_token_of_the_old_session(caller: Client) -> None:
    await caller.sign_in("Wang Fang")
    caller.csrf = ""
    assert (await caller.sign_in("Wang Fang")).status == 201


async def test_a_script_needs_its_token_only(server: Server) -> None:
    token = await server.node.tokens.issue(TokenKind.API, "script", 1, ttl=dt.timedelta(hours=1))
    async with client(server.url, bearer=token) as script:
        answer = await script(
            "POST", "/api/lectures", {"title": "党课"}, headers={"Origin": "https://elsewhere.example"}
        )
        assert answer.status == 201
        script.bearer = token[:-1]
        assert (await script("GET", "/api/lectures")).status == 401
    async with client(server.url, bearer=token) as script:
        await server.node.tokens.revoke(token)
        assert (await script("GET", "/api/lectures")).status == 401


async def test_a_session_is_no_bearer_and_a_bearer_no_session(server: Server, caller: Client) -> None:
    answer = await caller.sign_in("Wang Fang")
    name, _, secret = answer.headers["Set-Cookie"].split(";")[0].partition("=")
    token = await server.node.tokens.issue(TokenKind.API, "script", 1, ttl=dt.timedelta(hours=1))
    async with client(server.url, bearer=secret) as script:
        assert (await script("GET", "/api/lectures")).status == 401
    async with client(server.url, headers={"Cookie": f"{name}={token}"}) as browser:
        assert (await browser("GET", "/api/lectures")).status == 401


async def test_two_nodes_on_one_host_do_not_share_a_cookie(tmp_path: Path) -> None:
    one, two = make_node(tmp_path / "one"), make_node(tmp_path / "two")
    async with serving(one) as first, serving(two) as second, client(first.url) as caller:
        for node in (one, two):
            await add_user(node, "a", Role.ORGANIZER, (await plant(node))["52"].id)
        await caller.sign_in("a")
        at_first = caller.csrf
        caller.url = second.url
        await caller.sign_in("a")
        caller.url, caller.csrf = first.url, at_first
        assert (await caller("POST", "/api/lectures", {"title": "x"})).status == 201


async def test_hashing_does_not_stop_the_loop() -> None:
    passwords = Passwords()
    stored = await passwords.hash("x")
    assert stored.startswith("$argon2id$")
    checking = asyncio.ensure_future(passwords.verify(stored, "x"))
    turns = 0
    while not checking.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 1
    assert await checking


async def test_a_screen_outlives_the_session_under_which_it_was_opened_and_is_nothing_but_a_screen(
    server: Server, caller: Client
) -> None:
    venue = server.node.require_venue()
    lecture = await server.node.lectures.create("lecture", venue.id)
    await caller.sign_in("Wang Fang")
    await caller("GET", "/screen")
    await server.node.tokens.revoke_subject(TokenKind.SESSION, "Wang Fang")
    page = await caller("GET", "/screen")
    assert page.status == 200
    assert (await caller("GET", "/api/screen")).status == 200
    caller.csrf = re.findall(r'csrf-token" content="([^"]+)"', page.body)[0]
    assert (await caller("POST", f"/api/lectures/{lecture.id}/view-token", {})).status == 201
    assert (await caller("POST", f"/api/lectures/{lecture.id}/publish-token", {})).status == 401
    assert (await caller("GET", f"/api/lectures/{lecture.id}/roll-call")).status == 401
    assert (await caller("GET", "/lectures")).headers["Location"] == "/sign-in?next=/lectures"
    assert (await caller("GET", "/sign-in?next=/lectures")).status == 200  # and does not lead back
    await caller.sign_in("Wang Fang")
    await caller("DELETE", "/api/session", {})
    assert (await caller("GET", "/api/screen")).status == 401
