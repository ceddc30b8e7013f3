from __future__ import annotations

import datetime as dt
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from venues.database import Database
from venues.store import VenueStore
from venues.tokens import TokenKind, TokenStore
from venues.tree import Level, VenueRow
from web.machine import utc_now
from web.policy import Role
from web.store import User, UserElsewhere, UserExists, UserStore, UserUnknown, name_key, remembered

LEVELS = [Level(key="province", zh="省", en="Province"), Level(key="city", zh="市", en="City")]
ROWS = [
    VenueRow(1, "52", "贵州", "province", ""),
    VenueRow(2, "5201", "贵阳", "city", "52"),
    VenueRow(3, "5203", "遵义", "city", "52"),
]


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database(f"sqlite:///{tmp_path}/web.db")
    await db.create_tables()
    await VenueStore(db).import_rows(ROWS, LEVELS)
    yield db
    await db.close()


@pytest.fixture
async def child_db(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database(f"sqlite:///{tmp_path}/child.db")
    await db.create_tables()
    yield db
    await db.close()


def user(name: str, venue: int = 1, **more: object) -> User:
    return User(**{"name": name, "role": Role.OPERATOR, "venue_id": venue, "password_hash": "$x"} | more)  # type: ignore[arg-type]


async def test_names_are_found_in_any_letter_case_and_width(db: Database) -> None:
    users = UserStore(db, os.urandom, utc_now)
    await users.add(user("Ｌi Na"))
    found = await users.get(" li na ")
    assert found == user("Ｌi Na")
    assert name_key("ＬＩ NA") == "li na"
    with pytest.raises(UserExists):
        await users.add(user("LI NA"))


async def test_changes_are_kept_and_unknown_names_refused(db: Database) -> None:
    users = UserStore(db, os.urandom, utc_now)
    await users.add(user("a"))
    await users.change("A", password_hash="$y", disabled=True)
    assert await users.get("a") == user("a", password_hash="$y", disabled=True)
    with pytest.raises(UserUnknown):
        await users.change("b", disabled=True)


async def test_a_child_gets_its_subtree_and_never_its_ancestors(db: Database, child_db: Database) -> None:
    parent, child = UserStore(db, os.urandom, utc_now), UserStore(child_db, os.urandom, utc_now)
    venues = VenueStore(db)
    city, other = await venues.by_code("5201"), await venues.by_code("5203")
    for each in (user("root", 1), user("mine", city.id), user("theirs", other.id)):
        await parent.add(each)
    await child.replace(await parent.export(city.id))
    assert [each.name for each in await child.list()] == ["mine"]
    assert [each.name for each in await parent.list(within=1)] == ["mine", "root", "theirs"]


async def test_replacing_keeps_users_made_here_and_lets_the_parent_win(db: Database, child_db: Database) -> None:
    parent, child = UserStore(db, os.urandom, utc_now), UserStore(child_db, os.urandom, utc_now)
    await child.add(user("local"))
    await child.add(user("both", password_hash="$child"))
    await parent.add(user("both", password_hash="$parent"))
    await parent.add(user("gone"))
    await child.replace(await parent.export(1))
    both = await child.get("both")
    assert both is not None
    assert both.password_hash == "$parent"
    await parent.change("gone", disabled=True)
    content = [each for each in await parent.export(1) if each["name"] != "gone"]  # type: ignore[attr-defined]
    await child.replace(content)
    assert [each.name for each in await child.list()] == ["both", "local"]


@pytest.mark.parametrize("content", [None, {}, ["x"], [{"name": "a"}], [{"name": "a", "role": "king"}]])
async def test_malformed_content_changes_nothing(db: Database, content: object) -> None:
    users = UserStore(db, os.urandom, utc_now)
    await users.add(user("a"))
    with pytest.raises(ValueError, match="validation error"):
        await users.replace(content)
    assert [each.name for each in await users.list()] == ["a"]


async def test_a_new_password_and_disabling_end_the_sessions_here_and_below(db: Database, child_db: Database) -> None:
    parent, child = UserStore(db, os.urandom, utc_now), UserStore(child_db, os.urandom, utc_now)
    tokens, below = TokenStore(db, utc_now, os.urandom), TokenStore(child_db, utc_now, os.urandom)

    async def session(at: TokenStore) -> str:
        return await at.issue(TokenKind.SESSION, "a", 1, ttl=dt.timedelta(hours=1))

    await parent.add(user("a"))
    await child.replace(await parent.export(1))
    for change in ({"password_hash": "$new"}, {"disabled": True}):
        here, there = await session(tokens), await session(below)
        await parent.change("A", **change)  # type: ignore[arg-type]
        assert await tokens.check(here) is None
        assert await below.check(there) is not None
        below.forget(TokenKind.SESSION, "a")
        await child.replace(await parent.export(1))
        assert await below.check(there) is None
    here = await session(tokens)
    await parent.change("a", disabled=False)
    assert await tokens.check(here) is not None
    await child.replace(await parent.export(1))
    there = await session(below)
    await child.replace(await parent.export(1))
    assert await below.check(there) is not None  # nothing has changed
    below.forget(TokenKind.SESSION, "a")
    with pytest.raises(UserElsewhere):
        await child.change("a", disabled=True)
    await child.replace([])
    assert await below.check(there) is None


async def test_the_version_changes_with_users_and_with_the_tree(db: Database) -> None:
    users = UserStore(db, os.urandom, utc_now)
    seen = [await users.version(1)]
    assert await users.version(1) == seen[0]
    await users.add(user("a"))
    seen.append(await users.version(1))
    await users.change("a", disabled=True)
    seen.append(await users.version(1))
    await VenueStore(db).import_rows([VenueRow(1, "5204", "安顺", "city", "52")], LEVELS)
    seen.append(await users.version(1))
    assert len(set(seen)) == 4
    assert await users.version(2) != seen[-1]


async def test_something_remembered_is_made_once(db: Database) -> None:
    assert await remembered(db, "k", lambda: "first") == "first"
    assert await remembered(db, "k", lambda: "second") == "first"
