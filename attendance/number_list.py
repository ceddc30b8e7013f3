"""A list of people by number, as somebody pastes or uploads it: text lines, CSV or XLSX. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from attendance.event import is_plain
from attendance.people import NUMBER_LONGEST, clean_number
from attendance.people import PROBLEM_MESSAGES as PEOPLE_MESSAGES
from venues import table_file
from venues.errors import TongtangError
from venues.tree import encoding_mistake

MOST = 60_000  # rows: more than a province has people at one lecture
_HEADERS = {"编号", "number"}
_EXAMPLES = 10

PROBLEM_MESSAGES: Mapping[str, str] = {
    "encoding": PEOPLE_MESSAGES["encoding"],
    "encoding_gb18030": PEOPLE_MESSAGES["encoding_gb18030"],
    "malformed": PEOPLE_MESSAGES["malformed"],
    "number_missing": PEOPLE_MESSAGES["number_missing"],
    "number_invalid": PEOPLE_MESSAGES["number_invalid"],
    "number_unknown": "nobody at home in {venue} has the number {value}",
    "too_many": "a list has at most {most} rows",
}


@dataclass(frozen=True, kw_only=True)
class NumberRow:
    """`line` counts from 1."""

    line: int
    number: str


@dataclass(frozen=True)
class NumberProblem:
    """One mistake in a list. `code` is a key of PROBLEM_MESSAGES, `fields` fill that sentence."""

    line: int
    code: str
    fields: Mapping[str, object] = field(default_factory=dict)


class NumbersRefused(TongtangError):
    """Nothing was set; mistakes in the list of people: {count}, the first in row {line}. Numbers: {numbers}."""

    code: ClassVar[str] = "numbers_refused"
    status: ClassVar[int] = 422

    def __init__(self, problems: Sequence[NumberProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        numbers = [str(each.fields["value"]) for each in self.problems if "value" in each.fields]
        shown = ", ".join(numbers[:_EXAMPLES]) + (" …" if len(numbers) > _EXAMPLES else "")
        super().__init__(count=len(problems), line=self.problems[0].line, numbers=shown or "–")


def parse(data: bytes) -> tuple[list[NumberRow], list[NumberProblem]]:
    """Each row of text, CSV in UTF-8 or XLSX that is not empty: the number is its first cell, or stands in the column
    that a header calls 编号 or number; other cells are ignored, and so a list of people is such a list, too.

    Raises an error of `venues.workbook`.
    """
    table = table_file.read(data, lambda cells: _column(cells) is not None)
    column = _column(table.header or []) or 0
    rows: list[NumberRow] = []
    problems: list[NumberProblem] = []
    for line, cells in table.rows[:MOST]:
        if mistake := encoding_mistake("".join(cells)):
            problems.append(NumberProblem(line, mistake))
            continue
        match row(line, cells[column] if column < len(cells) else ""):
            case NumberRow() as taken:
                rows.append(taken)
            case NumberProblem() as problem:
                problems.append(problem)
    if len(table.rows) > MOST:
        problems.append(NumberProblem(table.rows[MOST][0], "too_many", {"most": MOST}))
    if table.broken:
        line, why = table.broken
        problems.append(NumberProblem(line, "malformed", {"value": why}))
    return rows, problems


def _column(cells: list[str]) -> int | None:
    return next((place for place, cell in enumerate(cells) if cell.lower() in _HEADERS), None)


def row(line: int, text: str) -> NumberRow | NumberProblem:
    """One number as somebody wrote it."""
    number = clean_number(text)
    if not number:
        return NumberProblem(line, "number_missing")
    if len(number) > NUMBER_LONGEST or not is_plain(number):
        return NumberProblem(line, "number_invalid", {"value": number[:20]})
    return NumberRow(line=line, number=number)
