"""Lists of numbers as people paste and upload them."""

from __future__ import annotations

import pytest

from attendance import number_list
from attendance.number_list import PROBLEM_MESSAGES, NumberProblem, NumberRow, NumbersRefused, parse


def numbers(text: str) -> list[str]:
    rows, problems = parse(text.encode())
    assert not problems
    return [row.number for row in rows]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("a1\r\n\r\n  A2 \n", ["A1", "A2"]),
        ("Ａ１\n", ["A1"]),
        ("\ufeffA1,张三,V1\nA2,李四\n", ["A1", "A2"]),
        ("姓名,编号\n张三,A1\n李四,A2\n", ["A1", "A2"]),
        ("Number\nA1\n", ["A1"]),
        ("A1\nA1\n", ["A1", "A1"]),
    ],
)
def test_the_number_is_the_first_cell_or_in_the_column_called_so(text: str, found: list[str]) -> None:
    assert numbers(text) == found


def test_every_mistake_is_named_with_its_row() -> None:
    rows, problems = parse("A1\n,张三\nA\u0007\n".encode() + "王\n".encode("gb18030") + b"A2\n")
    assert rows == [NumberRow(line=1, number="A1"), NumberRow(line=5, number="A2")]
    assert [(each.line, each.code) for each in problems] == [
        (2, "number_missing"),
        (3, "number_invalid"),
        (4, "encoding_gb18030"),
    ]
    assert {each.code for each in problems} <= set(PROBLEM_MESSAGES)


def test_an_open_quote_is_one_mistake() -> None:
    _, problems = parse(b'A1\n"A2\nA3\n')
    assert [each.code for each in problems] == ["malformed"]


def test_a_list_has_an_end() -> None:
    _, problems = parse(b"A\n" * (number_list.MOST + 1))
    assert [(each.line, each.code) for each in problems] == [(number_list.MOST + 1, "too_many")]


def test_a_refusal_says_how_many_and_the_first_numbers() -> None:
    problems = [
        NumberProblem(line, "number_unknown", {"venue": "村", "value": f"A{line}"}) for line in range(20, 2, -1)
    ]
    error = NumbersRefused(problems)
    assert error.message.startswith("Nothing was set; mistakes in the list of people: 18, the first in row 3.")
    assert error.message.endswith("A3, A4, A5, A6, A7, A8, A9, A10, A11, A12 ….")
