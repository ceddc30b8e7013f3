from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json

import pytest

from attendance.closing import Standing, VenueState
from attendance.frozen import (
    COLUMNS,
    Cause,
    FrozenInvalid,
    FrozenUnknown,
    canonical,
    content,
    differences,
    figures_of,
    hash_of,
    read,
    same_state,
)
from attendance.lectures import Lecture
from attendance.policy import FIRST
from attendance.report import HomeCounts, LectureReport, ReportRow, ToldCounts, VenueCounts
from venues.status import Presence
from venues.tree import Venue

AT = dt.datetime(2026, 11, 22, 4, 0, tzinfo=dt.UTC)
LECTURE = Lecture(id="01890a5d-0000-774b-bcce-b302099a8057", title="党课", venue_id=1)
HOME = HomeCounts(expected=5, came=3, late=1, early=0, leave=1, makeup=0, absent=0, not_reported=1, credit=150)


def row(venue: int, parent: int | None, **changed: object) -> ReportRow:
    values: dict[str, object] = {
        "venue_id": venue,
        "parent_id": parent,
        "code": f"5{venue}",
        "name": f"{venue}村",
        "level": 0 if parent is None else parent,
        "has_children": venue < 3,
        "expected": 5,
        "present": 3,
        "guests": 0,
        "late": 1,
        "early": 0,
        "attended": 3,
        "minutes": 200,
        "home": HOME,
        "presence": Presence.CONNECTED,
        "venues": VenueCounts(total=1, connected=1, final=1),
        "pending": 0,
        "standing": Standing(state=VenueState.FINAL, closed_at=AT),
        "told": ToldCounts(shown=1, picture_s=5000, sound_s=4000, picture=0.9583, sound=1.0),
    }
    return ReportRow(**values | changed)  # type: ignore[arg-type]


ROWS = (row(1, None), row(2, 1), row(3, 2))
REPORT = LectureReport(lecture=LECTURE, path=(Venue(id=1, code="51", name="1村", level=0, parent_id=None),), rows=ROWS)


def made(rows: tuple[ReportRow, ...] = ROWS, **changed: object) -> dict[str, object]:
    about: dict[str, object] = {
        "number": 1,
        "at": AT,
        "by": "组织者",
        "cause": Cause.ASKED,
        "reason": "结算",
        "over": False,
    }
    report = dataclasses.replace(REPORT, rows=rows)
    return content(report, FIRST, **about | changed)  # type: ignore[arg-type]


def test_a_version_is_read_back_as_it_was() -> None:
    raw = canonical(made())
    found = read(raw)
    assert found.report.rows == ROWS
    assert (found.report.lecture, found.policy, found.over) == (LECTURE, FIRST, False)
    version = found.version
    assert (version.number, version.made_at, version.made_by, version.reason) == (1, AT, "组织者", "结算")
    assert version.hash == hash_of(raw) == hashlib.sha256(raw).hexdigest()


def test_the_spelling_is_the_one_that_the_document_describes() -> None:
    raw = canonical(made())
    text = json.dumps(json.loads(raw), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert text.encode() == raw
    assert b"." not in b"".join(raw.split(b'"')[::2])  # whole numbers alone


def test_what_is_spelled_otherwise_or_is_something_else_is_refused() -> None:
    raw = canonical(made())
    other = raw.replace(b"tongtang report 1", b"tongtang report 9")
    for wrong in (json.dumps(json.loads(raw)).encode(), raw + b"\n", b"{}", b"[]", b"x", b"\xff", other, b"[" * 9999):
        with pytest.raises(FrozenInvalid):
            read(wrong)
    short = json.loads(raw)
    short["rows"][0].pop()
    with pytest.raises(FrozenInvalid):
        read(canonical(short))


def test_a_venue_within_a_version() -> None:
    found = read(canonical(made()))
    assert [one.venue_id for one in found.at(None).rows] == [1, 2]
    inner = found.at(2)
    assert ([one.venue_id for one in inner.rows], [one.id for one in inner.path]) == ([2, 3], [1, 2])
    assert [one.id for one in found.at(3).path] == [1, 2, 3]
    with pytest.raises(FrozenUnknown):
        found.at(9)


def test_the_same_state_is_that_of_the_figures() -> None:
    later = made(number=2, at=AT + dt.timedelta(days=1), by="another", cause=Cause.BEFORE, reason="")
    assert same_state(made(), later)
    silent = (row(1, None, presence=Presence.SILENT, venues=VenueCounts(total=1, silent=1, final=1)), *ROWS[1:])
    assert same_state(made(), made(silent))
    for changed in ({"present": 4}, {"home": dataclasses.replace(HOME, credit=0)}):
        assert not same_state(made(), made((row(1, None, **changed), *ROWS[1:])))
    assert not same_state(made(), made(over=True))
    reopened = row(1, None, standing=Standing(state=VenueState.CONNECTED))
    assert not same_state(made(), made((reopened, *ROWS[1:])))


def test_differences() -> None:
    after = (ROWS[0], row(2, 1, present=4, pending=7), row(4, 2))
    found = differences(ROWS, after)
    assert [(one.before is None, one.after is None) for one in found] == [(False, False), (True, False), (False, True)]
    assert found[0].columns == ("present",)
    assert figures_of(found[0].before, found[0].columns) == {"present": 3}
    assert figures_of(found[1].before, found[1].columns) == {}
    assert differences(ROWS, ROWS) == []


def test_what_an_older_program_did_not_freeze_is_as_if_nothing_was_told() -> None:
    older = made()
    places = [place for place, name in enumerate(COLUMNS) if not name.startswith("told_")]
    older["columns"] = [COLUMNS[place] for place in places]
    older["rows"] = [[line[place] for place in places] for line in older["rows"]]  # type: ignore[attr-defined]
    assert read(canonical(older)).report.rows[0].told == ToldCounts()
