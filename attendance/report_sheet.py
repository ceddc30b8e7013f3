"""The columns of a lecture's report and of the names behind a figure, as they are exported. Pure.

A column that stands here is in the CSV, the XLSX and the PDF; see attendance.sheet.
"""

from __future__ import annotations

from collections.abc import Mapping

from attendance.closing import VenueState
from attendance.judge import Status
from attendance.report import NamedPerson, ReportRow
from attendance.sheet import Column, Kind

STATES: Mapping[VenueState, str] = {
    VenueState.NEVER_SEEN: "Never seen",
    VenueState.SILENT: "Silent",
    VenueState.CONNECTED: "Connected",
    VenueState.BEHIND: "incomplete",
    VenueState.FINAL: "Handed in",
}
STATUSES: Mapping[str, str] = {
    Status.PRESENT.value: "was there",
    Status.LEAVE.value: "on leave",
    Status.MAKEUP.value: "made up",
    Status.ABSENT.value: "absent",
}

REPORT: tuple[Column[ReportRow], ...] = (
    Column("Code", lambda row: row.code, width=14, printed=False),
    Column("Venue", lambda row: row.name, width=20),
    Column("Were there (by venue)", lambda row: row.present, Kind.NUMBER),
    Column("of these guests", lambda row: row.guests, Kind.NUMBER),
    Column("Late (by venue)", lambda row: row.late, Kind.NUMBER),
    Column("Left early (by venue)", lambda row: row.early, Kind.NUMBER),
    Column("Long enough", lambda row: row.attended, Kind.NUMBER, printed=False),
    Column("Expected (by home)", lambda row: row.home.expected, Kind.NUMBER),
    Column("Came (by home)", lambda row: row.home.came, Kind.NUMBER),
    Column("Late (by home)", lambda row: row.home.late, Kind.NUMBER),
    Column("Left early (by home)", lambda row: row.home.early, Kind.NUMBER),
    Column("Rate", lambda row: row.home.rate, Kind.PERCENT),
    Column("On leave", lambda row: row.home.leave, Kind.NUMBER),
    Column("made up", lambda row: row.home.makeup, Kind.NUMBER),
    Column("Absent", lambda row: row.home.absent, Kind.NUMBER),
    Column("Not reported", lambda row: row.home.not_reported, Kind.NUMBER),
    Column("Credit hours", lambda row: row.home.credit / 100, Kind.HOURS, printed=False),
    Column("State", lambda row: STATES[row.standing.state], Kind.WORD, width=12),
    Column("Venues", lambda row: row.venues.total, Kind.NUMBER),
    Column("Handed in", lambda row: row.venues.final, Kind.NUMBER),
    Column("Behind", lambda row: row.venues.behind, Kind.NUMBER),
    Column("Connected", lambda row: row.venues.connected, Kind.NUMBER),
    Column("Silent", lambda row: row.venues.silent, Kind.NUMBER),
    Column("Never seen", lambda row: row.venues.never_seen, Kind.NUMBER),
    Column("Check-ins on their way", lambda row: row.pending, Kind.NUMBER, printed=False),
    # What nobody told is empty, not 0.
    Column("Venues whose screens told", lambda row: row.told.shown, Kind.NUMBER, printed=False),
    Column("Picture, part of the lecture", lambda row: row.told.picture, Kind.PERCENT),
    Column("Sound, part of the lecture", lambda row: row.told.sound, Kind.PERCENT, printed=False),
    Column("Headcount", lambda row: row.told.headcount if row.told.counted else None, Kind.NUMBER),
    Column(
        "Checked in where heads were counted",
        lambda row: row.told.counted_present if row.told.counted else None,
        Kind.NUMBER,
        printed=False,
    ),
    Column("Seen at the presence check", lambda row: row.told.seen if row.told.checked else None, Kind.NUMBER),
    Column(
        "Checked in where presence was checked",
        lambda row: row.told.checked_present if row.told.checked else None,
        Kind.NUMBER,
        printed=False,
    ),
)
NAMES: tuple[Column[NamedPerson], ...] = (
    Column("Number", lambda one: one.number, width=14),
    Column("Name", lambda one: one.name, width=16),
    Column("Code of the home venue", lambda one: one.home.code if one.home else None, width=14, printed=False),
    Column("At home in", lambda one: one.home.name if one.home else None, width=20),
    Column(
        "Code of the attended venue", lambda one: one.attended.code if one.attended else None, width=14, printed=False
    ),
    Column("Checked in at", lambda one: one.attended.name if one.attended else None, width=20),
    Column("Time", lambda one: one.at, Kind.TIME),
    Column("Signed out", lambda one: one.left_at, Kind.TIME),
    Column("minutes", lambda one: one.minutes, Kind.NUMBER),
    Column("State", lambda one: STATUSES.get(one.status or "", one.status), Kind.WORD),
    Column("late or left early", lambda one: _late_or_early(one), Kind.WORD),
)


def _late_or_early(one: NamedPerson) -> str | None:
    if one.late and one.early:
        return "both"
    return "late" if one.late else "left early" if one.early else None
