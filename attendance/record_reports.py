"""What single people have attended over the years, the hours of a unit's people, and how reliably venues take part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence, Set
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from attendance.bearers_store import subject_of
from attendance.figures_reports import is_within
from attendance.judge import Status
from attendance.lecture_row import lecture_of
from attendance.lectures import Lecture
from attendance.policy import FIRST, Policy
from attendance.policy_store import policies, policy_of
from attendance.statistics import Attended, Hours, HoursRow, Record, Reliability, YearOfPerson, worst_first
from attendance.statistics_reports import Range, StatisticsReports, path_of, years_with_lectures
from attendance.tables import closing, person_year, presence, venue_record
from attendance.tables import lecture as lecture_table
from attendance.tables import person as person_table
from attendance.venue_record import length_s, whole_s
from attendance.venue_reports import chunks, venues_by_id, venues_of
from attendance.years import target_policy, year_of
from venues.database import one_of
from venues.errors import TongtangError
from venues.tables import venue
from venues.tree import Venue


class RecordUnknown(TongtangError):
    """Nothing is known here of this person."""

    code: ClassVar[str] = "record_unknown"
    status: ClassVar[int] = 404


ORDERS = ("number", "name", "home", "hours", "-hours", "lectures", "-lectures")
RELIABILITY_MOST = 800  # venues in one answer


class RecordReports(StatisticsReports):
    """The same, person by person and venue by venue."""

    async def record(self, person: str) -> Record:
        """All lectures of a person, with the hours of each year. Raises RecordUnknown."""
        return await self._db.read(lambda connection: self._record(connection, person))

    def _record(self, connection: Connection, person: str) -> Record:
        person = subject_of(connection, person)
        known = connection.execute(sa.select(person_table).where(person_table.c.id == person)).one_or_none()
        about = presence.c
        query = sa.select(
            lecture_table, *(about[name].label(f"own_{name}") for name in ("venue_id", "home_id", *_TOLD))
        ).join(presence, about.lecture_id == lecture_table.c.id)
        query = query.where(about.person_id == person).order_by(lecture_table.c.id.desc())
        rows = connection.execute(query).mappings().all()
        if known is None and not rows:
            raise RecordUnknown
        homes = {known.home_id} if known else {row["own_home_id"] for row in rows[:1] if row["own_home_id"]}
        venues = venues_by_id(connection, homes | {row["own_venue_id"] for row in rows})
        attended = tuple(_attended(lecture_of(row), row, venues.get(row["own_venue_id"])) for row in rows)
        return Record(
            person=person,
            number=known.number if known else rows[0]["own_number"],
            name=known.name if known else rows[0]["own_name"],
            home=next((venues[id_] for id_ in homes if id_ in venues), None),
            years=self._years(attended, policies(connection)),
            lectures=attended,
            venue_ids=frozenset(homes | {row["own_venue_id"] for row in rows}),
        )

    def _years(self, attended: Sequence[Attended], known: Sequence[Policy]) -> tuple[YearOfPerson, ...]:
        times = {self.this_year(): [0, 0]}
        for one in attended:
            at = one.lecture.started_at or one.lecture.starts_at
            if at is not None:
                sums = times.setdefault(year_of(at, self._zone), [0, 0])
                sums[0] += one.status == Status.PRESENT
                sums[1] += one.credit
        return tuple(
            YearOfPerson(year=year, lectures=lectures, credit=credit, target=self._target(known, year))
            for year, (lectures, credit) in sorted(times.items(), reverse=True)
        )

    def _target(self, known: Sequence[Policy], year: int) -> int:
        """Hundredths of credit hours."""
        return target_policy([*known, FIRST], year, self._zone).rules.year_hours_target * 100

    async def hours(
        self, venue_id: int, year: int, *, order: str = "number", page: tuple[int, int] = (100, 0)
    ) -> Hours:
        """The people at home in the venue or below it, with their hours of the year; `order`: one of ORDERS; `page`:
        limit and offset. Raises VenueUnknown."""
        return await self._db.read(lambda connection: self._hours(connection, venue_id, year, order, page))

    def _hours(self, connection: Connection, venue_id: int, year: int, order: str, page: tuple[int, int]) -> Hours:
        path = path_of(connection, venue_id)
        target = self._target(policies(connection), year)
        of_year = sa.select(
            person_year.c.person_id,
            sa.func.sum(person_year.c.lectures).label("lectures"),
            sa.func.sum(person_year.c.credit).label("credit"),
        ).where(person_year.c.year == year)
        sums = of_year.group_by(person_year.c.person_id).subquery()
        credit, lectures = (sa.func.coalesce(sums.c[name], 0) for name in ("credit", "lectures"))
        here: list[sa.ColumnElement[bool]] = [person_table.c.gone_at.is_(None)]
        if len(path) > 1:
            here.append(is_within(person_table.c.home_id, venue_id))
        joined = person_table.outerjoin(sums, sums.c.person_id == person_table.c.id)
        total = sa.select(sa.func.count(), sa.func.sum(sa.case((credit >= target, 1), else_=0)))
        count, reached = connection.execute(total.select_from(joined).where(*here)).one()
        about = person_table.c
        orders: dict[str, sa.ColumnElement[Any]] = {
            "number": about.number.asc(),
            "name": about.name.asc(),
            "home": about.home_id.asc(),
            "hours": credit.asc(),
            "-hours": credit.desc(),
            "lectures": lectures.asc(),
            "-lectures": lectures.desc(),
        }
        query = sa.select(about.id, about.number, about.name, about.home_id, lectures, credit).select_from(joined)
        limit, offset = page
        rows = connection.execute(
            query.where(*here).order_by(orders[order], about.number).limit(limit).offset(offset)
        ).all()
        venues = venues_by_id(connection, {row.home_id for row in rows})
        return Hours(
            path=tuple(path),
            year=year,
            years=years_with_lectures(connection, self._zone),
            target=target,
            total=count,
            reached=int(reached or 0),
            people=tuple(
                HoursRow(
                    person=id_,
                    number=number,
                    name=name,
                    home=venues.get(home),
                    lectures=int(times),
                    credit=int(hundredths),
                )
                for id_, number, name, home, times, hundredths in rows
            ),
        )

    async def reliability(self, venue_id: int, first: int, last: int) -> list[Reliability]:
        """The venue itself and each single one below it, those first that hand in least; of a large subtree, only the
        venue and those right under it. Raises VenueUnknown."""
        return await self._db.read(lambda connection: self._reliability(connection, venue_id, (first, last)))

    def _reliability(self, connection: Connection, venue_id: int, years: Range) -> list[Reliability]:
        path = path_of(connection, venue_id)
        below = sa.select(venue).where(is_within(venue.c.id, venue_id)).order_by(venue.c.code)
        venues = venues_of(connection, below.limit(RELIABILITY_MOST + 1))
        if len(venues) > RELIABILITY_MOST:
            right_below = sa.select(venue).where(venue.c.parent_id == venue_id).order_by(venue.c.code)
            venues = [path[-1], *venues_of(connection, right_below)]
        lectures = self.lectures_in(connection, years)
        concerning = self._concerning(connection, lectures, venues)
        deadlines = {one.id: _deadline(connection, one) for one in lectures}
        told = _told(connection, [one.id for one in venues], deadlines)
        seen = _seen(connection, [one.id for one in venues], {one.id: length_s(one) for one in lectures})
        heard = {one.id: told.get(one.id, {}).keys() | seen.get(one.id, {}).keys() for one in venues}
        _hear_check_ins(connection, heard, deadlines.keys())
        return worst_first(
            [
                _reliability(one, concerning[one.id], told.get(one.id, {}), seen.get(one.id, {}), len(heard[one.id]))
                for one in venues
            ]
        )


_TOLD = ("status", "late", "early", "seconds", "credit", "number", "name")
_State = tuple[str, bool]  # final, behind or open; handed in late


def _attended(lecture: Lecture, row: sa.RowMapping, place: Venue | None) -> Attended:
    return Attended(
        lecture=lecture,
        venue=place,
        status=row["own_status"],
        late=row["own_late"],
        early=row["own_early"],
        minutes=row["own_seconds"] // 60,
        credit=row["own_credit"],
    )


def _deadline(connection: Connection, lecture: Lecture) -> dt.datetime | None:
    rules = policy_of(connection, lecture.policy).rules
    return lecture.ended_at + dt.timedelta(hours=rules.absent_after_hours) if lecture.ended_at else None


def _told(
    connection: Connection, venues: Sequence[int], deadlines: Mapping[str, dt.datetime | None]
) -> dict[int, dict[str, _State]]:
    """By venue and lecture what was handed in; of several nodes of a venue all count."""
    found: dict[int, dict[str, _State]] = {}
    for ids in chunks(venues):
        about = closing.c
        query = sa.select(about.venue, about.lecture, about.at, about.open, about.complete).where(about.venue.in_(ids))
        for venue_id, lecture, at, open_, complete in connection.execute(query):
            if lecture not in deadlines:
                continue
            deadline = deadlines[lecture]
            before, was_late = found.setdefault(venue_id, {}).get(lecture, ("open", False))
            if open_:
                now = before
            elif not complete or before == "behind":
                now = "behind"
            else:
                now = "final"
            late = was_late or (not open_ and deadline is not None and at > deadline)
            found[venue_id][lecture] = now, late
    return found


def _seen(
    connection: Connection, venues: Sequence[int], lengths: Mapping[str, int | None]
) -> dict[int, dict[str, tuple[int, int]]]:
    """By venue and lecture the seconds with a picture, and those that there could have been: 0 where its screens
    told nothing. `lengths` by lecture."""
    found: dict[int, dict[str, tuple[int, int]]] = {}
    for ids in chunks(venues):
        about = venue_record.c
        query = sa.select(about.venue_id, about.lecture_id, about.picture_s, about.told_s).where(
            about.venue_id.in_(ids)
        )
        for venue_id, lecture, picture_s, told_s in connection.execute(query):
            if lecture in lengths:
                whole = whole_s(told_s, 1 if told_s else 0, lengths[lecture])
                found.setdefault(venue_id, {})[lecture] = picture_s, whole
    return found


def _hear_check_ins(connection: Connection, heard: Mapping[int, set[str]], lectures: Set[str]) -> None:
    """Add the lectures where somebody was there: for each venue and lecture not heard of yet, one look at an index."""
    there = (presence.c.venue_id == venue.c.id, presence.c.status == Status.PRESENT.value)
    rest: dict[str, list[int]] = {}
    for id_, known in heard.items():
        for lecture in lectures - known:
            rest.setdefault(lecture, []).append(id_)
    for lecture, venues in rest.items():
        query = sa.select(venue.c.id).where(one_of(connection, venue.c.id, venues))
        for id_ in connection.scalars(query.where(sa.exists().where(presence.c.lecture_id == lecture, *there))):
            heard[id_].add(lecture)


def _reliability(
    place: Venue, lectures: int, told: Mapping[str, _State], seen: Mapping[str, tuple[int, int]], heard: int
) -> Reliability:
    states = [state for state, _ in told.values()]
    final, behind = states.count("final"), states.count("behind")
    length = sum(whole for _, whole in seen.values())
    return Reliability(
        venue=place,
        lectures=lectures,
        final=final,
        late=sum(late for _, late in told.values()),
        behind=behind,
        open=max(0, heard - final - behind),
        silent=max(0, lectures - heard),
        picture=min(1.0, sum(shown for shown, _ in seen.values()) / length) if length else None,
    )
