"""An XLSX file from anybody: measured and copied part by part before its reader sees it. Bytes in, cells out; pure.

The reader (calamine) unpacks whatever an archive holds and lays a sheet out from its first to its last cell, so one
small file could ask for all memory. It therefore never sees the upload itself but an archive that we wrote: only the
parts that we unpacked under a limit, so that nothing hangs on what the upload's directory claims.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import ClassVar

from python_calamine import CalamineError, CalamineWorkbook

from venues.errors import TongtangError

FILE_LARGEST = 32 << 20  # bytes
UNPACKED_LARGEST = 160 << 20  # bytes; 200,000 people are about 60 MB
PARTS_MOST = 2_000
RATIO_MOST = 200  # a real list has about 10
RATIO_FROM = 4 << 20  # bytes; below that nothing is worth a bomb
ROWS_MOST = 200_000
COLUMNS_MOST = 256
CELLS_MOST = 6_000_000  # rows × columns, empty ones too: the reader lays them all out
_WHOLE_BELOW = 10**15  # office programs keep 15 digits of a number

Row = tuple[int, list[str]]  # the line on which it begins, from 1; its cells, without blank space around them

_CHUNK = 1 << 16
_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # what the format allows, and what unpacks in bounded steps
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ATTRIBUTES = rb"""(?:\s+[\w:]+="[^"<>]*")*\s*"""
_NO_CONTENT = re.compile(rb"<(?:\w+:)?(?:c|row)" + _ATTRIBUTES + rb"/>")
_NO_CELLS = re.compile(rb"<((?:\w+:)?row)" + _ATTRIBUTES + rb">\s*</\1>")
_ROW_END = b"</row>"
_PLACE = re.compile(rb"""\br\s*=\s*["']\s*([A-Za-z]*)\$?([0-9]+)\s*["']""")


class FileTooLarge(TongtangError):
    """The file is larger than {megabytes} MB."""

    code: ClassVar[str] = "file_too_large"
    status: ClassVar[int] = 413

    def __init__(self, megabytes: int = FILE_LARGEST >> 20) -> None:
        super().__init__(megabytes=megabytes)


class TooManyRows(TongtangError):
    """The file has more than {rows} rows, or more columns than a list needs."""

    code: ClassVar[str] = "too_many_rows"
    status: ClassVar[int] = 422

    def __init__(self, rows: int = ROWS_MOST) -> None:
        super().__init__(rows=rows)


class WorkbookSuspicious(TongtangError):
    """This workbook unpacks to far more than a list needs, so it was not opened."""

    code: ClassVar[str] = "workbook_suspicious"
    status: ClassVar[int] = 422


class WorkbookDamaged(TongtangError):
    """This workbook is damaged: open it in a spreadsheet program and save it again as XLSX."""

    code: ClassVar[str] = "workbook_damaged"
    status: ClassVar[int] = 422


class WorkbookEncrypted(TongtangError):
    """This workbook is protected by a password: save it without one."""

    code: ClassVar[str] = "workbook_encrypted"
    status: ClassVar[int] = 422


class NotAWorkbook(TongtangError):
    """This is another kind of file (XLS, ODS, Word …): save the list as XLSX or as CSV."""

    code: ClassVar[str] = "not_a_workbook"
    status: ClassVar[int] = 422


