"""The tree of venues in SQL: adjacency as truth, the closure table beside it for every question about subtrees."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues.database import Database, upsert
from venues.errors import TongtangError
from venues.tables import meta, venue, venue_closure
from venues.tree import Level, TreeInvalid, Venue, VenueRow, check, level_index

Progress = Callable[[int, int], None]  # (done, total), called in the database's writing thread

_VERSION = "tree_version"
_SLICE = 2000  # rows in one executemany, so that progress moves


class VenueUnknown(TongtangError):
    """There is no venue {venue} in the tree."""

    code = "venue_unknown"
    status = 404


class TreeContentInvalid(TongtangError):
    """The tree that the parent sent cannot be used: {detail}."""

    code = "tree_content_invalid"
    status = 502


@dataclass(frozen=True, kw_only=True)
class ImportSummary:
    added: int
    changed: int
    unchanged: int


class VenueStore:
    """Every venue that this node knows: the whole tree at the root, elsewhere the path down to it and its subtree."""

    name = "tree"  # as a Collection

    def __init__(self, db: Database) -> None:
        self._db = db

    async def import_rows(
        self, rows: Sequence[VenueRow], levels: Sequence[Level], progress: Progress | None = None
    ) -> ImportSummary:
        """Add and update venues by code, in one transaction; nothing is ever removed by an import.

        A code that is known keeps its id. The rows may be a whole tree or an addition to the one that is there: what is
        checked is the tree as it would become. Raises TreeInvalid with every mistake, and then nothing has changed.
        """
        return await self._db.write(lambda connection: _import(connection, rows, levels, progress or (lambda *_: None)))

    async def replace(self, content: object) -> None:
        """Make the local tree equal to what the parent sent (`export`), ids included. Raises TreeContentInvalid."""
        venues = _from_wire(content)
        await self._db.write(lambda connection: _replace(connection, venues))

    async def export(self, venue_id: int) -> list[dict[str, object]]:
        """What the node of this venue may know of the tree: its path from the root, itself, and everything below it."""

        def work(connection: Connection) -> list[dict[str, object]]:
            up = sa.select(venue_closure.c.ancestor).where(venue_closure.c.descendant == venue_id)
            down = sa.select(venue_closure.c.descendant).where(venue_closure.c.ancestor == venue_id)
            wanted = _select(venue.c.id.in_(sa.union(up, down)))
            return [_to_wire(found) for found in _venues(connection, wanted)]

        return await self._db.read(work)

    async def version(self, venue_id: int | None = None) -> str:
        """Text that changes whenever the tree changes: a digest of it, "" while it is empty."""
        query = sa.select(meta.c.value).where(meta.c.key == _VERSION)
        return await self._db.read(lambda connection: connection.execute(query).scalar() or "")

    async def root(self) -> Venue | None:
        """The top of the tree, None while the tree is empty."""
        found = await self._list(_select(venue.c.parent_id.is_(None)))
        return found[0] if found else None

    async def get(self, venue_id: int) -> Venue:
        """Raises VenueUnknown."""
        return await self._one(venue.c.id == venue_id, venue_id)

    async def by_code(self, code: str) -> Venue:
        """Raises VenueUnknown."""
        return await self._one(venue.c.code == code, code)

    async def children(self, venue_id: int) -> list[Venue]:
        """The venues right under this one, by code."""
        return await self._list(_select(venue.c.parent_id == venue_id))

    async def path(self, venue_id: int) -> list[Venue]:
        """From the root down to this venue itself; empty for an unknown venue."""
        closure = venue_closure.c
        joined = sa.select(venue).join(venue_closure, closure.ancestor == venue.c.id)
        return await self._list(joined.where(closure.descendant == venue_id).order_by(closure.depth.desc()))

    async def is_within(self, venue_id: int, ancestor: int) -> bool:
        """Whether the venue is `ancestor` itself or below it; False for unknown venues."""
        closure = venue_closure.c
        query = sa.select(closure.depth).where(closure.ancestor == ancestor, closure.descendant == venue_id)
        return await self._db.read(lambda connection: connection.execute(query).first() is not None)

    async def subtree(self, venue_id: int) -> list[Venue]:
        """This venue and everything below it, upper levels first, then by code."""
        return await self._list(_below(venue_id))

    async def search(self, text: str, within: int, limit: int = 50) -> list[Venue]:
        """Venues of the subtree of `within` whose name contains `text` or whose code begins with it, best first."""
        text = text.strip().lower()
        name, code = sa.func.lower(venue.c.name), sa.func.lower(venue.c.code)
        matches = name.contains(text, autoescape=True) | code.startswith(text, autoescape=True)
        best = sa.case((name == text, 0), (code == text, 0), (name.startswith(text, autoescape=True), 1), else_=2)
        query = _below(within).where(matches).order_by(None).order_by(best, venue.c.level, venue.c.code)
        return await self._list(query.limit(limit)) if text else []

    async def count_by_level(self, venue_id: int) -> dict[int, int]:
        """How many venues each level has below this one (itself not counted); levels without any are left out."""
        counted = sa.select(venue.c.level, sa.func.count()).join(
            venue_closure, venue_closure.c.descendant == venue.c.id
        )
        query = counted.where(venue_closure.c.ancestor == venue_id, venue_closure.c.depth > 0).group_by(venue.c.level)
        rows = await self._db.read(lambda connection: connection.execute(query.order_by(venue.c.level)).all())
        return {level: count for level, count in rows}

    async def _list(self, query: sa.Select[tuple[object, ...]]) -> list[Venue]:
        return await self._db.read(lambda connection: _venues(connection, query))

    async def _one(self, condition: sa.ColumnElement[bool], shown: object) -> Venue:
        found = await self._list(_select(condition))
        if not found:
            raise VenueUnknown(venue=shown)
        return found[0]


def _select(condition: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
    return sa.select(venue).where(condition).order_by(venue.c.level, venue.c.code)


def _below(venue_id: int) -> sa.Select[tuple[object, ...]]:
    joined = sa.select(venue).join(venue_closure, venue_closure.c.descendant == venue.c.id)
    return joined.where(venue_closure.c.ancestor == venue_id).order_by(venue.c.level, venue.c.code)


def _venues(connection: Connection, query: sa.Select[tuple[object, ...]]) -> list[Venue]:
    return [Venue(**row) for row in connection.execute(query).mappings()]


def _import(
    connection: Connection, rows: Sequence[VenueRow], levels: Sequence[Level], progress: Progress
) -> ImportSummary:
    known = {found.code: found for found in _venues(connection, sa.select(venue).order_by(venue.c.id))}
    codes = {found.id: code for code, found in known.items()}
    given = {row.code for row in rows}
    kept = [
        VenueRow(0, v.code, v.name, _level_key(levels, v.level), "" if v.parent_id is None else codes[v.parent_id])
        for v in known.values()
        if v.code not in given
    ]
    problems = check([*kept, *rows] if rows else [], levels)
    if problems:
        raise TreeInvalid(problems)
    ids = {code: found.id for code, found in known.items()}
    following = max(ids.values(), default=0) + 1
    for row in rows:
        if row.code not in ids:
            ids[row.code], following = following, following + 1
    after = [
        Venue(
            id=ids[row.code],
            code=row.code,
            name=row.name,
            level=level_index(levels, row.level) or 0,  # checked above
            parent_id=ids[row.parent] if row.parent else None,
        )
        for row in rows
    ]
    added = [found for found in after if found.code not in known]
    changed = [found for found in after if found.code in known and known[found.code] != found]
    if added or changed:
        _save(connection, [*added, *changed], progress)
    return ImportSummary(added=len(added), changed=len(changed), unchanged=len(after) - len(added) - len(changed))


def _level_key(levels: Sequence[Level], number: int) -> str:
    return levels[number].key if number < len(levels) else f"#{number}"


def _replace(connection: Connection, venues: list[Venue]) -> None:
    before = {found.id: found for found in _venues(connection, sa.select(venue))}
    gone = sorted(before.keys() - {found.id for found in venues})
    changed = [found for found in venues if before.get(found.id) != found]
    # A code may have moved to another id: free the codes of all that change before writing them.
    moved = [*gone, *(found.id for found in changed if found.id in before)]
    if moved:
        connection.execute(venue.delete().where(venue.c.id == sa.bindparam("moved")), [{"moved": i} for i in moved])
    if moved or changed:
        _save(connection, changed, lambda *_: None)


def _save(connection: Connection, changed: Sequence[Venue], progress: Progress) -> None:
    insert = upsert(connection, venue)
    columns = ("code", "name", "level", "parent_id")
    statement = insert.on_conflict_do_update(
        index_elements=["id"], set_={column: insert.excluded[column] for column in columns}
    )
    for start in range(0, len(changed), _SLICE):
        connection.execute(statement, [vars(found) for found in changed[start : start + _SLICE]])
        progress(min(start + _SLICE, len(changed)), len(changed))
    rebuild_closure(connection)
    query = sa.select(venue).order_by(venue.c.id)
    digest = hashlib.sha256(json.dumps([_to_wire(found) for found in _venues(connection, query)]).encode()).hexdigest()
    set_meta(connection, _VERSION, digest[:16])


def rebuild_closure(connection: Connection) -> None:
    """Compute venue_closure anew from venue.parent_id: one recursive statement on either database."""
    connection.execute(venue_closure.delete())
    pairs = sa.select(venue.c.id.label("ancestor"), venue.c.id.label("descendant"), sa.literal(0).label("depth"))
    up = pairs.cte("up", recursive=True)
    higher = sa.select(venue.c.parent_id, up.c.descendant, up.c.depth + 1).join(up, up.c.ancestor == venue.c.id)
    up = up.union_all(higher.where(venue.c.parent_id.is_not(None)))
    columns = ["ancestor", "descendant", "depth"]
    connection.execute(
        venue_closure.insert().from_select(columns, sa.select(up.c.ancestor, up.c.descendant, up.c.depth))
    )


def set_meta(connection: Connection, key: str, value: str) -> None:
    insert = upsert(connection, meta).values(key=key, value=value)
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value}))


def _to_wire(found: Venue) -> dict[str, object]:
    return {
        "id": found.id,
        "code": found.code,
        "name": found.name,
        "level": found.level,
        "parent": found.parent_id,
    }


def _from_wire(content: object) -> list[Venue]:
    if not isinstance(content, list):
        raise TreeContentInvalid(detail="it is not a list")
    venues = [_venue_from_wire(item) for item in content]
    ids = {found.id: found for found in venues}
    if len(ids) != len(venues) or len({found.code for found in venues}) != len(venues):
        raise TreeContentInvalid(detail="an id or a code is there twice")
    _check_shape(venues, ids)
    return venues


def _check_shape(venues: Iterable[Venue], ids: dict[int, Venue]) -> None:
    for found in venues:
        if found.parent_id is None:
            continue
        parent = ids.get(found.parent_id)
        if parent is None:
            raise TreeContentInvalid(detail=f"the parent of {found.code} is missing")
        if parent.level >= found.level:  # which also rules out cycles
            raise TreeContentInvalid(detail=f"{found.code} is not below its parent")


def _venue_from_wire(item: object) -> Venue:
    match item:
        case {
            "id": int(id_),
            "code": str(code),
            "name": str(name),
            "level": int(level),
            "parent": int() | None as parent,
        }:
            return Venue(id=id_, code=code, name=name, level=level, parent_id=parent)
    raise TreeContentInvalid(detail=f"this is not a venue: {item!r:.80}")
