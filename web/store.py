"""Users: kept here, and handed to those child nodes to whose subtree they belong."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, TypeAdapter
from sqlalchemy.engine import Connection, Row

from venues import token_store
from venues.database import Database
from venues.errors import TongtangError
from venues.store import set_meta
from venues.tables import meta, venue_closure
from venues.tokens import TokenKind
from web.policy import Role
from web.tables import user_account


class UserExists(TongtangError):
    """There is already a user with the name "{name}"."""

    code = "user_exists"
    status = 409


class UserUnknown(TongtangError):
    """There is no user with the name "{name}"."""

    code = "user_unknown"
    status = 404


class UserElsewhere(TongtangError):
    """The user "{name}" comes from the venue above; change it there."""

    code = "user_elsewhere"
    status = 409


@dataclass(frozen=True, kw_only=True)
class User:
    """`password_hash` is an argon2id string. The role holds in the subtree of `venue_id`."""

    name: str
    role: Role
    venue_id: int
    password_hash: str
    disabled: bool = False


class _UserOnTheWire(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    role: Role
    venue: int
    password_hash: str
    disabled: bool


_CONTENT = TypeAdapter(list[_UserOnTheWire])
_STAMP, _TREE = "web.users.stamp", "tree_version"
_HERE, _PARENT = "here", "parent"


class UserStore:
    """Also the collection "users" (venues.collections). `entropy(n)` gives n random bytes, `now` aware UTC."""

    name = "users"

    def __init__(self, db: Database, entropy: Callable[[int], bytes], now: Callable[[], dt.datetime]) -> None:
        self._db = db
        self._entropy = entropy
        self._now = now

    async def get(self, name: str) -> User | None:
        key = name_key(name)
        row = await self._db.read(
            lambda c: c.execute(sa.select(user_account).where(user_account.c.name_key == key)).one_or_none()
        )
        return _user(row) if row else None

    async def list(self, within: int | None = None) -> list[User]:
        """By name. `within`: only those whose venue is that one or below it."""
        query = sa.select(user_account).order_by(user_account.c.name_key)
        if within is not None:
            query = query.where(_in_subtree(within))
        return [_user(row) for row in await self._db.read(lambda c: c.execute(query).all())]

    async def add(self, user: User) -> None:
        """Raises UserExists."""
        await self._db.write(lambda c: self._insert_new(c, user))

    async def change(self, name: str, *, password_hash: str | None = None, disabled: bool | None = None) -> None:
        """A new password, and disabling, end the user's sessions (at a server that runs: within a second).

        Raises UserUnknown, UserElsewhere.
        """
        changes: dict[str, object] = {"password_hash": password_hash, "disabled": disabled}
        changes = {column: value for column, value in changes.items() if value is not None}
        await self._db.write(lambda c: self._update(c, name, changes))

    async def version(self, venue_id: int) -> str:
        """Another one after each change of any user or of the tree; random, so that a restored backup never fits."""
        query = sa.select(meta.c.value).where(meta.c.key.in_([_STAMP, _TREE])).order_by(meta.c.key)
        stamps = await self._db.read(lambda c: c.execute(query).scalars().all())
        return "-".join([str(venue_id), *stamps])

    async def export(self, venue_id: int) -> object:
        """The users of that venue's subtree. Never an ancestor's: a village's box must not hold the province's."""
        return [
            {
                "name": user.name,
                "role": user.role.value,
                "venue": user.venue_id,
                "password_hash": user.password_hash,
                "disabled": user.disabled,
            }
            for user in await self.list(venue_id)
        ]

    async def replace(self, content: object) -> None:
        """Make what came from the parent equal to `content`; users made here stay, save where the parent has the name.

        Raises pydantic.ValidationError (a ValueError).
        """
        users = [
            User(
                name=each.name,
                role=each.role,
                venue_id=each.venue,
                password_hash=each.password_hash,
                disabled=each.disabled,
            )
            for each in _CONTENT.validate_python(content)
        ]
        await self._db.write(lambda c: self._replace(c, users))

    def _insert_new(self, connection: Connection, user: User) -> None:
        key = name_key(user.name)
        if connection.execute(sa.select(user_account.c.name_key).where(user_account.c.name_key == key)).first():
            raise UserExists(name=user.name)
        connection.execute(user_account.insert().values(_columns(user, _HERE)))
        self._touch(connection)

    def _update(self, connection: Connection, name: str, changes: dict[str, object]) -> None:
        if not changes:
            return
        mine = user_account.c.name_key == name_key(name)
        row = connection.execute(sa.select(user_account).where(mine)).one_or_none()
        if row is None:
            raise UserUnknown(name=name)
        if row.origin == _PARENT:
            raise UserElsewhere(name=row.name)
        connection.execute(user_account.update().where(mine).values(changes))
        if changes != {"disabled": False}:
            self._end_sessions(connection, row.name)
        self._touch(connection)

    def _replace(self, connection: Connection, users: Sequence[User]) -> None:
        keys = {name_key(user.name) for user in users}
        after = {user.name: user for user in users}
        for row in connection.execute(sa.select(user_account)).all():
            new = after.get(row.name)
            if new.password_hash != row.password_hash or new.disabled if new else row.origin == _PARENT:
                self._end_sessions(connection, row.name)
        connection.execute(user_account.delete().where(user_account.c.origin == _PARENT))
        for key in keys:
            connection.execute(user_account.delete().where(user_account.c.name_key == key))
        if users:
            connection.execute(user_account.insert(), [_columns(user, _PARENT) for user in users])
        self._touch(connection)

    def _end_sessions(self, connection: Connection, name: str) -> None:
        token_store.revoke_subject(connection, TokenKind.SESSION, name, self._now())

    def _touch(self, connection: Connection) -> None:
        set_meta(connection, _STAMP, self._entropy(8).hex())


async def remembered(db: Database, key: str, make: Callable[[], str]) -> str:
    """The text kept in this database under `key`; made and kept if there is none yet."""

    def work(connection: Connection) -> str:
        value = connection.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar_one_or_none()
        if value is None:
            value = make()
            set_meta(connection, key, value)
        return str(value)

    return await db.write(work)


def name_key(name: str) -> str:
    """The name as compared: compatibility forms and letter case make no difference."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _in_subtree(venue_id: int) -> sa.ColumnElement[bool]:
    below = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == venue_id)
    return user_account.c.venue_id.in_(below)


def _columns(user: User, origin: str) -> dict[str, object]:
    return {
        "name_key": name_key(user.name),
        "name": user.name,
        "role": user.role.value,
        "venue_id": user.venue_id,
        "password_hash": user.password_hash,
        "disabled": user.disabled,
        "origin": origin,
    }


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(
        name=row.name,
        role=Role(row.role),
        venue_id=row.venue_id,
        password_hash=row.password_hash,
        disabled=row.disabled,
    )