def is_workbook(data: bytes) -> bool:
    """Whether the content, whatever its name, is to be read here and not as CSV; also what will be refused here."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06", _OLE))


def sheets(data: bytes) -> tuple[list[str], Iterator[list[Row]]]:
    """The names of the sheets, and for each its rows that are not blank, read when asked for.

    Raises one of the errors above, also while the rows are read.
    """
    small = measured(data)
    with _crash_is_damage():
        book = CalamineWorkbook.from_filelike(io.BytesIO(small))
    return book.sheet_names, (_rows(book, name) for name in book.sheet_names)


def measured(data: bytes) -> bytes:
    """The workbook again, with no part but those of a list and none that was not unpacked within the limits."""
    if len(data) > FILE_LARGEST:
        raise FileTooLarge
    if data.startswith(_OLE):
        raise WorkbookEncrypted if "EncryptedPackage".encode("utf-16-le") in data else NotAWorkbook
    copy = io.BytesIO()
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as made:
            entries = _entries(given)
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels")):  # no pictures, no macros
                    part = _unpacked(given, entry, len(data), total)
                    total += len(part)
                    made.writestr(zipfile.ZipInfo(entry.filename), _sparse(entry.filename, part))
    # NotImplementedError: a version or flag of ZIP that is unknown; RuntimeError: an encrypted entry.
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise WorkbookDamaged from error
    return copy.getvalue()


def _entries(given: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The parts, if the directory by itself is believable; that it tells the truth is not assumed."""
    entries = given.infolist()
    names = {entry.filename for entry in entries}
    if len(entries) > PARTS_MOST or sum(entry.file_size for entry in entries) > 2 * UNPACKED_LARGEST:
        raise WorkbookSuspicious
    if "xl/workbook.xml" not in names:
        raise NotAWorkbook
    if len(names) != len(entries) or any(entry.compress_type not in _COMPRESSIONS for entry in entries):
        raise WorkbookDamaged
    return entries


def _unpacked(given: zipfile.ZipFile, entry: zipfile.ZipInfo, packed: int, before: int) -> bytes:
    """The part, unpacked step by step; `packed` is the size of the file, `before` what other parts came to."""
    chunks: list[bytes] = []
    total = before
    with given.open(entry) as part:
        while chunk := part.read(_CHUNK):
            chunks.append(chunk)
            total += len(chunk)
            if total > UNPACKED_LARGEST or (total > RATIO_FROM and total > RATIO_MOST * packed):
                raise WorkbookSuspicious
    return b"".join(chunks)


def _sparse(name: str, part: bytes) -> bytes:
    """A sheet without its empty cells (some programs write a million); raises TooManyRows if the others lie too far."""
    if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
        if b"<sheetData" in part or b":sheetData" in part:  # a sheet in a place where we do not look
            raise WorkbookDamaged
        return part
    if b"\0" in part:  # UTF-16: allowed by XML, written by nobody
        raise WorkbookDamaged
    kept: list[bytes] = []
    rows = columns = 0
    for piece in _pieces(part):
        piece = _NO_CELLS.sub(b"", _NO_CONTENT.sub(b"", piece))
        for letters, digits in _PLACE.findall(piece):
            if len(letters) > 3 or len(digits) > 7:
                raise TooManyRows
            rows = max(rows, int(digits))
            columns = max(columns, _column(letters))
        kept.append(piece)
    if rows > ROWS_MOST + 10 or columns > COLUMNS_MOST or rows * columns > CELLS_MOST:
        raise TooManyRows
    return b"".join(kept)


def _pieces(part: bytes) -> Iterator[bytes]:
    """A sheet cut behind some of its rows: one search through all of it would hold up the rest of the process."""
    start = 0
    while (end := part.find(_ROW_END, start + _CHUNK)) >= 0:
        yield part[start : end + len(_ROW_END)]
        start = end + len(_ROW_END)
    yield part[start:]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _rows(book: CalamineWorkbook, name: str) -> list[Row]:
    with _crash_is_damage():
        values = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    rows = [(line, [cell_text(value) for value in cells]) for line, cells in enumerate(values, 1)]
    return [(line, cells) for line, cells in rows if any(cells)]


@contextlib.contextmanager
def _crash_is_damage() -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # The reader's panics derive from BaseException and have no name to import.
        if isinstance(error, CalamineError | OSError | ValueError) or type(error).__name__ == "PanicException":
            raise WorkbookDamaged from error
        raise


def cell_text(value: object) -> str:
    """What a person would read in the cell, as CSV would have it.

    A number of more than 15 digits has lost the last ones; it becomes 5.2E+17, which row rules refuse.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | int):
        if not math.isfinite(value):
            return str(value)
        if abs(value) >= _WHOLE_BELOW:
            return f"{value:.6E}"
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ", "minutes")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return "" if value is None else str(value).strip()
