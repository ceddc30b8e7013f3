from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.world import LEVELS, TREE, rows
from venues import Problem, TreeInvalid, VenueRow, check, parse_file
from venues.tree import PROBLEM_MESSAGES, encoding_mistake, level_index


def found(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in check(rows(text), LEVELS)]


def header_problem(data: bytes) -> list[Problem]:
    with pytest.raises(TreeInvalid) as refused:
        parse_file(data)
    return list(refused.value.problems)


def test_a_good_file() -> None:
    parsed = parse_file(TREE.encode())
    assert parsed[1] == VenueRow(3, "C1", "贵阳市", "city", "P")
    assert check(parsed, LEVELS) == []


def test_byte_order_mark_chinese_header_other_columns_and_order() -> None:
    text = "上级,级别,备注,名称,代码\r\n,省,x,贵州省,P\r\n\r\nP,村,, 某村 ,V\r\n"
    parsed = parse_file(text.encode("utf-8-sig"))
    assert parsed == [VenueRow(2, "P", "贵州省", "省", ""), VenueRow(4, "V", "某村", "村", "P")]
    assert check(parsed, LEVELS) == []


def test_every_mistake_is_listed_by_line() -> None:
    text = (
        "code,name,level,parent\n"
        "P,贵州省,province,\n"
        "C1,,city,P\n"  # 3
        "C1,又一个,city,P\n"  # 4
        "K1,县,conty,C1\n"  # 5
        "K2,县,county,nowhere\n"  # 6
        ",无码,county,C1\n"  # 7
        "P2,第二省,province,\n"  # 8
        "A,甲,city,B\n"  # 9
        "B,乙,city,A\n"  # 10
        "S,己,county,S\n"  # 11
        "V,村,village,C1\n"
        "T,乡,township,V\n"  # 13
        "short\n"  # 14
    )
    assert found(text) == [
        (3, "empty_name"),
        (4, "duplicate_code"),
        (5, "unknown_level"),
        (6, "unknown_parent"),
        (7, "empty_code"),
        (8, "second_root"),
        (9, "level_order"),
        (9, "cycle"),
        (10, "level_order"),
        (10, "cycle"),
        (11, "cycle"),
        (13, "level_order"),
        (14, "empty_name"),
        (14, "unknown_level"),
        (14, "second_root"),
    ]


def test_problems_are_sentences() -> None:
    problems = check(rows("code,name,level,parent\nP,省,province,\nK,县,conty,P\nA,甲,city,A\n"), LEVELS)
    assert [problem.message for problem in problems] == [
        "K has the level “conty”; known levels are province, city, county, township, village",
        "A is above itself: A → A",
    ]


def test_a_row_that_is_not_utf8_is_listed_with_the_others() -> None:
    good, bad = (
        "code,name,level,parent\nP,贵州省,province,\nC,,city,P\n".encode(),
        "K,某县,county,P\n".encode("gb18030"),
    )
    broken = b"V,\xff\xff,village,K\n"
    problems = check(parse_file(good + bad + broken), LEVELS)
    assert [(problem.line, problem.code) for problem in problems] == [
        (3, "empty_name"),
        (4, "encoding_gb18030"),
        (5, "encoding"),
    ]
    assert "GB18030" in problems[1].message


def test_noise_is_not_called_gb18030() -> None:
    dice = random.Random(1)
    called = [encoding_mistake(dice.randbytes(40).decode(errors="surrogateescape")) for _ in range(200)]
    assert called.count("encoding_gb18030") == 0
    for name in ("遵义市湄潭县永兴镇中华村", "李翀", "阿依古丽·买买提，女"):
        raw = name.encode("gb18030").decode(errors="surrogateescape")
        assert encoding_mistake(f"1,{raw},520328") == "encoding_gb18030"


def test_a_header_that_is_not_utf8_or_not_ours() -> None:
    assert header_problem("代码,名称,级别,上级\n".encode("gb18030")) == [Problem(1, "encoding_gb18030")]
    assert [problem.code for problem in header_problem("code,name,level,parent\n".encode("utf-16"))] == ["encoding"]
    assert header_problem(b"code,name,level\n") == [Problem(1, "header")]
    assert header_problem(b"") == [Problem(1, "header")]


def test_broken_quoting_has_a_line() -> None:
    problems = header_problem(b'code,name,level,parent\nP,P,province,\nC,"x"y,city,P\n')
    assert [(problem.line, problem.code) for problem in problems] == [(3, "malformed")]
    assert header_problem(b'code,name,level,parent\nP,"no end,province,\n')[0].line == 2


def test_a_quoted_line_break_does_not_shift_line_numbers() -> None:
    parsed = parse_file(b'code,name,level,parent\nP,"two\nlines",province,\nC,c,city,P\n')
    assert [row.line for row in parsed] == [2, 4]


def test_skipped_levels_and_namesakes_are_fine() -> None:
    assert found("code,name,level,parent\nP,省,province,\nK,同名,county,P\nV,同名,village,K\nV2,同名,village,P\n") == []


def test_no_rows() -> None:
    assert found("code,name,level,parent\n") == [(1, "no_rows")]


def test_level_by_any_of_its_names() -> None:
    assert [level_index(LEVELS, text) for text in ("county", "县", "County", "x")] == [2, 2, 2, None]


CELL = st.sampled_from(["", "P", "A", "B", "C", "\udcff"])
LEVEL = st.sampled_from(["province", "city", "村", "?"])


@given(st.lists(st.tuples(CELL, CELL, LEVEL, CELL), max_size=6))
def test_check_ends_and_speaks_for_any_rows(cells: list[tuple[str, str, str, str]]) -> None:
    given_rows = [VenueRow(line, *row) for line, row in enumerate(cells, 2)]
    problems = check(given_rows, LEVELS)
    assert all(problem.message for problem in problems)
    assert {problem.code for problem in problems} <= PROBLEM_MESSAGES.keys()
    if not problems:
        assert sum(not row.parent for row in given_rows) == 1


@given(st.binary(max_size=60))
def test_parse_csv_takes_any_bytes(data: bytes) -> None:
    with contextlib.suppress(TreeInvalid):
        check(parse_file(b"code,name,level,parent\n" + data), LEVELS)
