"""How SQLite answers the questions that are asked all the time: by an index, whatever else a large node holds."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from attendance import Reports, Which, event, person_id
from tests.attendance.test_reports import States
from tests.attendance.world import PROVINCE, VILLAGE, Site, an_event
from venues.database import Database

ZHANG = person_id("A1")
QUESTIONS: dict[str, Callable[[Site, Reports], Awaitable[object]]] = {
    "roll_call": lambda site, reports: reports.roll_call(site.lecture, VILLAGE),
    "count": lambda site, reports: reports.count(site.lecture, VILLAGE),
    "report": lambda site, reports: reports.report(site.lecture, PROVINCE),
    "names": lambda site, reports: reports.names(site.lecture, VILLAGE, Which.ABSENT_SO_FAR),
    "outbox": lambda site, _: site.log().outbox(500),
    "pending": lambda site, _: site.log().pending(),
    "check_in": lambda site, _: site.log().capture(lecture=site.lecture, person=ZHANG),
    "ingest": lambda site, _: site.log().ingest([event.to_wire(an_event(lecture=site.lecture))], PROVINCE),
}
# The outbox is all of its index; what everybody is expected from is the whole roster; few people are ever erased.
ALLOWED_SCANS = {"event_outbox", "ix_person_home_id", "erasure"}
_SCAN = re.compile(
    r"SCAN (?!CONSTANT ROW)(\w+)(?! VIRTUAL)\b(?: USING (?:COVERING )?INDEX (\w+))?"
)  # virtual: what we ask for itself


@contextmanager
def statements(db: Database) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, ___: object, many: bool) -> None:
        seen.append((statement, parameters[0] if many else parameters))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("question", QUESTIONS)
async def test_no_question_reads_a_whole_table(site: Site, question: str) -> None:
    with statements(site.db) as seen:
        await QUESTIONS[question](site, Reports(site.db, States(), site.clock))
    asked = [pair for pair in seen if pair[0].startswith(("SELECT", "UPDATE", "DELETE"))]
    assert asked
    for statement, parameters in asked:
        plan = await site.db.read(
            lambda connection, s=statement, p=parameters: [
                row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p)
            ]
        )
        scans = [match for match in map(_SCAN.match, plan) if match and ALLOWED_SCANS.isdisjoint(match.groups())]
        assert not scans, f"{statement}\n{plan}"
        assert question != "roll_call" or not any("presence_by" in line for line in plan), plan
