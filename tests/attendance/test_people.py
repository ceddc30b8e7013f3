from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.people import PersonRow, clean_name, clean_number, parse_file, person_id, same_name


def test_a_list_in_either_language_in_any_order_of_columns() -> None:
    chinese = "\ufeff编号,姓名,所属场所\r\n a1 ,张 三,V1\r\n\r\n".encode()
    english = 'Venue,note,NAME,number\nV1,"two\nlines",张 三,Ａ１\n'.encode()
    row = {"number": "A1", "name": "张 三", "venue": "V1"}
    assert parse_file(chinese) == ([PersonRow(line=2, **row)], [])
    assert parse_file(english) == ([PersonRow(line=2, **row)], [])


def test_all_problems_are_listed_with_their_lines() -> None:
    rows, problems = parse_file("编号,姓名,所属场所\n1,张三,V1\n,李四,V1\n1,王五\n2,,V1\n".encode() + b"3,a\0b,V1\n")
    assert len(rows) == 5
    assert [(problem.line, problem.code) for problem in problems] == [
        (3, "number_missing"),
        (4, "venue_missing"),
        (4, "number_twice"),
        (5, "name_missing"),
        (6, "name_invalid"),
    ]
    assert problems[2].message == "the number 1 is already on line 2"


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        (b"", 1, "header"),
        ("编号,姓名\n1,张三\n".encode(), 1, "header"),
        ("编号,姓名,姓名,所属场所\n".encode(), 1, "header"),
        ("编号,姓名,所属场所\n".encode("gb18030"), 1, "encoding_gb18030"),
        (bytes(range(128, 256)), 1, "encoding"),
        ('编号,姓名,所属场所\n1,"张三,V1\n'.encode(), 2, "malformed"),
    ],
)
def test_a_list_that_cannot_be_read(data: bytes, line: int, code: str) -> None:
    _, problems = parse_file(data)
    assert [(problem.line, problem.code) for problem in problems] == [(line, code)]
    assert problems[0].message


def test_every_line_that_is_not_utf8_is_listed() -> None:
    head, good = "编号,姓名,所属场所\n".encode(), "2,李四,V1\n".encode()
    chinese, noise = "1,张三丰,V1\n".encode("gb18030"), b"3,\x8f\xd3\xfe\x81\x90,V1\n"
    rows, problems = parse_file(head + chinese + good + noise + chinese)
    assert [(problem.line, problem.code) for problem in problems] == [
        (2, "encoding_gb18030"),
        (4, "encoding"),
        (5, "encoding_gb18030"),
    ]
    assert [row.number for row in rows] == ["2"]


_CELL = st.text(st.characters(), max_size=8)
_CSV = st.lists(st.lists(_CELL, max_size=4).map(",".join), max_size=6).map(
    lambda lines: "\n".join(["编号,姓名,所属场所", *lines]).encode("utf-8", "surrogatepass")
)


@given(st.binary() | _CSV)
def test_no_file_crashes_the_reader(data: bytes) -> None:
    rows, problems = parse_file(data)
    for problem in problems:
        assert problem.message
        assert 1 <= problem.line <= len(data.splitlines()) + 2
    if not problems:
        assert len({row.number for row in rows}) == len(rows)


def test_a_persons_id_is_the_same_on_every_node_for_ever() -> None:
    assert person_id("a1") == person_id(" Ａ 1 ") == "8cd42a6f-81f8-5bd3-b369-0820aa8716c2"


def test_names_are_compared_without_white_space_width_and_kind_of_dot() -> None:
    assert same_name(" 张　三 ", "张三")
    assert same_name("阿依•古丽", "阿依·古丽")
    assert same_name("Ｌi Si", "li si")
    assert not same_name("张三", "张山")


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean_number(clean_number(text)) == clean_number(text)
    assert clean_name(clean_name(text)) == clean_name(text)
    assert same_name(text, clean_name(text))
