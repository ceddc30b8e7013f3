"""Cards to print and cut: A4 sheets of ten, each 85.6 × 54 mm (ISO/IEC 7810 ID-1), with a QR code of digits.

The Chinese font is one that PDF readers bring along or find (Adobe-GB1, not embedded), so no font file is needed here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from attendance.badge import grouped
from attendance.badge_reports import Printed

PER_PAGE = 10
# Everything here is in mm, from the upper left corner.
_ACROSS = 2
_WIDE, _HIGH = 85.6, 54.0
_PAGE_WIDE, _PAGE_HIGH = 210.0, 297.0
_LEFT, _TOP = (_PAGE_WIDE - _ACROSS * _WIDE) / 2, (_PAGE_HIGH - PER_PAGE // _ACROSS * _HIGH) / 2
_MODULE = 0.9  # side of one QR module: a cheap camera reads it from half a metre
_QUIET = 4  # modules of quiet zone (ISO/IEC 18004 §9.1)
_MARGIN, _TEXT_WIDE = 5.0, 35.5
_FONT = "STSong-Light"
_MM = 72 / 25.4
_NAME_SIZES = (7.0, 6.3, 5.6, 5.0, 4.4)
# What readers' substitutes for the font do not have, by what they do have. (Seen with poppler and Noto Sans CJK.)
_INSTEAD = str.maketrans({"·": "・", "…": "...", "—": "-"})
_MISSING = "〓"  # the customary mark for a character that the font lacks: the font ends with the 65,536th


def sheets(cards: Sequence[Printed], *, title: str = "签到卡", numbered: str = "编号 {number}") -> bytes:
    """A PDF with the cards in this order, ten a page. `title` and `numbered` are the words on each card."""
    from reportlab.pdfbase import pdfmetrics  # here: only who prints needs it
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(_PAGE_WIDE * _MM, _PAGE_HIGH * _MM), invariant=1)
    canvas.setTitle(title)
    for start in range(0, len(cards), PER_PAGE):
        canvas.scale(_MM, _MM)
        canvas.setLineWidth(0.1)
        _cut_marks(canvas)
        for place, card in enumerate(cards[start : start + PER_PAGE]):
            x, y = _LEFT + place % _ACROSS * _WIDE, _TOP + place // _ACROSS * _HIGH
            _words(canvas, x, y, card, title, numbered.format(number=card.number))
            _code(canvas, x, y, card.payload)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def printable(text: str) -> str:
    """The text in characters that the font has."""
    return "".join(letter if ord(letter) < 0x10000 else _MISSING for letter in text.translate(_INSTEAD))


def modules(payload: str) -> list[list[bool]]:
    """The QR code of the digits, row by row, True where it is dark; without the quiet zone."""
    import zxingcpp

    code = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    # (Its stubs do not say that an Image has a buffer.)
    picture = memoryview(code.to_image(scale=1, add_quiet_zones=False))  # type: ignore[arg-type]
    side = picture.shape[0] if picture.shape else 0
    dark = [point < 128 for point in picture.cast("B")] if side else []
    return [dark[row * side : (row + 1) * side] for row in range(side)]


def _cut_marks(canvas: Any) -> None:
    """Lines outside the cards and small crosses between them."""
    for x in (_LEFT, _LEFT + _WIDE, _LEFT + 2 * _WIDE):
        for row in range(PER_PAGE // _ACROSS + 1):
            y = _TOP + row * _HIGH
            _line(canvas, x - 1, y, x + 1, y)
            _line(canvas, x, y - 1, x, y + 1)
            _line(canvas, _LEFT - 9, y, _LEFT - 3, y)
            _line(canvas, _PAGE_WIDE - _LEFT + 3, y, _PAGE_WIDE - _LEFT + 9, y)
        _line(canvas, x, _TOP - 9, x, _TOP - 3)
        _line(canvas, x, _PAGE_HIGH - _TOP + 3, x, _PAGE_HIGH - _TOP + 9)


def _line(canvas: Any, x: float, y: float, to_x: float, to_y: float) -> None:
    canvas.line(x, _PAGE_HIGH - y, to_x, _PAGE_HIGH - to_y)


def _words(canvas: Any, x: float, y: float, card: Printed, title: str, number: str) -> None:
    """Whom it belongs to, on the left; the card's own number at the bottom, to be said when it is lost."""
    left = x + _MARGIN
    _text(canvas, left, y + 9, title, 3.2)
    name = printable(card.name)
    size = next((size for size in _NAME_SIZES if _width(canvas, name, size) <= _TEXT_WIDE), _NAME_SIZES[-2])
    below = y + 19
    for line in _wrapped(canvas, name, size, most=2):
        _text(canvas, left, below, line, size, bold=True)
        below += size * 1.25
    below += 7 - size * 1.25
    for line in [printable(number), *_wrapped(canvas, printable(card.home), 3.4, most=3)]:
        _text(canvas, left, below, line, 3.4)
        below += 4.8
    _text(canvas, left, y + _HIGH - _MARGIN, grouped(card.card), 2.4)


def _text(canvas: Any, x: float, y: float, text: str, size: float, *, bold: bool = False) -> None:
    canvas.saveState()
    canvas.setFont(_FONT, size)
    # The font has one weight: bold is drawn with its outline.
    canvas.drawString(x, _PAGE_HIGH - y, text, mode=2 if bold else 0)
    canvas.restoreState()


def _wrapped(canvas: Any, text: str, size: float, *, most: int) -> Iterator[str]:
    """The text in lines that fit, at most so many; what is too long ends in "..."."""
    for number in range(1, most + 1):
        fits = next((end for end in range(len(text), 0, -1) if _width(canvas, text[:end], size) <= _TEXT_WIDE), 0)
        rest = text[fits:].lstrip()
        if rest and number == most:
            yield text[: fits - 2] + "..."
            return
        yield text[:fits].rstrip()
        text = rest
        if not text:
            return


def _width(canvas: Any, text: str, size: float) -> float:
    return float(canvas.stringWidth(text, _FONT, size))


def _code(canvas: Any, x: float, y: float, payload: str) -> None:
    """The QR code at the right edge, in the middle of the height."""
    rows = modules(payload)
    side = (len(rows) + 2 * _QUIET) * _MODULE
    left, top = x + _WIDE - side + _QUIET * _MODULE - 1, y + (_HIGH - side) / 2 + _QUIET * _MODULE
    path = canvas.beginPath()
    for number, row in enumerate(rows):
        bottom = _PAGE_HIGH - (top + (number + 1) * _MODULE)
        for start, length in _runs(row):
            # A hair higher than a module: readers that smooth edges would leave white lines between rows.
            path.rect(left + start * _MODULE, bottom, length * _MODULE, _MODULE * 1.02)
    canvas.drawPath(path, stroke=0, fill=1)


def _runs(row: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where dark modules begin, and how many there are."""
    start = None
    for place, dark in enumerate([*row, False]):
        if dark and start is None:
            start = place
        elif not dark and start is not None:
            yield start, place - start
            start = None
