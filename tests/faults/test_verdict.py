"""The verdict itself: it sees what was lost, what is double, and what is not as it was written."""

from __future__ import annotations

from typing import Any

import pytest

from attendance.event import content_hash
from tests.attendance.world import an_event
from tests.faults import recount, verdict
from tests.faults.recount import Books, Row, Stands

PEOPLE = {f"p{number}": 5 for number in range(1, 4)}


def _row(number: int, **changed: Any) -> dict[str, Any]:
    event = vars(an_event(number, person=f"p{number}", venue=5, clock_offset_ms=3)) | changed
    row = event | {
        "kind": str(event["kind"]),
        "method": str(event["method"]),
        "captured_at": int(event["captured_at"].timestamp() * 1_000_000),
        "subject": event["person"],
    }
    return row | {"content_hash": recount.content_hash(row)}


ROW_1 = _row(1)


def _books(*rows: Row, upto: int = 3, forked_at: int | None = None) -> Books:
    return Books(
        level="root",
        events=rows,
        streams={("node-9", 7): {"upto": upto, "beyond": "[]", "forked_at": forked_at}},
        presences=[],
        quarantine=[],
        homes=PEOPLE,
        parents={1: None, 2: 1, 5: 2, 6: 2},
        started={ROW_1["lecture"]: ROW_1["captured_at"] - 16 * 60 * 1_000_000},
    )


ROWS = [ROW_1, _row(2), _row(3)]


def _found(books: Books, below: Books | None = None) -> verdict.Verdict:
    result = verdict.Verdict(seen=3)
    verdict._look_at_events(books, result, ())
    verdict._look_at_numbers(books, result, {})
    verdict._compare(below or _books(*ROWS), books, result, ())
    return result


def test_all_is_well() -> None:
    assert _found(_books(*ROWS)).good
    assert ROWS[0]["content_hash"] == content_hash(an_event(1, person="p1", venue=5, clock_offset_ms=3))


@pytest.mark.parametrize(
    ("books", "what"),
    [
        (_books(ROWS[0], ROWS[2]), "lost"),
        (_books(*ROWS, ROWS[1]), "double"),
        (_books(*ROWS, _row(4, person="p1"), upto=4), "double"),  # ticked twice
        (_books(ROWS[0], ROWS[1], ROWS[2] | {"name": "李四"}), "wrong"),
        (_books(ROWS[0], ROWS[1], _row(3, name="李四")), "wrong"),  # another one under the same id
        (_books(*ROWS, upto=2), "wrong"),
        (_books(*ROWS, forked_at=2), "wrong"),
    ],
)
def test_what_is_amiss_is_seen(books: Books, what: str) -> None:
    found = _found(books)
    assert not found.good
    assert getattr(found, what)


def test_a_recount_follows_undo_and_leave_and_counts_both_ways() -> None:
    undo = _row(4, kind="undo", person="p1", supersedes=ROWS[0]["id"])
    leave = _row(5, kind="leave", person="p1", reason="出差")
    away = _row(6, person="p9", venue=6)
    books = _books(*ROWS, undo, leave, away)
    lecture = ROWS[0]["lecture"]
    assert recount.standing(books)[lecture, "p1"] == Stands(status="leave", event=leave["id"], venue=5)
    assert recount.double_ticks([*ROWS, undo, _row(7, person="p1")]) == []
    assert _some(books, 2) == {"present": 3, "guests": 1, "came": 2, "leave": 1, "expected": 3}
    assert _some(books, 6) == {"present": 1, "guests": 1}


def test_a_recount_follows_corrections_codes_headcounts_and_checks() -> None:
    lecture, minute = ROWS[0]["lecture"], 60_000_000
    later = ROWS[0]["captured_at"] + minute
    absent = _row(4, kind="correction", person="p1", data='{"state":"absent"}') | {"captured_at": later}
    excused = _row(5, kind="correction", person="p2", data='{"late":true,"state":"present"}') | {"captured_at": later}
    code = _row(6, person="p9", method="code")
    room = {"person": None, "name": "", "subject": "venue:5"}
    counted, checked = (_row(7 + n, kind=kind) | room for n, kind in enumerate(("headcount", "presence_check")))
    seen = _row(9, kind="presence_check", person="p1")
    books = _books(*ROWS, absent, excused, code, counted | {"data": '{"people":7}'}, checked, seen)
    assert recount.standing(books)[lecture, "p1"].status == "absent"
    assert _some(books, 5) == {
        "present": 3, "guests": 1, "late": 2, "came": 2, "came_late": 1, "expected": 3, "unheard": 1, "headcount": 7,
        "seen": 1,
    }  # fmt: skip
    back = _row(10, person="p1") | {"captured_at": later + minute}
    assert recount.standing(_books(*ROWS, absent, back))[lecture, "p1"].status == "present"
    assert recount.standing(_books(*ROWS, absent | {"method": "desk"}, back))[lecture, "p1"].status == "absent"


def _some(books: Books, top: int) -> dict[str, int]:
    """Those that are not 0."""
    return {name: value for name, value in recount.figures(books, ROWS[0]["lecture"], top).items() if value}
