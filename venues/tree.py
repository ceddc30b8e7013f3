"""The tree of venues as rows of a file: reading it and finding every mistake in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from venues import table_file
from venues.errors import TongtangError
from venues.table_file import lost_digits


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of the tree; its place in the configured list is its number, 0 = top."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}  # read by venues.settings

    key: str  # what files say: "county"
    zh: str  # what pages say in Chinese: "县"
    en: str  # and in English: "County"


@dataclass(frozen=True, kw_only=True)
class Venue:
    """One venue. `id` is given by the root when it first imports `code`, and is the same at every node."""

    id: int
    code: str
    name: str
    level: int  # index into the configured levels
    parent_id: int | None  # None = the tree's root


@dataclass(frozen=True)
class VenueRow:
    """One row of a venues file, as written: nothing has been checked yet. `line` counts from 1, 0 = not from a file."""

    line: int
    code: str
    name: str
    level: str  # a Level's key, zh or en
    parent: str  # code of the parent, "" = this is the root


PROBLEM_MESSAGES: Mapping[str, str] = {
    "header": "the first line must name the columns code, name, level, parent (or 代码, 名称, 级别, 上级)",
    "malformed": "this is not a row of CSV: {detail}",
    "no_rows": "there is no venue in the file",
    "encoding": "this line is not UTF-8: save the file as UTF-8",
    "encoding_gb18030": "this line is not UTF-8 but looks like GB18030 (GBK): save the file as UTF-8",
    "digits_lost": "{value} has lost digits: format the column as text in the spreadsheet and type it again",
    "too_long": "there is a cell with more than {longest} letters",
    "empty_code": "the code is empty",
    "empty_name": "the name of {venue} is empty",
    "unknown_level": "{venue} has the level “{level}”; known levels are {known}",
    "duplicate_code": "the code {venue} is already on line {first}",
    "unknown_parent": "{venue} has the parent {parent}, which is neither in the file nor in the tree",
    "second_root": "{venue} has no parent, but the tree's root is already {root}",
    "cycle": "{venue} is above itself: {cycle}",
    "level_order": "{venue} ({level}) must be at a lower level than its parent {parent} ({parent_level})",
}


@dataclass(frozen=True)
class Problem:
    """One mistake in a venues file. `code` is a key of PROBLEM_MESSAGES, `fields` fill that sentence."""

    line: int
    code: str
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        return PROBLEM_MESSAGES[self.code].format(**self.fields)


class TreeInvalid(TongtangError):
    """Nothing was imported; mistakes in the venues file: {count}."""

    code = "tree_invalid"
    status = 422

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(count=len(self.problems))


# First bytes in GB 2312: punctuation, full-width letters, and level 1, the 3,755 hanzi that are used most (rows 16-55).
_COMMON = {bytes([lead]) for lead in (0xA1, 0xA3, *range(0xB0, 0xD8))}
_LONGEST = 200  # letters in a cell
_COLUMNS = (("code", "代码"), ("name", "名称"), ("level", "级别"), ("parent", "上级"))


def parse_file(data: bytes) -> list[VenueRow]:
    """The rows of a file, UTF-8 CSV (with or without BOM) or XLSX, columns found by their header, others ignored.

    A row that is not UTF-8 is returned all the same (its bytes as lone surrogates) so that `check` lists it together
    with every other mistake. Raises TreeInvalid only for a file whose header or quoting cannot be read, and an error
    of `venues.workbook` for one that cannot be opened.
    """
    table = table_file.read(data, lambda cells: _columns(cells) is not None)
    places = None if table.header is None else _columns(table.header)
    if places is None:
        for line, cells in table.rows[:1]:
            if problem := _encoding_problem(line, "".join(cells)):
                raise TreeInvalid([problem])
    if table.broken:
        raise TreeInvalid([Problem(table.broken[0], "malformed", {"detail": table.broken[1]})])
    if places is None:
        raise TreeInvalid([Problem(table.rows[0][0] if table.rows else 1, "header")])
    rows: list[VenueRow] = []
    for line, cells in table.rows:
        code, name, level, parent = (cells[place] if place < len(cells) else "" for place in places)
        rows.append(VenueRow(line, code, name, level, parent))
    return rows


def _columns(header: Sequence[str]) -> list[int] | None:
    names = [cell.lower() for cell in header]
    found = [next((names.index(name) for name in spellings if name in names), -1) for spellings in _COLUMNS]
    return None if -1 in found else found


def _encoding_problem(line: int, text: str) -> Problem | None:
    code = encoding_mistake(text)
    return Problem(line, code) if code else None


def encoding_mistake(text: str) -> str | None:
    """A key of PROBLEM_MESSAGES for a line that was not UTF-8, decoded with `errors="surrogateescape"`; else None."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raw = text.encode(errors="surrogateescape")
        return "encoding_gb18030" if _looks_like_gb18030(raw) else "encoding"
    return None


