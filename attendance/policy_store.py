"""Policies in the database, and their replication to the venues below (collection "policies")."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from attendance import stamps_store as stamps
from attendance.policy import (
    FIRST,
    Policy,
    PolicyElsewhere,
    PolicyUnknown,
    Rules,
    clean_name,
    from_wire,
    rules_from_text,
    rules_text,
    to_wire,
)
from attendance.tables import judge_due, lecture
from attendance.tables import policy as table
from venues.database import Database


class PolicyStore:
    """`is_root`: policies are made here; elsewhere they come from the parent."""

    name = "policies"

    def __init__(
        self, db: Database, now: Callable[[], dt.datetime], entropy: Callable[[int], bytes], *, is_root: bool
    ) -> None:
        self._db = db
        self._now = now
        self._entropy = entropy
        self._is_root = is_root

    async def add(self, name: str, rules: Rules, made_by: str) -> Policy:
        """The next version. Raises PolicyElsewhere, PolicyInvalid."""
        if not self._is_root:
            raise PolicyElsewhere
        name, now = clean_name(name), self._now()
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)

        def work(connection: Connection) -> Policy:
            last = connection.scalar(sa.select(sa.func.max(table.c.version))) or FIRST.version
            policy = Policy(version=last + 1, name=name, rules=rules, made_at=at, made_by=made_by)
            connection.execute(table.insert().values(**_row(policy)))
            stamps.touch(connection, self.name, self._entropy)
            return policy

        return await self._db.write(work)

    async def list(self) -> list[Policy]:
        """All versions, the newest first."""
        return [*await self._db.read(policies), FIRST]

    async def get(self, version: int) -> Policy:
        """Raises PolicyUnknown."""
        found = await self._db.read(lambda connection: _find(connection, version))
        if found is None:
            raise PolicyUnknown(version=version)
        return found

    async def version(self, venue_id: int) -> str:
        return await self._db.read(lambda connection: stamps.version(connection, self.name, venue_id))

    async def export(self, venue_id: int) -> object:
        return [to_wire(policy) for policy in await self.list() if policy != FIRST]

    async def replace(self, content: object) -> None:
        """Take what the parent sent; lectures that wait for one of the versions are judged anew."""
        if not isinstance(content, list):
            raise ValueError("policies must be a list")
        wanted = {policy.version: policy for policy in map(from_wire, content)}

        def work(connection: Connection) -> None:
            known = {row["version"]: _policy(row) for row in connection.execute(sa.select(table)).mappings()}
            if known == wanted:
                return
            changed = [version for version in {*known, *wanted} if known.get(version) != wanted.get(version)]
            connection.execute(table.delete())
            if wanted:
                connection.execute(table.insert(), [_row(policy) for policy in wanted.values()])
            must_judge(
                connection, list(connection.scalars(sa.select(lecture.c.id).where(lecture.c.policy.in_(changed))))
            )
            stamps.touch(connection, self.name, self._entropy)

        await self._db.write(work)


def policies(connection: Connection) -> list[Policy]:
    """Those that were made, the newest first."""
    rows = connection.execute(sa.select(table).order_by(table.c.version.desc())).mappings()
    return [_policy(row) for row in rows]


def policy_of(connection: Connection, version: int | None) -> Policy:
    """The version; the first one where it has not come here yet (then the lecture is judged anew when it does)."""
    return (None if version is None else _find(connection, version)) or FIRST


def newest(connection: Connection) -> int | None:
    """The last version that was made; None: none was."""
    last: int | None = connection.scalar(sa.select(sa.func.max(table.c.version)))
    return last


def must_judge(connection: Connection, lectures: list[str]) -> None:
    """What these lectures' events amount to may have changed (`derive_store.due` names them)."""
    for id_ in sorted(set(lectures)):
        again = judge_due.update().where(judge_due.c.lecture_id == id_).values(round=judge_due.c.round + 1)
        if not connection.execute(again).rowcount:
            connection.execute(judge_due.insert().values(lecture_id=id_, round=1))


def _find(connection: Connection, version: int) -> Policy | None:
    if version == FIRST.version:
        return FIRST
    row = connection.execute(sa.select(table).where(table.c.version == version)).mappings().one_or_none()
    return None if row is None else _policy(row)


def _policy(row: RowMapping) -> Policy:
    rules = rules_from_text(row["rules"])
    return Policy(version=row["version"], name=row["name"], rules=rules, made_at=row["made_at"], made_by=row["made_by"])


def _row(policy: Policy) -> dict[str, object]:
    return {
        "version": policy.version,
        "name": policy.name,
        "rules": rules_text(policy.rules),
        "made_at": policy.made_at,
        "made_by": policy.made_by,
    }
