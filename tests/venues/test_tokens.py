from __future__ import annotations

import asyncio
import datetime as dt
import threading

import pytest

import venues.tokens
from tests.venues.world import START, Clock, Entropy
from venues import Database, Grant, TokenKind, TokenStore
from venues.tokens import TokensUnavailable

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def tokens(database: Database, clock: Clock, entropy: Entropy) -> TokenStore:
    return TokenStore(database, clock, entropy)


async def test_a_token_until_it_expires(tokens: TokenStore, clock: Clock) -> None:
    secret = await tokens.issue(TokenKind.VIEW, "screen", 7, "lecture", ttl=HOUR)
    assert len(secret) == 43
    expected = Grant(kind=TokenKind.VIEW, subject="screen", venue_id=7, lecture_id="lecture", expires_at=START + HOUR)
    assert await tokens.check(secret) == expected
    clock.move(3599)
    assert await tokens.check(secret) == expected
    clock.move(1)
    assert await tokens.check(secret) is None


async def test_unknown_secrets(tokens: TokenStore) -> None:
    assert await tokens.check("") is None
    assert await tokens.check("中文") is None
    await tokens.revoke("unknown")


async def test_revoking_counts_at_once(tokens: TokenStore) -> None:
    secret = await tokens.issue(TokenKind.SESSION, "li", 1, ttl=HOUR)
    assert await tokens.check(secret)
    await tokens.revoke(secret)
    assert await tokens.check(secret) is None


async def test_revoking_a_subject(tokens: TokenStore) -> None:
    mine = [await tokens.issue(TokenKind.SESSION, "li", 1, ttl=HOUR) for _ in range(2)]
    others = [
        await tokens.issue(TokenKind.API, "li", 1, ttl=HOUR),
        await tokens.issue(TokenKind.SESSION, "wang", 1, ttl=HOUR),
    ]
    assert all([await tokens.check(secret) for secret in mine + others])
    await tokens.revoke_subject(TokenKind.SESSION, "li")
    assert not any([await tokens.check(secret) for secret in mine])
    assert all([await tokens.check(secret) for secret in others])


async def test_many_at_once_and_one_of_them_is_revoked_on_its_way(tokens: TokenStore, database: Database) -> None:
    stalled = threading.Event()
    busy = asyncio.create_task(database.write(lambda connection: stalled.wait(30)))
    issues = []
    for n in range(1, 20):
        issues.append(asyncio.create_task(tokens.issue(TokenKind.NODE, f"n{n}", n, ttl=HOUR)))
        await asyncio.sleep(0.001)  # the first is on its way alone, the others wait for it
    revoking = asyncio.create_task(tokens.revoke_subject(TokenKind.NODE, "n7"))
    await asyncio.sleep(0)
    stalled.set()
    await asyncio.gather(busy, revoking)
    grants = [await tokens.check(secret) for secret in await asyncio.gather(*issues)]
    assert [grant and grant.subject for grant in grants] == [None if n == 7 else f"n{n}" for n in range(1, 20)]


async def test_revoking_elsewhere_counts_within_a_second(
    tokens: TokenStore, database: Database, clock: Clock, entropy: Entropy
) -> None:
    secret = await tokens.issue(TokenKind.SESSION, "li", 1, ttl=HOUR)
    assert await tokens.check(secret)
    await TokenStore(database, clock, entropy).revoke(secret)
    clock.move(1)
    assert await tokens.check(secret) is None


async def test_the_database_holds_no_secret(tokens: TokenStore, database: Database) -> None:
    secret = await tokens.issue(TokenKind.API, "script", 1, ttl=HOUR)
    rows = await database.read(lambda connection: connection.exec_driver_sql("SELECT * FROM token").all())
    assert len(rows) == 1
    assert secret not in str(rows)


async def test_old_tokens_are_forgotten(tokens: TokenStore, database: Database, clock: Clock) -> None:
    await tokens.issue(TokenKind.VIEW, "a", 1, ttl=HOUR)
    clock.move(2 * 86400)
    await tokens.issue(TokenKind.VIEW, "b", 1, ttl=HOUR)
    rows = await database.read(lambda connection: connection.exec_driver_sql("SELECT subject FROM token").all())
    assert [row[0] for row in rows] == ["b"]


async def test_the_door_goes_on_while_the_database_stalls(
    tokens: TokenStore, database: Database, clock: Clock, entropy: Entropy, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_a_command = TokenStore(database, clock, entropy)
    known = await tokens.issue(TokenKind.VIEW, "screen", 7, ttl=HOUR)
    unseen = await by_a_command.issue(TokenKind.VIEW, "screen", 7, ttl=HOUR)
    assert await tokens.check(known)
    stalled = threading.Event()
    waits = [database.read(lambda connection: stalled.wait(30)) for _ in range(4)]  # every reader
    busy = asyncio.gather(*waits)
    await asyncio.sleep(0)  # until they are in the queue
    monkeypatch.setattr(venues.tokens, "_PATIENCE_S", 0.05)
    try:
        clock.move(5)
        assert await tokens.check(known)
        with pytest.raises(TokensUnavailable):
            await tokens.check(unseen)
        clock.move(5)
        with pytest.raises(TokensUnavailable):
            await tokens.check(known)
    finally:
        stalled.set()
        await busy
    monkeypatch.undo()
    clock.move(2)
    assert await tokens.check(known)
    assert await tokens.check(unseen)


async def test_the_cache_is_bounded(tokens: TokenStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venues.tokens, "_CACHE_LIMIT", 2)
    secrets = [await tokens.issue(TokenKind.VIEW, str(i), 1, ttl=HOUR) for i in range(4)]
    for _ in range(2):
        assert all([await tokens.check(secret) for secret in secrets])
        assert len(tokens._cache) <= 2
        clock.move(5)
