"""A table to take away: what stands on it, whatever the file. Pure.

How to export a report: write its columns once, as a tuple of `Column`, and give them with the rows to `sheet`:

    COLUMNS: tuple[Column[Row], ...] = (
        Column("Number", lambda row: row.number),                             # text; "0012" stays "0012"
        Column("Rate", lambda row: row.rate, Kind.PERCENT),                   # 0…1
        Column("Came", lambda row: row.at, Kind.TIME),                        # aware datetime, shown in the zone
        Column("State", lambda row: SAID[row.state], Kind.WORD),              # an English msgid, translated
    )
    made = sheet(COLUMNS, rows, say=say, zone=zone, title="…", lines=[("Lecture", "…")], signatures=["Organizer"])

Titles are English msgids; `say` translates them (in a route `web.exports.say_of`). `rows` may be any iterator, also one
that reads a database as it goes: it is used once. Then one of

    csv_pieces(made) -> Iterator[bytes]       attendance.sheet_csv
    write_xlsx(made, path)                    attendance.sheet_xlsx
    write_pdf(made, path)                     attendance.sheet_pdf

or, in a route, `web.exports.send_sheet(request, form, name, made)`, which makes any of them in a thread and sends the
file in pieces (`send` where the rows come from the database meanwhile; web/api/report_files.py shows both).
A new column is exported in all formats by standing in the tuple.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Cell = str | int | float | dt.datetime | None
Say = Callable[[str], str]


class Kind(enum.Enum):
    TEXT = "text"
    WORD = "word"  # a text that is an English msgid
    NUMBER = "number"
    PERCENT = "percent"  # 1 is 100 %
    HOURS = "hours"  # with up to two decimals
    TIME = "time"  # an aware datetime


# Characters, a Chinese one counted as two.
_WIDTHS = {Kind.TEXT: 16, Kind.WORD: 12, Kind.NUMBER: 9, Kind.PERCENT: 9, Kind.HOURS: 9, Kind.TIME: 18}


@dataclass(frozen=True)
class Column(Generic[T]):
    """`title` is an English msgid; `get` gives the cell of a row, None where there is none; `width` in characters.
    `printed`: also in the PDF, whose page is only so wide."""

    title: str
    get: Callable[[T], Cell]
    kind: Kind = Kind.TEXT
    width: int = 0
    printed: bool = True


@dataclass(frozen=True, kw_only=True)
class Heading:
    title: str
    kind: Kind
    width: int
    printed: bool = True


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Everything in the reader's language. `lines`: (label, text) above the table. `signatures`: who has a line to sign
    on. `page`: "page {page} of " with the number of pages to follow, `pages` what follows that."""

    title: str
    lines: tuple[tuple[str, str], ...]
    headings: tuple[Heading, ...]
    rows: Iterable[Sequence[Cell]]
    zone: dt.tzinfo
    signatures: tuple[str, ...] = ()
    page: str = "{page} / "
    pages: str = ""
    date: str = ""


def sheet(
    columns: Sequence[Column[T]],
    rows: Iterable[T],
    *,
    say: Say,
    zone: dt.tzinfo,
    title: str,
    lines: Iterable[tuple[str, str]] = (),
    signatures: Iterable[str] = (),
) -> Sheet:
    """`title` and the texts of `lines` are in the reader's language already; labels and signatures are msgids."""
    page, _, pages = say("Page {page} of {pages}").partition("{pages}")
    return Sheet(
        title=title,
        lines=tuple((say(label), text) for label, text in lines if text),
        headings=tuple(
            Heading(
                title=say(column.title),
                kind=column.kind,
                width=max(column.width or _WIDTHS[column.kind], wide(say(column.title)) + 2),
                printed=column.printed,
            )
            for column in columns
        ),
        rows=_cells(columns, rows, say),
        zone=zone,
        signatures=tuple(map(say, signatures)),
        page=page,
        pages=pages,
        date=say("Date"),
    )


def _cells(columns: Sequence[Column[T]], rows: Iterable[T], say: Say) -> Iterator[Sequence[Cell]]:
    takes = [(column.get, column.kind is Kind.WORD) for column in columns]
    for row in rows:
        yield [_said(get(row), say) if is_word else get(row) for get, is_word in takes]


def _said(cell: Cell, say: Say) -> Cell:
    return say(cell) if isinstance(cell, str) and cell else cell


def wide(text: str) -> int:
    """Columns of a monospaced font that the text takes, a Chinese character two."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)


def plain(cell: Cell, kind: Kind, zone: dt.tzinfo) -> str | int | float:
    """The cell as text files hold it: percents as "12.5%", times as "2026-11-22 10:04:00" in the zone."""
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return cell.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    if kind is Kind.PERCENT and not isinstance(cell, str):
        return f"{100 * cell:.1f}%"
    if kind is Kind.HOURS and isinstance(cell, float):
        return f"{cell:.2f}".rstrip("0").rstrip(".")
    return cell
