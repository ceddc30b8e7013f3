from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.books import book
from venues import table_file, workbook
from venues.table_file import lost_digits


def is_header(cells: list[str]) -> bool:
    return "code" in cells


def test_titles_may_stand_above_the_header() -> None:
    rows = [["Our list"], [], ["code", "name"], [1, "x"]]
    for data in (book(rows), b"Our list,\n\ncode,name\n1,x\n"):
        table = table_file.read(data, is_header)
        assert (table.header, table.rows, table.sheet) == (["code", "name"], [(4, ["1", "x"])], None)


def test_a_header_further_down_is_none() -> None:
    rows = [["title"]] * table_file.HEADER_WITHIN + [["code"]]
    assert table_file.read(book(rows), is_header).header is None


def test_the_first_sheet_with_a_header_is_taken_and_named() -> None:
    table = table_file.read(book([["how to"]], [["code"], ["7"]], [["code"], ["8"]]), is_header)
    assert (table.sheet, table.rows) == ("Sheet2", [(2, ["7"])])
    assert table_file.read(book([["how to"]], [["x"]]), is_header).rows == [(1, ["how to"])]


def test_csv_has_limits_too() -> None:
    with pytest.raises(workbook.FileTooLarge):
        table_file.read(b"x" * (workbook.FILE_LARGEST + 1), is_header)
    with pytest.raises(workbook.TooManyRows):
        table_file.read(b"code\n" + b"1\n" * (workbook.ROWS_MOST + 20), is_header)


def test_a_code_that_a_spreadsheet_has_made_a_number_of() -> None:
    assert all(map(lost_digits, ["5.2E+11", "5.20102e+17", "5E11"]))
    assert not any(map(lost_digits, ["520102001001", "E12", "5E", "1E2X", ""]))


_CELLS = st.lists(st.lists(st.sampled_from(["", "a", "12", "张三"]), max_size=3), max_size=5)


@given(_CELLS)
def test_csv_and_xlsx_give_the_same_table(cells: list[list[str]]) -> None:
    rows = [["code", "x", "y"], *([*row, "", "", ""][:3] for row in cells)]
    csv = "\n".join(",".join(row) for row in rows).encode()
    one, other = table_file.read(csv, is_header), table_file.read(book(rows), is_header)
    assert [(line, row) for line, row in one.rows] == [(line, [*row, "", ""][:3]) for line, row in other.rows]
