"""The SQL of venue statuses.

A row holds what was last heard of a venue. The rule "below a silent node is silent" is applied on reading, by revision:
an ancestor that fell silent *after* the last news of a venue silences it; a venue that beats to this node itself, or of
which there is later news by another way, is not silenced. No clocks of other machines are compared.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues.database import one_of, upsert
from venues.hops import Hop, hop
from venues.status import NodeReport, Presence, StatusChange, Tally, VenueStatus, parse_report, worth_telling
from venues.store import set_meta
from venues.tables import meta, node_status, venue, venue_closure

__all__ = ["Connection", "changes_since", "counts", "heard", "hops", "overdue", "silence", "statuses", "tallies"]

_REVISION = "status_revision"
_SLICE = 500  # SQLite allows 32,766 parameters, PostgreSQL 65,535: stay far below


def overdue(connection: Connection, cutoff: dt.datetime) -> bool:
    return connection.execute(sa.select(node_status.c.venue_id).where(_is_overdue(cutoff)).limit(1)).first() is not None


def silence(connection: Connection, cutoff: dt.datetime, silent_after: dt.timedelta) -> bool:
    """Mark the direct children that were last heard before `cutoff` as silent; whether there were any."""
    query = sa.select(node_status.c.venue_id, node_status.c.last_seen).where(_is_overdue(cutoff))
    found = connection.execute(query.order_by(node_status.c.last_seen, node_status.c.venue_id)).all()
    revision = _revision(connection)
    for number, (venue_id, last_seen) in enumerate(found, revision + 1):
        silent = {"presence": Presence.SILENT.value, "since": last_seen + silent_after, "revision": number}
        connection.execute(node_status.update().where(node_status.c.venue_id == venue_id).values(**silent))
    if found:
        set_meta(connection, _REVISION, str(revision + len(found)))
    return bool(found)


def _is_overdue(cutoff: dt.datetime) -> sa.ColumnElement[bool]:
    status = node_status.c
    return status.direct & (status.presence == Presence.CONNECTED.value) & (status.last_seen < cutoff)


def heard(
    connection: Connection,
    venue_id: int,
    report: NodeReport,
    below: list[StatusChange],
    base: int,
    now: dt.datetime,
) -> tuple[int, bool]:
    """(revision of the child that is known now, whether there is news to pass on)."""
    before = revision = _revision(connection)
    own = _row(connection, venue_id)
    known = own["below_revision"] if own else 0
    returned = own is None or own["presence"] != Presence.CONNECTED.value or not own["direct"]
    if own is None or returned or worth_telling(_report(own["report"]), report):
        revision += 1
    own_revision = revision if own is None or revision != before else own["revision"]
    if base <= known:
        known = below[-1].revision if below else base
        for change in _strictly_below(connection, venue_id, below):
            if _take(connection, change, revision + 1):
                revision += 1
    row = {
        "venue_id": venue_id,
        "presence": Presence.CONNECTED.value,
        "since": now if own is None or returned else own["since"],
        "last_seen": now,
        "report": json.dumps(report.to_wire()),
        "revision": own_revision,
        "direct": True,
        "below_revision": known,
    }
    _save(connection, row)
    if revision != before:
        set_meta(connection, _REVISION, str(revision))
    return known, revision != before


def _take(connection: Connection, change: StatusChange, revision: int) -> bool:
    """Keep a change that a child passed on; False if it is no news."""
    row = {
        "venue_id": change.venue_id,
        "presence": change.presence.value,
        "since": change.since,
        "last_seen": change.last_seen,
        "report": None if change.report is None else json.dumps(change.report.to_wire()),
        "revision": revision,
        "direct": False,
        "below_revision": 0,
    }
    old = _row(connection, change.venue_id)
    if old and old["direct"] and old["presence"] == Presence.CONNECTED.value:
        return False  # it beats to this node itself: that is the better news
    if old and all(old[key] == row[key] for key in ("presence", "since", "report", "direct")):
        return False  # a child that starts again tells everything again
    _save(connection, row)
    return True


def _save(connection: Connection, row: dict[str, Any]) -> None:
    insert = upsert(connection, node_status).values(**row)
    changed = {column: insert.excluded[column] for column in row if column != "venue_id"}
    connection.execute(insert.on_conflict_do_update(index_elements=["venue_id"], set_=changed))


def _strictly_below(connection: Connection, venue_id: int, below: list[StatusChange]) -> list[StatusChange]:
    closure = venue_closure.c
    allowed: set[int] = set()
    for some in _slices([change.venue_id for change in below]):
        query = sa.select(closure.descendant).where(closure.ancestor == venue_id, closure.depth > 0)
        allowed.update(connection.execute(query.where(closure.descendant.in_(some))).scalars())
    return [change for change in below if change.venue_id in allowed]


def statuses(connection: Connection, venue_ids: Sequence[int]) -> dict[int, VenueStatus]:
    """The statuses of those of the venues that were ever seen."""
    found: dict[int, VenueStatus] = {}
    for some in _slices(venue_ids):
        query = sa.select(node_status).where(node_status.c.venue_id.in_(some))
        cuts = _cuts(connection, venue_closure.c.descendant.in_(some))
        for row in connection.execute(query).mappings():
            found[row["venue_id"]] = _view(dict(row), cuts.get(row["venue_id"], []))
    return found


def counts(connection: Connection, venue_id: int) -> dict[int, dict[Presence, int]]:
    closure, status = venue_closure.c, node_status.c
    joined = sa.select(venue.c.id, venue.c.level, status.presence, status.revision, status.direct)
    joined = joined.join(venue_closure, closure.descendant == venue.c.id)
    joined = joined.join(node_status, status.venue_id == venue.c.id, isouter=True)
    below = sa.select(closure.descendant).where(closure.ancestor == venue_id)
    cuts = _cuts(connection, closure.descendant.in_(below))
    counted: dict[int, dict[Presence, int]] = {}
    query = joined.where(closure.ancestor == venue_id, closure.depth > 0).order_by(venue.c.level)
    for i, level, presence, revision, direct in connection.execute(query):
        at_level = counted.setdefault(level, dict.fromkeys(Presence, 0))
        shown = Presence(presence) if presence else Presence.NEVER_SEEN
        if shown is Presence.CONNECTED and _cut(revision, direct, cuts.get(i, [])):
            shown = Presence.SILENT
        at_level[shown] += 1
    return counted


def _standings(
    connection: Connection, which: sa.ColumnElement[bool], descendants: sa.ColumnElement[bool]
) -> list[tuple[int, Presence, int]]:
    status = node_status.c
    query = sa.select(
        status.venue_id, status.presence, status.revision, status.direct, _pending(connection, node_status)
    ).where(which)
    cuts = _cuts(connection, descendants)
    found: list[tuple[int, Presence, int]] = []
    for i, presence, revision, direct, pending in connection.execute(query):
        shown = Presence(presence)
        if shown is Presence.CONNECTED and cuts and _cut(revision, direct, cuts.get(i, [])):
            shown = Presence.SILENT
        found.append((i, shown, int(pending or 0)))
    return found


def tallies(connection: Connection, venues: Sequence[int]) -> dict[int, Tally]:
    """By venue; counted in the database, because a province has many."""
    below = sa.select(venue.c.parent_id).where(one_of(connection, venue.c.parent_id, venues)).distinct()
    inner = sorted(connection.scalars(below)) if venues else []
    shown, waiting = _shown(connection, inner), dict[int, tuple[int, int]]()
    for some in _slices(inner):
        rows = connection.execute(_waiting(connection, some))
        waiting |= {ancestor: (count, int(pending)) for ancestor, count, pending in rows}
    found: dict[int, Tally] = {}
    which = one_of(connection, node_status.c.venue_id, venues)
    above = one_of(connection, venue_closure.c.descendant, venues)
    own = {one: (presence, pending) for one, presence, pending in _standings(connection, which, above)}
    for one in venues:
        presence, pending = own.get(one, (Presence.NEVER_SEEN, 0))
        counts = shown.get(one) or {presence.value: 1}  # nobody below: it counts itself
        behind, pending_below = waiting.get(one, (0, 0)) if one in shown else (int(pending > 0), pending)
        found[one] = Tally(
            presence=presence,
            pending=pending,
            connected=counts.get(Presence.CONNECTED.value, 0),
            silent=counts.get(Presence.SILENT.value, 0),
            behind=behind,
            pending_below=pending_below,
        )
    return found


def _shown(connection: Connection, inner: Sequence[int]) -> dict[int, dict[str, int]]:
    """Of venues with others below them, how many of each presence are in them, themselves included."""
    shown = {one: {Presence.CONNECTED.value: 0, Presence.SILENT.value: 0} for one in inner}
    cut = _cut_off(connection)
    for some in _slices(inner):
        for ancestor, presence, count in connection.execute(_by_presence(some)):
            shown[ancestor][presence] = count
        for ids in _slices(cut):
            of_them = _below([sa.func.count()], some).where(node_status.c.venue_id.in_(ids))
            for ancestor, count in connection.execute(of_them):
                shown[ancestor][Presence.CONNECTED.value] -= count
                shown[ancestor][Presence.SILENT.value] += count
    return shown


def _below(columns: Sequence[Any], some: Sequence[int]) -> sa.Select[Any]:
    """The statuses within each of some venues; `columns` beside the venue, whose they are grouped by."""
    closure = venue_closure.c
    query = sa.select(closure.ancestor, *columns).join(node_status, node_status.c.venue_id == closure.descendant)
    return query.where(closure.ancestor.in_(some)).group_by(closure.ancestor)


def _by_presence(some: Sequence[int]) -> sa.Select[Any]:
    presence = node_status.c.presence
    return _below([presence, sa.func.count()], some).group_by(presence)


def _cut_off(connection: Connection) -> list[int]:
    """Those that are called connected, and an ancestor fell silent after the last news of them."""
    parents = sa.select(venue.c.parent_id)
    silent = sa.select(node_status.c.venue_id).where(
        node_status.c.presence == Presence.SILENT.value, node_status.c.venue_id.in_(parents)
    )
    above, here, closure = node_status.alias("above"), node_status.alias("here"), venue_closure.c
    found: set[int] = set()
    for some in _slices(list(connection.scalars(silent))):
        query = (
            sa.select(here.c.venue_id)
            .join(venue_closure, closure.descendant == here.c.venue_id)
            .join(above, above.c.venue_id == closure.ancestor)
            .where(closure.ancestor.in_(some), closure.depth > 0, here.c.presence == Presence.CONNECTED.value)
            .where(~here.c.direct, above.c.revision > here.c.revision)
        )
        found.update(connection.scalars(query))
    return sorted(found)


def _waiting(connection: Connection, some: Sequence[int]) -> sa.Select[Any]:
    """How many hold events that they have not handed up, and how many these are. Most reports need not be parsed."""
    pending = sa.func.coalesce(sa.cast(_pending(connection, node_status), sa.Integer), 0)
    report = node_status.c.report
    nothing = [report.not_like(f'%"pending_events":{space}0,%') for space in ("", " ")]
    counted = _below([sa.func.count(), sa.func.sum(pending)], some)
    return counted.where(report.is_not(None), *nothing, pending > 0)


def _pending(connection: Connection, status: sa.FromClause) -> sa.ColumnElement[Any]:
    if connection.dialect.name == "sqlite":
        return sa.func.json_extract(status.c.report, "$.pending_events")
    return sa.func.json_extract_path_text(sa.cast(status.c.report, sa.JSON), "pending_events")


Cut = tuple[int, dt.datetime]  # (revision, since) of a silent ancestor


def _cuts(connection: Connection, which: sa.ColumnElement[bool]) -> dict[int, list[Cut]]:
    """The silent ancestors of each of the venues."""
    closure, status = venue_closure.c, node_status.c
    query = sa.select(closure.descendant, status.revision, status.since).join(
        node_status, status.venue_id == closure.ancestor
    )
    query = query.where(which, closure.depth > 0, status.presence == Presence.SILENT.value)
    cuts: dict[int, list[Cut]] = {}
    for descendant, revision, since in connection.execute(query):
        cuts.setdefault(descendant, []).append((revision, since))
    return cuts


def _cut(revision: int, direct: bool, cuts: list[Cut]) -> Cut | None:
    """The first ancestor to fall silent after the last news of the venue."""
    return None if direct else min((cut for cut in cuts if cut[0] > revision), default=None)


def _view(row: dict[str, Any], cuts: list[Cut]) -> VenueStatus:
    presence, since = Presence(row["presence"]), row["since"]
    cut = _cut(row["revision"], row["direct"], cuts)
    if presence is Presence.CONNECTED and cut is not None:
        presence, since = Presence.SILENT, cut[1]
    return VenueStatus(
        venue_id=row["venue_id"],
        presence=presence,
        since=since,
        last_seen=row["last_seen"],
        report=_report(row["report"]),
    )


def hops(connection: Connection, top: int, lecture: str, most: int) -> list[Hop]:
    """Of the hops on which the lecture flows now to this venue and to all below it: those with the highest loss and
    those with the longest round trip, up to `most` of each."""
    here, above = node_status.alias("here"), node_status.alias("above")
    lost_above = sa.case(
        (_stream(connection, above, "lecture") == lecture, _number(connection, above, "loss")), else_=0.0
    )
    loss = _number(connection, here, "loss") - sa.func.coalesce(lost_above, 0.0)
    trip = sa.func.coalesce(_number(connection, here, "round_trip_ms"), 0.0)
    query = sa.select(here.c.venue_id, venue.c.parent_id, here.c.report, above.c.report)
    query = query.join(venue, venue.c.id == here.c.venue_id)
    query = query.join(venue_closure, venue_closure.c.descendant == here.c.venue_id)
    query = query.join(above, above.c.venue_id == venue.c.parent_id, isouter=True)
    query = query.where(venue_closure.c.ancestor == top, here.c.presence == Presence.CONNECTED.value)
    query = query.where(_stream(connection, here, "lecture") == lecture)
    found: dict[int, Hop] = {}
    for order in (loss, trip):
        for i, parent, own, other in connection.execute(query.order_by(order.desc(), here.c.venue_id).limit(most)):
            report, upper = _report(own), _report(other)
            if report is not None and report.stream is not None:
                found[i] = hop(i, parent, report.stream, upper.stream if upper else None)
    connected = statuses(connection, list(found))
    return [each for i, each in found.items() if connected[i].presence is Presence.CONNECTED]


def _stream(connection: Connection, status: sa.FromClause, key: str) -> sa.ColumnElement[Any]:
    """A field of the report's stream, as text in PostgreSQL and as what it is in SQLite."""
    if connection.dialect.name == "sqlite":
        return sa.func.json_extract(status.c.report, f"$.stream.{key}")
    return sa.func.json_extract_path_text(sa.cast(status.c.report, sa.JSON), "stream", key)


def _number(connection: Connection, status: sa.FromClause, key: str) -> sa.ColumnElement[float]:
    return sa.cast(_stream(connection, status, key), sa.Double)


def changes_since(connection: Connection, revision: int, limit: int) -> list[StatusChange]:
    query = sa.select(node_status).where(node_status.c.revision > revision).order_by(node_status.c.revision)
    return [
        StatusChange(
            revision=row["revision"],
            venue_id=row["venue_id"],
            presence=Presence(row["presence"]),
            since=row["since"],
            last_seen=row["last_seen"],
            report=_report(row["report"]),
        )
        for row in connection.execute(query.limit(limit)).mappings()
    ]


def _row(connection: Connection, venue_id: int) -> dict[str, Any] | None:
    row = connection.execute(sa.select(node_status).where(node_status.c.venue_id == venue_id)).mappings().first()
    return None if row is None else dict(row)


def _report(text: str | None) -> NodeReport | None:
    return None if text is None else parse_report(json.loads(text))


def _revision(connection: Connection) -> int:
    return int(connection.execute(sa.select(meta.c.value).where(meta.c.key == _REVISION)).scalar() or 0)


def _slices(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _SLICE] for start in range(0, len(ids), _SLICE)]
