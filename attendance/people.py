"""People and the file that lists them: number, name, home venue."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from attendance.event import is_plain
from venues import table_file
from venues.table_file import Table, lost_digits
from venues.tree import PROBLEM_MESSAGES as TREE_MESSAGES
from venues.tree import encoding_mistake

NUMBER_LONGEST = 64
NAME_LONGEST = 100
# uuid5(uuid.NAMESPACE_DNS, "people.tongtang"): never changes, every node computes the same id from a number.
_NAMESPACE = uuid.UUID("abd07ac8-bb2d-57d5-92c7-274f610b1374")
_HEADERS = {"编号": "number", "姓名": "name", "所属场所": "venue", "number": "number", "name": "name", "venue": "venue"}
_COLUMNS = ("number", "name", "venue")
_DOTS = str.maketrans(dict.fromkeys("•‧∙⋅・･", "·"))  # the middle dots that keyboards make of 阿依·古丽


@dataclass(frozen=True, kw_only=True)
class Person:
    id: str
    number: str
    name: str
    home: int  # venue id


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """One row of the file, cleaned; `venue` is the home venue's code, name, or path of names."""

    line: int
    number: str
    name: str
    venue: str


PROBLEM_MESSAGES: Mapping[str, str] = {
    "header": "the first line must name the columns number, name, venue (or 编号, 姓名, 所属场所), each once",
    "encoding": TREE_MESSAGES["encoding"],
    "encoding_gb18030": TREE_MESSAGES["encoding_gb18030"],
    "malformed": "this is not a row of CSV: {value}",
    "digits_lost": TREE_MESSAGES["digits_lost"],
    "number_missing": "the number is empty",
    "number_invalid": "the number “{value}” is too long or has a control character",
    "number_twice": "the number {value} is already on line {first}",
    "number_merged": "the number {value} was merged into {kept}, which is the same person; write that number",
    "name_missing": "the name is empty",
    "name_invalid": "the name “{value}” is too long or has a control character",
    "venue_missing": "the home venue is empty",
    "venue_unknown": "there is no venue {value} in the tree",
    "venue_ambiguous": "“{value}” is the name of several venues; write the code instead: {candidates}",
    "venue_ambiguous_more": "“{value}” is the name of many venues; write the code instead: {candidates} … {more} more",
}


@dataclass(frozen=True)
class PersonProblem:
    """One mistake in a people file. `code` is a key of PROBLEM_MESSAGES, `fields` fill that sentence."""

    line: int
    code: str
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        return PROBLEM_MESSAGES[self.code].format(**self.fields)


def person_id(number: str) -> str:
    """The person's id, the same on every node, from the number in any spelling of it."""
    return str(uuid.uuid5(_NAMESPACE, clean_number(number)))


def clean_number(text: str) -> str:
    """Compatibility forms folded (１２ → 12), white space removed, upper case."""
    # Twice, because what white space kept apart may combine once it is gone.
    return _folded_number(_folded_number(text))


def _folded_number(text: str) -> str:
    return unicodedata.normalize("NFKC", "".join(unicodedata.normalize("NFKC", text).split()).upper())


def clean_name(text: str) -> str:
    """White space at the ends removed and inside made one space, one kind of middle dot."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_DOTS).split())


def same_name(one: str, other: str) -> bool:
    """Whether two spellings are one name: white space, width and case do not count."""
    return folded_name(one) == folded_name(other)


def folded_name(name: str) -> str:
    """Equal for all spellings of one name."""
    return "".join(unicodedata.normalize("NFKC", clean_name(name)).split()).casefold()


def parse_file(data: bytes) -> tuple[list[PersonRow], list[PersonProblem]]:
    """All rows and all problems of a file, UTF-8 CSV (with or without BOM) or XLSX, told apart by its content.

    Whoever finds a problem imports nothing. Raises an error of `venues.workbook` for a file that cannot be opened.
    """
    return rows_of(table_of(data))


def table_of(data: bytes) -> Table:
    """The sheet of the file that lists people; raises an error of `venues.workbook`."""
    return table_file.read(data, lambda cells: _header(cells) is not None)


def rows_of(table: Table) -> tuple[list[PersonRow], list[PersonProblem]]:
    """The same rules for every kind of file."""
    columns = None if table.header is None else _header(table.header)
    if columns is None:
        return [], [_no_header(table)]
    rows: list[PersonRow] = []
    problems: list[PersonProblem] = []
    first_line: dict[str, int] = {}
    for line, cells in table.rows:
        if mistake := encoding_mistake("".join(cells)):
            problems.append(PersonProblem(line, mistake))
            continue  # what else seems wrong in this row may be the encoding's doing
        row = _row(line, cells, columns)
        rows.append(row)
        problems += _problems(row)
        if row.number in first_line:
            fields = {"value": row.number, "first": first_line[row.number]}
            problems.append(PersonProblem(line, "number_twice", fields))
        elif row.number:
            first_line[row.number] = line
    if table.broken:
        problems.append(PersonProblem(table.broken[0], "malformed", {"value": table.broken[1]}))
    return rows, problems


def _no_header(table: Table) -> PersonProblem:
    for line, cells in table.rows[:1]:
        if mistake := encoding_mistake("".join(cells)):
            return PersonProblem(line, mistake)
    if table.broken:
        return PersonProblem(table.broken[0], "malformed", {"value": table.broken[1]})
    return PersonProblem(table.rows[0][0] if table.rows else 1, "header")


def _header(cells: list[str]) -> dict[str, int] | None:
    names = [_HEADERS.get(cell.strip().lower()) for cell in cells]
    if any(names.count(name) != 1 for name in _COLUMNS):
        return None
    return {name: names.index(name) for name in _COLUMNS}


def _row(line: int, cells: list[str], columns: dict[str, int]) -> PersonRow:
    number, name, venue = (cells[columns[name]] if columns[name] < len(cells) else "" for name in _COLUMNS)
    return PersonRow(line=line, number=clean_number(number), name=clean_name(name), venue=venue.strip())


def _problems(row: PersonRow) -> Iterator[PersonProblem]:
    for column, value, longest in (("number", row.number, NUMBER_LONGEST), ("name", row.name, NAME_LONGEST)):
        if not value:
            yield PersonProblem(row.line, f"{column}_missing")
        elif column == "number" and lost_digits(value):
            yield PersonProblem(row.line, "digits_lost", {"value": value})
        elif len(value) > longest or not is_plain(value):
            yield PersonProblem(row.line, f"{column}_invalid", {"value": value[:20]})
    if not row.venue:
        yield PersonProblem(row.line, "venue_missing")
    elif lost_digits(row.venue):
        yield PersonProblem(row.line, "digits_lost", {"value": row.venue})
