from __future__ import annotations

import contextlib
import datetime as dt
import io
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.books import book, lying, with_parts
from venues import workbook
from venues.errors import TongtangError
from venues.workbook import cell_text, measured, sheets

SHEET = "xl/worksheets/sheet1.xml"
HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TAIL = b"</sheetData></worksheet>"


def rows(data: bytes) -> list[tuple[int, list[str]]]:
    return next(sheets(data)[1])


def refusal(data: bytes) -> str:
    with pytest.raises(TongtangError) as refused:
        rows(data)
    assert refused.value.message
    return refused.value.code


def test_cells_are_what_a_person_reads_and_blank_rows_are_left_out() -> None:
    given_rows = [
        ["编号", 12, 12.5],
        [],
        [" a ", True, dt.datetime.fromisoformat("2026-11-25")],
        [None, 520102001001, 5.2e17],
        [None, "  "],
    ]
    assert rows(book(given_rows)) == [
        (1, ["编号", "12", "12.5"]),
        (3, ["a", "TRUE", "2026-11-25"]),
        (4, ["", "520102001001", "5.200000E+17"]),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "0"),
        (-3.0, "-3"),
        (0.1, "0.1"),
        (float("nan"), "nan"),
        (999_999_999_999_999.0, "999999999999999"),
        (1_000_000_000_000_000.0, "1.000000E+15"),
        (dt.datetime.fromisoformat("2026-01-02T03:04"), "2026-01-02 03:04"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(3, 4), "03:04:00"),
    ],
)
def test_one_cell(value: object, text: str) -> None:
    assert cell_text(value) == text


def test_sheets_have_names_and_pictures_are_not_copied() -> None:
    data = with_parts(book([["a"]], [["b"]]), {"xl/media/image1.png": b"x" * 1000})
    names, content = sheets(data)
    assert names == ["Sheet1", "Sheet2"]
    assert list(content) == [[(1, ["a"])], [(1, ["b"])]]
    assert "xl/media/image1.png" not in zipfile.ZipFile(io.BytesIO(measured(data))).namelist()


def test_other_kinds_of_file() -> None:
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 512
    assert refusal(ole) == "not_a_workbook"  # .xls
    assert refusal(ole + "EncryptedPackage".encode("utf-16-le")) == "workbook_encrypted"
    assert refusal(with_parts(_zip({}), {"content.xml": b"<x/>"})) == "not_a_workbook"  # .ods
    assert refusal(book([["a"]])[:-40]) == "workbook_damaged"
    assert refusal(b"PK\x03\x04 and nothing") == "workbook_damaged"
    assert refusal(with_parts(book([["a"]]), {"xl/workbook.xml": b"<no"})) == "workbook_damaged"
    assert refusal(b"PK\x03\x04" + bytes(workbook.FILE_LARGEST)) == "file_too_large"


def test_a_bomb_is_not_opened() -> None:
    zeros = HEAD + b" " * (40 << 20) + TAIL
    bomb = with_parts(book([["a"]]), {SHEET: zeros})
    assert len(bomb) < 100_000
    assert refusal(bomb) == "workbook_suspicious"


def test_a_directory_that_lies_does_not_help() -> None:
    zeros = HEAD + b" " * (40 << 20) + TAIL
    bomb = with_parts(book([["a"]]), {SHEET: zeros})
    small = zeros[:1000]
    assert refusal(lying(bomb, SHEET, 1000, 0)) == "workbook_damaged"
    honest_looking = lying(bomb, SHEET, 1000, zlib.crc32(small))
    # Only what was measured reaches the reader: a thousand bytes.
    with contextlib.suppress(TongtangError):
        assert len(measured(honest_looking)) < 20_000
    assert refusal(honest_looking) == "workbook_damaged"


def test_too_many_parts() -> None:
    parts = {f"xl/{number}.xml": b"" for number in range(workbook.PARTS_MOST + 1)}
    assert refusal(with_parts(book([["a"]]), parts)) == "workbook_suspicious"


@pytest.mark.parametrize(
    "cells",
    [
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c><v>1</v></c></row>',
        b"<row r = '300000'><c\n r='A300000'><v>1</v></c></row>",
        b'<row r="1"><c r="XFD1" a=">"><v>1</v></c></row>',
        b'<row r="1"><c r="A99999999999"><v>1</v></c></row>',
    ],
)
def test_a_cell_far_away_does_not_ask_for_all_memory(cells: bytes) -> None:
    assert refusal(with_parts(book([["a"]]), {SHEET: HEAD + cells + TAIL})) == "too_many_rows"


def test_empty_cells_far_away_are_nothing() -> None:
    cells = b'<row r="1"><c r="A1"><v>7</v></c></row><row r="1048576" spans="1:3"><c r="C1048576" s="1"/></row>'
    assert rows(with_parts(book([["a"]]), {SHEET: HEAD + cells + TAIL})) == [(1, ["7"])]


def test_more_rows_than_a_list_may_have() -> None:
    cells = b"".join(b'<row r="%d"><c r="A%d"><v>%d</v></c></row>' % (n, n, n) for n in (1, 200_011))
    assert refusal(with_parts(book([["a"]]), {SHEET: HEAD + cells + TAIL})) == "too_many_rows"


def _zip(parts: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        for name, data in parts.items():
            made.writestr(name, data)
    return content.getvalue()


GOOD = book([["编号", "姓名", 3], ["1", "张三", 5.5]])


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=4))
def test_whatever_is_damaged_is_refused_or_read(place: int, noise: bytes) -> None:
    with contextlib.suppress(TongtangError):
        rows(GOOD[:place] + noise + GOOD[place + len(noise) :])


@given(st.binary(max_size=200))
def test_whatever_a_sheet_holds_is_refused_or_read(noise: bytes) -> None:
    with contextlib.suppress(TongtangError):
        rows(with_parts(GOOD, {SHEET: HEAD + noise + TAIL}))
