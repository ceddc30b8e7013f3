"""A list that somebody uploads, CSV or XLSX, told apart by its content: the header, and rows of text. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from venues import workbook
from venues.workbook import Row

HEADER_WITHIN = 10  # rows that are not blank: titles may stand above the header
_LOST_DIGITS = re.compile(r"[+-]?\d(\.\d+)?E\+?\d+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Table:
    """`header` is None if no row was one; then `rows` are all rows, else those below it, blank ones left out."""

    header: list[str] | None
    rows: list[Row]
    broken: tuple[int, str] | None = None  # the line from which on it is no CSV any more, and why
    sheet: str | None = None  # None: the file is CSV or has one sheet only


def read(data: bytes, is_header: Callable[[list[str]], bool]) -> Table:
    """The table in a file; of several sheets the first that has a header.

    What is not UTF-8 in CSV is left in as lone surrogates. Raises an error of `venues.workbook`.
    """
    if not workbook.is_workbook(data):
        return _csv(data, is_header)
    names, all_rows = workbook.sheets(data)
    first: Table | None = None
    for name, rows in zip(names, all_rows, strict=True):
        table = _below_header(rows, is_header, sheet=name if len(names) > 1 else None)
        if table.header is not None:
            return table
        first = first or table
    return first or Table(header=None, rows=[])


def lost_digits(text: str) -> bool:
    """Whether a spreadsheet has made 5.2E+11 of a code."""
    return _LOST_DIGITS.fullmatch(text) is not None


def _csv(data: bytes, is_header: Callable[[list[str]], bool]) -> Table:
    if len(data) > workbook.FILE_LARGEST:
        raise workbook.FileTooLarge
    text = data.decode("utf-8-sig", errors="surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                rows.append((line, cells))
            if len(rows) > workbook.ROWS_MOST + HEADER_WITHIN:
                raise workbook.TooManyRows
            line = reader.line_num + 1
    except csv.Error as error:  # an open quote, a NUL, a cell of more than 128 KiB
        return _below_header(rows, is_header, broken=(line, str(error)))
    return _below_header(rows, is_header)


def _below_header(
    rows: list[Row],
    is_header: Callable[[list[str]], bool],
    *,
    broken: tuple[int, str] | None = None,
    sheet: str | None = None,
) -> Table:
    for place, (_, cells) in enumerate(rows[:HEADER_WITHIN]):
        if is_header(cells):
            return Table(header=cells, rows=rows[place + 1 :], broken=broken, sheet=sheet)
    return Table(header=None, rows=rows, broken=broken, sheet=sheet)
