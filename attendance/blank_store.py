"""Taking people out of the log of one lecture, inside one transaction: events and presences alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance import summary_store, years_store
from attendance.blank import SOMEBODY, blanked, without_device
from attendance.event import Event, Kind, data_text
from attendance.paths_store import Paths
from attendance.store import Rows
from attendance.tables import event as event_table
from attendance.tables import presence as presence_table

_CHUNK = 500


def lectures(connection: Connection) -> list[str]:
    """All lectures of which there are events, one step along the index for each."""
    found, about = [""], event_table.c
    while following := connection.scalar(sa.select(sa.func.min(about.lecture)).where(about.lecture > found[-1])):
        found.append(following)
    return found[1:]


def subjects(connection: Connection, lecture: str, among: Sequence[str] | None = None) -> list[str]:
    """Everybody and everything that the events of a lecture are about; those of them that are `among` these."""
    about = event_table.c
    query = sa.select(about.subject).where(about.lecture == lecture).distinct().order_by(about.subject)
    return list(connection.scalars(query if among is None else query.where(about.subject.in_(among))))


def count(connection: Connection, lecture: str, subject: str) -> int:
    about = event_table.c
    query = sa.select(sa.func.count()).select_from(event_table)
    return connection.scalar(query.where(about.lecture == lecture, about.subject == subject)) or 0


def blank(
    connection: Connection, lecture: str, pseudonyms: Mapping[str, str], meant: Callable[[str, Event], bool]
) -> list[tuple[str, Event]]:
    """Put the pseudonym in the place of each subject, in those events that are `meant`; returns them as they were. The
    subject is the one that this node knows: of an event that names a badge it may be the bearer."""
    rows = Rows(connection, Paths())
    known, found = [], list[tuple[str, Event]]()
    for chunk in _chunks(sorted(pseudonyms)):
        known += subjects(connection, lecture, chunk)
    for subject in known:
        found += [(subject, event) for event in rows.events_of(lecture, [subject]) if meant(subject, event)]
    if not found:
        return []
    homes, hashes = _homes(connection, lecture, pseudonyms), rows.hashes([event.id for _, event in found])
    new = [blanked(event, hashes[event.id], pseudonyms[subject], homes.get(subject)) for subject, event in found]
    put(connection, new)
    _rename(rows, lecture, {subject: event.subject for (subject, _), event in zip(found, new, strict=True)})
    rows.derive_records(lecture, {event.venue for _, event in found if event.kind == Kind.PRESENCE_CHECK})
    return found


def take_devices(connection: Connection, ids: Sequence[str]) -> None:
    """Forget by which telephone or machine these events (at most 500) came, and nothing else."""
    rows = Rows(connection, Paths())
    hashes = rows.hashes(ids)
    told = [without_device(event, hashes[event.id]) for id_ in ids if (event := rows.event(id_))]
    update = event_table.update().where(event_table.c.id == sa.bindparam("key"))
    connection.execute(
        update.values(device=None, data=sa.bindparam("new_data")),
        [{"key": event.id, "new_data": data_text(event)} for event in told],
    )


def put(connection: Connection, events: Sequence[Event]) -> None:
    """Write what events say of people in the place of what they said; their content hash stays."""
    names = ("person", "number", "name", "device", "operator", "reason", "data", "subject")
    connection.execute(
        event_table.update()
        .where(event_table.c.id == sa.bindparam("key"))
        .values({name: sa.bindparam(f"new_{name}") for name in names}),
        [
            {
                "key": event.id,
                **{f"new_{name}": getattr(event, name) for name in names if name != "data"},
                "new_data": data_text(event),
            }
            for event in events
        ],
    )


def _homes(connection: Connection, lecture: str, pseudonyms: Mapping[str, str]) -> dict[str, int | None]:
    about, found = presence_table.c, dict[str, int | None]()
    for chunk in _chunks(sorted(pseudonyms)):
        query = sa.select(about.person_id, about.home_id).where(about.lecture_id == lecture, about.person_id.in_(chunk))
        found.update((row.person_id, row.home_id) for row in connection.execute(query))
    return found


def _rename(rows: Rows, lecture: str, pseudonyms: Mapping[str, str]) -> None:
    """Presences follow their events; only where several names stand for events now must they be weighed anew."""
    connection, about = rows.connection, presence_table.c
    summary_store.changed(connection, [lecture])
    for chunk in _chunks(sorted(pseudonyms)):
        left = {event.subject for event in rows.events_of(lecture, chunk)}
        renamed = {subject: pseudonyms[subject] for subject in chunk}
        years_store.forget(connection, lecture, chunk)
        query = sa.select(about.person_id).where(
            about.lecture_id == lecture, about.person_id.in_(set(renamed.values()))
        )
        taken = set(connection.scalars(query))
        shared = {new for new, times in Counter(renamed.values()).items() if times > 1}
        mixed = {old for old, new in renamed.items() if old != new and (old in left or new in taken | shared)}
        if mixed:
            rows.derive(lecture, mixed | {renamed[old] for old in mixed})
        plain = [{"old": old, "new": new} for old, new in renamed.items() if old not in mixed]
        if plain:
            update = presence_table.update().where(about.lecture_id == lecture, about.person_id == sa.bindparam("old"))
            connection.execute(update.values(person_id=sa.bindparam("new"), number=None, name=SOMEBODY), plain)


def _chunks(subjects: Sequence[str]) -> Iterable[Sequence[str]]:
    return (subjects[start : start + _CHUNK] for start in range(0, len(subjects), _CHUNK))
