"""Attendance: who was at which lecture, written down where it happens and counted at every level above."""

from attendance.closing import Closing, Standing, VenueState, standing
from attendance.closing_store import Closings
from attendance.event import VENUE_KINDS, Data, Event, EventError, Kind, Method
from attendance.lecture_store import LectureStore
from attendance.lectures import Lecture, LectureState
from attendance.log import Captured, EventLog
from attendance.people import Person, PersonProblem, person_id
from attendance.people_store import (
    PeopleChangedMeanwhile,
    PeopleImported,
    PeopleImportRefused,
    PeoplePreview,
    PeopleStore,
)
from attendance.qr import qr_svg
from attendance.report import (
    Count,
    LectureReport,
    Names,
    ReportRow,
    RollCall,
    RollCallEntry,
    Which,
    names_csv,
    report_csv,
)
from attendance.reports import Reports
from attendance.results import Outcome, Result
from attendance.sync import Reply, Uploader, reply_of

__all__ = [
    "VENUE_KINDS",
    "Captured",
    "Closing",
    "Closings",
    "Count",
    "Data",
    "Event",
    "EventError",
    "EventLog",
    "Kind",
    "Lecture",
    "LectureReport",
    "LectureState",
    "LectureStore",
    "Method",
    "Names",
    "Outcome",
    "PeopleChangedMeanwhile",
    "PeopleImportRefused",
    "PeopleImported",
    "PeoplePreview",
    "PeopleStore",
    "Person",
    "PersonProblem",
    "Reply",
    "ReportRow",
    "Reports",
    "Result",
    "RollCall",
    "RollCallEntry",
    "Standing",
    "Uploader",
    "VenueState",
    "Which",
    "names_csv",
    "person_id",
    "qr_svg",
    "reply_of",
    "report_csv",
    "standing",
]
