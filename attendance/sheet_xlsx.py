"""A sheet as a workbook (XLSX), written row by row: memory does not grow with the rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from attendance.cells import is_risky
from attendance.sheet import Cell, Heading, Kind, Sheet

_FORMATS = {
    Kind.TEXT: "@",
    Kind.WORD: "@",
    Kind.NUMBER: "#,##0",
    Kind.PERCENT: "0.0%",
    Kind.HOURS: "0.##",
    Kind.TIME: "yyyy-mm-dd hh:mm:ss",
}
_LONGEST = 32_767  # characters in a cell, by the format's own limit


def write_xlsx(sheet: Sheet, path: Path) -> None:
    """Blocks; the rows go to a temporary file beside `path` first. Text is text ("0012", "=A1"), never a formula."""
    import xlsxwriter  # here: only who exports needs it

    options = {"constant_memory": True, "in_memory": False, "tmpdir": str(path.parent)}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": sheet.title})
        _Writer(book, sheet).write()


class _Writer:
    def __init__(self, book: Any, sheet: Sheet) -> None:
        self._book = book
        self._page = book.add_worksheet()
        self._sheet = sheet
        self._row = 0
        self._formats = {kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()}
        # Stays text even when somebody opens the cell and presses Enter.
        self._quoted = book.add_format({"num_format": "@", "quote_prefix": True})
        self._bold = book.add_format({"bold": True})
        look = {"bold": True, "bg_color": "#E8EEF4", "bottom": 1, "text_wrap": True, "valign": "vcenter"}
        self._heading = book.add_format(look)

    def write(self) -> None:
        sheet, page = self._sheet, self._page
        for place, heading in enumerate(sheet.headings):
            page.set_column(place, place, min(heading.width, 60))
        page.set_landscape()
        page.set_paper(9)  # A4
        page.fit_to_pages(1, 0)
        self._text(0, sheet.title, self._book.add_format({"bold": True, "font_size": 14}))
        for label, text in sheet.lines:
            self._row += 1
            self._text(0, f"{label}: {text}")
        self._row += 2
        head = self._row
        for place, heading in enumerate(sheet.headings):
            self._text(place, heading.title, self._heading)
        page.freeze_panes(head + 1, 0)
        page.repeat_rows(head)
        for row in sheet.rows:
            self._row += 1
            for place, (cell, heading) in enumerate(zip(row, sheet.headings, strict=True)):
                self._cell(place, cell, heading)
        page.autofilter(head, 0, self._row, len(sheet.headings) - 1)
        for place, who in enumerate(sheet.signatures):
            self._row += 2 if place == 0 else 1
            self._text(0, f"{who}: ____________________    {sheet.date}: ____________")

    def _cell(self, place: int, cell: Cell, heading: Heading) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, str):
            self._text(place, cell, self._formats[Kind.TEXT])
        elif isinstance(cell, dt.datetime):
            local = cell.astimezone(self._sheet.zone).replace(tzinfo=None, microsecond=0)
            self._page.write_datetime(self._row, place, local, self._formats[heading.kind])
        else:
            self._page.write_number(self._row, place, cell, self._formats[heading.kind])

    def _text(self, place: int, text: str, look: Any = None) -> None:
        if is_risky(text):
            look = self._quoted
        self._page.write_string(self._row, place, text[:_LONGEST], look)
