"""The columns in which many lectures are taken away. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from attendance.sheet import Column, Kind
from attendance.statistics import Attended, HoursRow, Point, Reliability, VenueSums

STATUS = {"present": "was there", "leave": "on leave", "makeup": "made up", "absent": "absent"}

SUMS: tuple[Column[VenueSums], ...] = (
    Column("Code", lambda row: row.venue.code, width=14, printed=False),
    Column("Venue", lambda row: row.venue.name, width=18),
    Column("Lectures", lambda row: row.lectures, Kind.NUMBER),
    Column("Were there, person-times", lambda row: row.times, Kind.NUMBER),
    Column("Were there, people", lambda row: row.people, Kind.NUMBER),
    Column("Late", lambda row: row.late, Kind.NUMBER, printed=False),
    Column("Left early", lambda row: row.early, Kind.NUMBER, printed=False),
    Column("Expected", lambda row: row.expected, Kind.NUMBER),
    Column("Came, person-times", lambda row: row.came, Kind.NUMBER),
    Column("Came, people", lambda row: row.people_at_home, Kind.NUMBER),
    Column("Rate", lambda row: row.rate, Kind.PERCENT),
    Column("On leave", lambda row: row.leave, Kind.NUMBER),
    Column("Made it up", lambda row: row.makeup, Kind.NUMBER),
    Column("Credit hours", lambda row: row.credit / 100, Kind.HOURS),
    Column("Handed in", lambda row: row.final_share, Kind.PERCENT),
    Column("Picture", lambda row: row.picture_share, Kind.PERCENT),
)
RELIABILITY: tuple[Column[Reliability], ...] = (
    Column("Code", lambda row: row.venue.code, width=14),
    Column("Venue", lambda row: row.venue.name, width=18),
    Column("Lectures", lambda row: row.lectures, Kind.NUMBER),
    Column("Handed in", lambda row: row.final, Kind.NUMBER),
    Column("of these late", lambda row: row.late, Kind.NUMBER),
    Column("Incomplete", lambda row: row.behind, Kind.NUMBER),
    Column("Not handed in", lambda row: row.open, Kind.NUMBER),
    Column("Nothing heard", lambda row: row.silent, Kind.NUMBER),
    Column("Picture", lambda row: row.picture, Kind.PERCENT),
)
RECORD: tuple[Column[Attended], ...] = (
    Column("Lecture", lambda row: row.lecture.title, width=24),
    Column("Time", lambda row: row.lecture.started_at or row.lecture.starts_at, Kind.TIME),
    Column("Venue", lambda row: row.venue.name if row.venue else None, width=18),
    Column("What it came to", lambda row: STATUS.get(row.status, row.status), Kind.WORD),
    Column("Late", lambda row: int(row.late), Kind.NUMBER),
    Column("Left early", lambda row: int(row.early), Kind.NUMBER),
    Column("Minutes", lambda row: row.minutes, Kind.NUMBER),
    Column("Credit hours", lambda row: row.credit / 100, Kind.HOURS),
)


TREND: tuple[Column[Point], ...] = (
    Column("Lecture", lambda row: row.lecture.title, width=24),
    Column("Time", lambda row: row.lecture.started_at or row.lecture.starts_at, Kind.TIME),
    Column("Were there", lambda row: row.present, Kind.NUMBER),
    Column("Expected", lambda row: row.expected, Kind.NUMBER),
    Column("Came", lambda row: row.came, Kind.NUMBER),
    Column("Rate", lambda row: row.rate, Kind.PERCENT),
    Column("Credit hours", lambda row: row.credit / 100, Kind.HOURS),
)


def hours_columns(target: int) -> Sequence[Column[HoursRow]]:
    """`target` in hundredths of credit hours; 0: none, and nothing is said of it."""
    return (
        Column("Number", lambda row: row.number, width=14),
        Column("Name", lambda row: row.name),
        Column("At home in", lambda row: row.home.name if row.home else None, width=18),
        Column("Lectures", lambda row: row.lectures, Kind.NUMBER),
        Column("Credit hours", lambda row: row.credit / 100, Kind.HOURS),
        *(
            (
                Column[HoursRow]("Target", lambda row: target / 100, Kind.HOURS),
                Column[HoursRow]("still missing", lambda row: max(0, target - row.credit) / 100, Kind.HOURS),
            )
            if target
            else ()
        ),
    )