def _looks_like_gb18030(raw: bytes) -> bool:
    """Nearly any pair of bytes is some letter of GB18030; in Chinese text most are common ones."""
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return False
    letters = [letter for letter in text if not letter.isascii()]
    common = sum(1 for letter in letters if letter.encode("gb2312", "ignore")[:1] in _COMMON)
    return text.isprintable() and common * 2 >= len(letters)


def level_index(levels: Sequence[Level], text: str) -> int | None:
    """The number of the level that a file calls `text` (its key, Chinese or English name), None = no such level."""
    return next((i for i, level in enumerate(levels) if text in (level.key, level.zh, level.en)), None)


def check(rows: Sequence[VenueRow], levels: Sequence[Level]) -> list[Problem]:
    """Every mistake in a whole tree, sorted by line. Names may repeat and levels may be skipped; codes may not."""
    if not rows:
        return [Problem(1, "no_rows")]
    problems: list[Problem] = []
    numbers = {name: i for i, level in reversed(list(enumerate(levels))) for name in (level.key, level.zh, level.en)}
    by_code: dict[str, VenueRow] = {}
    for row in rows:
        problems += _check_cells(row, numbers, levels)
        if not row.code:
            continue
        if row.code in by_code:
            first = by_code[row.code].line
            problems.append(Problem(row.line, "duplicate_code", {"venue": row.code, "first": first}))
        else:
            by_code[row.code] = row
    root: VenueRow | None = None
    for row in by_code.values():
        if row.parent:
            problems += _check_parent(row, by_code.get(row.parent), numbers)
        elif root is not None:
            problems.append(Problem(row.line, "second_root", {"venue": row.code, "root": root.code}))
        else:
            root = row
    for cycle in _cycles({row.code: row.parent for row in by_code.values()}):
        shown = " → ".join([*cycle, cycle[0]])
        problems += [Problem(by_code[code].line, "cycle", {"venue": code, "cycle": shown}) for code in cycle]
    return sorted(problems, key=lambda problem: problem.line)


def _check_cells(row: VenueRow, numbers: Mapping[str, int], levels: Sequence[Level]) -> Iterable[Problem]:
    if problem := _encoding_problem(row.line, row.code + row.name + row.level + row.parent):
        yield problem
        return  # what else seems wrong in this row may be the encoding's doing
    for code in (row.code, row.parent):
        if lost_digits(code):
            yield Problem(row.line, "digits_lost", {"value": code})
    if any(len(cell) > _LONGEST for cell in (row.code, row.name, row.level, row.parent)):
        yield Problem(row.line, "too_long", {"longest": _LONGEST})
        return
    if not row.code:
        yield Problem(row.line, "empty_code")
    if not row.name:
        yield Problem(row.line, "empty_name", {"venue": row.code})
    if row.level not in numbers:
        known = ", ".join(level.key for level in levels)
        yield Problem(row.line, "unknown_level", {"venue": row.code, "level": row.level, "known": known})


def _check_parent(row: VenueRow, parent: VenueRow | None, numbers: Mapping[str, int]) -> Iterable[Problem]:
    if parent is None:
        if not _encoding_problem(row.line, row.parent):
            yield Problem(row.line, "unknown_parent", {"venue": row.code, "parent": row.parent})
    elif row is not parent and numbers.get(row.level, 1 << 30) <= numbers.get(parent.level, -1):
        shown = {"venue": row.code, "level": row.level, "parent": parent.code, "parent_level": parent.level}
        yield Problem(row.line, "level_order", shown)


def _cycles(parents: Mapping[str, str]) -> list[list[str]]:
    """The cycles of a map child → parent, each once, child first."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in parents:
        walk: dict[str, None] = {}
        code = start
        while code in parents and code not in done and code not in walk:
            walk[code] = None
            code = parents[code]
        if code in walk:
            trail = list(walk)
            found.append(trail[trail.index(code) :])
        done.update(walk)
    return found
