"""The verdict itself: it sees what was lost, what is double, and what is not as it was written."""

from __future__ import annotations

from typing import Any

import pytest

from attendance.event import content_hash
from tests.attendance.world import an_event
from tests.faults import recount, verdict
from tests.faults.recount import Books, Row

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


def _books(*rows: Row, upto: int = 3, forked_at: int | None = None) -> Books:
    return Books(
        level="root",
        events=rows,
        streams={("node-9", 7): {"upto": upto, "beyond": "[]", "forked_at": forked_at}},
        presences=[],
        quarantine=[],
        homes=PEOPLE,
        parents={1: None, 2: 1, 5: 2, 6: 2},
    )


ROWS = [_row(1), _row(2), _row(3)]


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
    standing = recount.standing(books.events)
    lecture = ROWS[0]["lecture"]
    assert standing[lecture, "p1"] == ("leave", leave["id"], 5)
    assert recount.double_ticks([*ROWS, undo, _row(7, person="p1")]) == []
    assert recount.figures(books, lecture, 2) == {"present": 3, "guests": 1, "came": 2, "leave": 1, "expected": 3}
    assert recount.figures(books, lecture, 6) == {"present": 1, "guests": 1, "came": 0, "leave": 0, "expected": 0}
