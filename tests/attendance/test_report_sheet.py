from __future__ import annotations

import datetime as dt
from pathlib import Path

from attendance.closing import Standing, VenueState
from attendance.report import HomeCounts, ReportRow, ToldCounts, VenueCounts
from attendance.report_sheet import REPORT
from attendance.sheet import sheet
from attendance.sheet_pdf import write_pdf
from tests.attendance.test_sheet import texts
from venues.status import Presence

PEOPLE = 234_567  # as many as a province may have
ROW = ReportRow(
    venue_id=1,
    code="52",
    name="流河渡村村民委员会",
    level=0,
    has_children=True,
    expected=PEOPLE,
    present=PEOPLE,
    guests=PEOPLE,
    late=PEOPLE,
    early=PEOPLE,
    attended=PEOPLE,
    minutes=PEOPLE,
    home=HomeCounts(
        expected=PEOPLE,
        came=PEOPLE,
        late=PEOPLE,
        early=PEOPLE,
        leave=PEOPLE,
        makeup=PEOPLE,
        absent=PEOPLE,
        not_reported=PEOPLE,
        credit=0,
    ),
    presence=Presence.CONNECTED,
    venues=VenueCounts(total=19_572, connected=15_001, silent=3_002, never_seen=1_569, behind=4_004, final=12_005),
    pending=0,
    standing=Standing(state=VenueState.NEVER_SEEN),
    told=ToldCounts(shown=1, picture=1.0, sound=1.0, counted=1, headcount=PEOPLE, checked=1, seen=PEOPLE),
)


def test_the_figures_of_a_province_are_printed_whole_with_its_venues_by_state(tmp_path: Path) -> None:
    made = sheet(REPORT, [ROW], say=lambda text: text, zone=dt.UTC, title="Report")
    write_pdf(made, tmp_path / "a.pdf")
    page = max(texts(tmp_path / "a.pdf"), key=len)
    assert page.count("234,567") == 14
    for figure in ("19,572", "15,001", "3,002", "1,569", "4,004", "12,005", "100.0%", "Never seen"):
        assert figure in page, figure
    assert "..." not in page


def test_no_word_of_a_heading_is_broken_on_paper(tmp_path: Path) -> None:
    made = sheet(REPORT, [ROW], say=str, zone=dt.UTC, title="Report")
    write_pdf(made, tmp_path / "a.pdf")
    words = " ".join(texts(tmp_path / "a.pdf")).split()
    wanted = {word for column in REPORT if column.printed for word in column.title.split()}
    assert wanted <= set(words)
