"""A sheet to print and sign: A4 landscape, the headings on every page, "page x of y", lines for signatures.

The font is that of the badges (attendance.badge_sheet): PDF readers bring it along or find it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any, ClassVar

from attendance.badge_sheet import printable
from attendance.sheet import Cell, Heading, Kind, Sheet, plain, wide
from venues.errors import TongtangError


class TooLongToPrint(TongtangError):
    """More than {most} rows are not made into a PDF; take the XLSX or the CSV, or a part of the report."""

    code: ClassVar[str] = "too_long_to_print"
    status: ClassVar[int] = 422


ROWS_MOST = 10_000  # some 280 pages
# Everything here is in points, from the lower left corner.
_WIDE, _HIGH = 841.9, 595.3
_MARGIN = 36.0
_FONT, _LATIN = "STSong-Light", "Helvetica"  # the latter for figures and hashes: its letters are wider
_SIZE, _SMALL, _BIG = 8.5, 7.5, 15.0
_DIGITS = 4.35  # a column of figures is as wide as so many times its letters are high: "200,000" fits
_LINE = 14.0  # from row to row
_FIGURES = 8.0  # what such a column wants, where one of text wants as many as it has letters
_HEAD = 0.85  # the letters of the headings, of the cells' height
_PAD = 0.35  # left and right in a cell, of the letters' height
_FOOT = 30.0
_TOTAL = "pages"  # the form with the number of pages, filled in at the end
_RIGHT = frozenset({Kind.NUMBER, Kind.PERCENT, Kind.HOURS})
_RULE, _SHADE, _INK = 0.75, 0.93, 0.0  # grey: 0 is black


def write_pdf(sheet: Sheet, path: Path) -> None:
    """Blocks. Rows are laid out as they come; finished pages are kept compressed. Raises TooLongToPrint."""
    from reportlab.pdfbase import pdfmetrics  # here: only who exports needs it
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    canvas = Canvas(str(path), pagesize=(_WIDE, _HIGH), invariant=1, pageCompression=1)
    canvas.setTitle(sheet.title)
    _Pages(canvas, sheet).draw()
    canvas.save()


class _Pages:
    def __init__(self, canvas: Any, sheet: Sheet) -> None:
        self._canvas = canvas
        self._sheet = sheet
        self._shown = [heading.printed for heading in sheet.headings]
        self._columns = list(compress(sheet.headings, self._shown))
        self._page = 0
        self._y = 0.0
        wanted = [max(_wanted(heading), self._longest_word(heading.title)) for heading in self._columns]
        self._widths = [(_WIDE - 2 * _MARGIN) * each / sum(wanted) for each in wanted]
        # Of the table: many columns, small letters.
        self._size = min(_SIZE, (_WIDE - 2 * _MARGIN) / sum(wanted) * _FIGURES / _DIGITS)
        self._pad = _PAD * self._size
        self._heads = [
            self._wrapped(printable(heading.title), width - 2 * self._pad, self._size * _HEAD)
            for heading, width in zip(self._columns, self._widths, strict=True)
        ]

    def draw(self) -> None:
        """Raises TooLongToPrint."""
        self._begin()
        kinds = [heading.kind for heading in self._columns]
        for number, row in enumerate(self._sheet.rows):
            if number == ROWS_MOST:
                raise TooLongToPrint(most=ROWS_MOST)
            if self._y - _LINE < _MARGIN + _FOOT:
                self._end()
                self._begin()
            self._row(list(compress(row, self._shown)), kinds, shaded=number % 2 == 1)
        self._sign()
        self._end()
        self._canvas.beginForm(_TOTAL, 0, -2, 200, 12)
        self._text(0, 0, f"{self._page}{printable(self._sheet.pages)}", _SMALL)
        self._canvas.endForm()

    def _begin(self) -> None:
        self._page += 1
        self._y = _HIGH - _MARGIN
        if self._page == 1:
            self._y -= _BIG
            self._text(_MARGIN, self._y, self._fitting(printable(self._sheet.title), _WIDE - 2 * _MARGIN, _BIG), _BIG)
            self._y -= 6
            labels = [printable(f"{label}:") for label, _ in self._sheet.lines]
            indent = _MARGIN + max((self._width(label, _SIZE) for label in labels), default=0) + 8
            for label, (_, text) in zip(labels, self._sheet.lines, strict=True):
                for place, line in enumerate(self._wrapped(printable(text), _WIDE - _MARGIN - indent, _SIZE)):
                    self._y -= 12.5
                    if place == 0:
                        self._text(_MARGIN, self._y, label, _SIZE)
                    self._text(indent, self._y, line, _SIZE)
            self._y -= 8
        self._headings()

    def _headings(self) -> None:
        lines = max(map(len, self._heads))
        high = lines * 10.5 + 6
        self._box(self._y - high, high, grey=0.86)
        x = _MARGIN
        for heading, texts, width in zip(self._columns, self._heads, self._widths, strict=True):
            for place, text in enumerate(texts):
                self._aligned(
                    x, self._y - 11 - place * 10.5, width, text, self._size * _HEAD, right=heading.kind in _RIGHT
                )
            x += width
        self._y -= high

    def _row(self, row: Sequence[Cell], kinds: Sequence[Kind], *, shaded: bool) -> None:
        self._y -= _LINE
        if shaded:
            self._box(self._y, _LINE, grey=_SHADE + 0.035)
        x = _MARGIN
        for cell, kind, width in zip(row, kinds, self._widths, strict=True):
            shown = plain(cell, kind, self._sheet.zone)
            text = f"{shown:,}" if isinstance(shown, int) else printable(str(shown))
            if text:
                text = self._fitting(text, width - 2 * self._pad, self._size)
                self._aligned(x, self._y + 4, width, text, self._size, right=kind in _RIGHT)
            x += width

    def _sign(self) -> None:
        """Lines to sign on, two beside each other."""
        rows = (len(self._sheet.signatures) + 1) // 2
        if not rows:
            return
        if self._y - rows * 40 < _MARGIN + _FOOT:
            self._end()
            self._begin()
        half = (_WIDE - 2 * _MARGIN) / 2
        for place, who in enumerate(self._sheet.signatures):
            x, y = _MARGIN + place % 2 * half, self._y - 40 * (place // 2 + 1)
            label, date = printable(who), printable(self._sheet.date)
            self._text(x, y, label, _SIZE)
            start = x + self._width(label, _SIZE) + 6
            self._canvas.line(start, y - 2, x + half - 130, y - 2)
            self._text(x + half - 124, y, date, _SIZE)
            self._canvas.line(x + half - 118 + self._width(date, _SIZE), y - 2, x + half - 20, y - 2)
        self._y -= rows * 40

    def _end(self) -> None:
        page = printable(self._sheet.page.format(page=self._page))
        y = _MARGIN - 6
        self._text(_MARGIN, y, self._fitting(printable(self._sheet.title), 500, _SMALL), _SMALL)
        # "y" is not known yet: room for four digits and what follows them.
        x = _WIDE - _MARGIN - self._width(page, _SMALL) - self._width(f"0000{self._sheet.pages}", _SMALL)
        self._text(x, y, page, _SMALL)
        self._canvas.saveState()
        self._canvas.translate(x + self._width(page, _SMALL), y)
        self._canvas.doForm(_TOTAL)
        self._canvas.restoreState()
        self._canvas.showPage()

    def _longest_word(self, title: str) -> float:
        """What the column wants so that no Latin word of its heading is broken."""
        words = [self._width(word, _HEAD) for word in re.findall(r"[!-~]+", title)]
        return (max(words, default=0.0) + 2 * _PAD + 0.05) * _FIGURES / _DIGITS

    def _box(self, y: float, high: float, *, grey: float) -> None:
        self._canvas.setFillGray(grey)
        self._canvas.rect(_MARGIN, y, _WIDE - 2 * _MARGIN, high, stroke=0, fill=1)
        self._canvas.setFillGray(_INK)

    def _aligned(self, x: float, y: float, width: float, text: str, size: float, *, right: bool) -> None:
        start = x + width - self._pad - self._width(text, size) if right else x + self._pad
        self._text(start, y, text, size)

    def _text(self, x: float, y: float, text: str, size: float) -> None:
        self._canvas.setFont(_LATIN if text.isascii() else _FONT, size)
        self._canvas.drawString(x, y, text)

    def _width(self, text: str, size: float) -> float:
        return float(self._canvas.stringWidth(text, _LATIN if text.isascii() else _FONT, size))

    def _fitting(self, text: str, room: float, size: float) -> str:
        """What is too long ends in "..."."""
        if wide(text) * size * 0.5 <= room * 0.8 or self._width(text, size) <= room:
            return text
        while text and self._width(text + "...", size) > room:
            text = text[:-1]
        return text + "..."

    def _wrapped(self, text: str, room: float, size: float) -> list[str]:
        """At most four lines."""
        lines: list[str] = []
        while text and len(lines) < 3:
            fits = next((n for n in range(len(text), 0, -1) if self._width(text[:n], size) <= room), 1)
            at_space = text.rfind(" ", 0, fits + 1)
            if fits < len(text) and at_space > 0:
                fits = at_space
            lines.append(text[:fits].strip())
            text = text[fits:].strip()
        return [*lines, self._fitting(text, room, size)] if text else lines


def _wanted(heading: Heading) -> float:
    """The columns share the page by this; headings wrap, so figures need no more than their digits."""
    return _FIGURES if heading.kind in _RIGHT else float(min(heading.width, 40))
