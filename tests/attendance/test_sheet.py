from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import re
import zlib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from python_calamine import CalamineWorkbook

from attendance.cells import harmless, is_risky
from attendance.sheet import Column, Kind, Sheet, plain, sheet
from attendance.sheet_csv import csv_pieces
from attendance.sheet_pdf import ROWS_MOST, TooLongToPrint, write_pdf
from attendance.sheet_xlsx import write_xlsx

ZONE = ZoneInfo("Asia/Shanghai")
AT = dt.datetime(2026, 11, 22, 2, 4, 5, 678000, tzinfo=dt.UTC)
WORDS = {"Number": "编号", "late": "迟到", "Page {page} of {pages}": "第 {page} 页，共 {pages} 页"}
Row = tuple[str, str, float, dt.datetime | None, int, float, str | None]
COLUMNS: tuple[Column[Row], ...] = (
    Column("Number", lambda row: row[0]),
    Column("Name", lambda row: row[1]),
    Column("Rate", lambda row: row[2], Kind.PERCENT),
    Column("Time", lambda row: row[3], Kind.TIME),
    Column("People", lambda row: row[4], Kind.NUMBER),
    Column("Hours", lambda row: row[5], Kind.HOURS),
    Column("State", lambda row: row[6], Kind.WORD),
)
ROWS: list[Row] = [
    ("0012", "=HYPERLINK(1)", 0.125, AT, 1234, 1.5, "late"),
    ("0013", "𠮷阿依·古丽", 1.0, None, 0, 2.0, None),
]


def made(rows: list[Row] = ROWS) -> Sheet:
    return sheet(
        COLUMNS,
        iter(rows),
        say=lambda text: WORDS.get(text, text),
        zone=ZONE,
        title="=党课",
        lines=[("Lecture", "党课"), ("Hash", "")],
        signatures=["Organizer", "Checked by"],
    )


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))
def test_what_looks_like_a_formula_is_made_harmless(start: str) -> None:
    assert is_risky(f"{start}1")
    assert harmless(f"{start}1") == f"'{start}1"


def test_other_cells_stay_as_they_are() -> None:
    assert [harmless(cell) for cell in ("张三", "1-2", "", -5, -0.5)] == ["张三", "1-2", "", -5, -0.5]


def test_a_cell_as_text() -> None:
    assert plain(AT, Kind.TIME, ZONE) == "2026-11-22 10:04:05"
    assert plain(2 / 3, Kind.PERCENT, ZONE) == "66.7%"
    assert (plain(1.5, Kind.HOURS, ZONE), plain(2.0, Kind.HOURS, ZONE)) == ("1.5", "2")
    assert (plain(None, Kind.NUMBER, ZONE), plain(0, Kind.NUMBER, ZONE)) == ("", 0)


def test_csv() -> None:
    data = b"".join(csv_pieces(made()))
    assert data.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert lines[0] == ["编号", "Name", "Rate", "Time", "People", "Hours", "State"]
    assert lines[1] == ["0012", "'=HYPERLINK(1)", "12.5%", "2026-11-22 10:04:05", "1234", "1.5", "迟到"]
    assert lines[2] == ["0013", "𠮷阿依·古丽", "100.0%", "", "0", "2", ""]


def test_csv_comes_in_pieces() -> None:
    pieces = list(csv_pieces(made(ROWS * 3000)))
    assert len(pieces) > 3
    assert max(map(len, pieces)) < 300_000
    assert b"".join(pieces).count(b"\r\n") == 6001


def test_xlsx_is_read_back_with_its_types(tmp_path: Path) -> None:
    write_xlsx(made(), tmp_path / "a.xlsx")
    rows = CalamineWorkbook.from_path(str(tmp_path / "a.xlsx")).get_sheet_by_index(0).to_python()
    assert rows[0][0] == "=党课"
    assert rows[1][0] == "Lecture: 党课"
    assert rows[3] == ["编号", "Name", "Rate", "Time", "People", "Hours", "State"]
    assert rows[4] == ["0012", "=HYPERLINK(1)", 0.125, dt.datetime(2026, 11, 22, 10, 4, 5), 1234, 1.5, "迟到"]  # noqa: DTZ001
    assert rows[5] == ["0013", "𠮷阿依·古丽", 1.0, "", 0, 2.0, ""]
    assert str(rows[7][0]).startswith("Organizer: ___")


def test_xlsx_holds_no_formula_and_leaves_no_file_beside_it(tmp_path: Path) -> None:
    import zipfile

    write_xlsx(made(), tmp_path / "a.xlsx")
    assert [file.name for file in tmp_path.iterdir()] == ["a.xlsx"]
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        page, styles = book.read("xl/worksheets/sheet1.xml"), book.read("xl/styles.xml")
    assert b"<f>" not in page
    assert b'quotePrefix="1"' in styles
    for part in (b'state="frozen"', b'<autoFilter ref="A4:G6"/>', b'orientation="landscape"'):
        assert part in page


def texts(path: Path) -> list[str]:
    """What is drawn on each page and form of a PDF of ours: streams in ASCII85 and deflate, Chinese as UTF-16."""
    data, found = path.read_bytes(), []
    for raw in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        drawn = zlib.decompress(
            base64.a85decode(raw.strip(), adobe=False)
            if not raw.strip().endswith(b"~>")
            else base64.a85decode(b"<~" + raw.strip(), adobe=True)
        )
        found.append(" ".join(_text(piece) for piece in re.findall(rb"\(((?:\\.|[^\\)])*)\) Tj", drawn, re.DOTALL)))
    return found


def _text(piece: bytes) -> str:
    plain_ = re.sub(
        rb"\\([0-7]{3}|.)",
        lambda hit: (
            bytes([int(hit[1], 8)]) if len(hit[1]) == 3 else {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(hit[1], hit[1])
        ),
        piece,
        flags=re.DOTALL,
    )
    try:
        return plain_.decode("utf-16-be") if b"\0" in plain_ or any(byte > 126 for byte in plain_) else plain_.decode()
    except UnicodeDecodeError:
        return plain_.decode("latin-1")


def test_pdf(tmp_path: Path) -> None:
    write_pdf(made(ROWS * 40), tmp_path / "a.pdf")
    *pages, total = sorted(texts(tmp_path / "a.pdf"), key=len, reverse=True)
    assert len(pages) == 3
    assert all("编号" in page and "0012" in page for page in pages)
    assert sum("Lecture:" in page for page in pages) == 1
    assert sum("Organizer" in page and "Checked by" in page for page in pages) == 1
    assert sorted(re.findall("第 . 页", " ".join(pages))) == ["第 1 页", "第 2 页", "第 3 页"]
    assert total == "3 页"
    assert "1,234" in pages[0]
    assert "〓阿依・古丽" in pages[0]


def test_a_pdf_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(TooLongToPrint):
        write_pdf(made(ROWS * (ROWS_MOST // 2 + 1)), tmp_path / "a.pdf")
