from __future__ import annotations

import pytest

from attendance.spelling import spellings


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张秀英", ["zxy", "zhangxiuying"]),
        ("单雄信", ["sxx", "dxx", "shanxiongxin"]),
        ("解缙", ["xj", "jj"]),
        ("曾国藩", ["zgf", "cgf"]),
        ("阿依·古丽", ["aygl", "ayiguli"]),
        ("欧阳修", ["oyx"]),
    ],
)
def test_a_name_is_found_by_initials_and_in_full(name: str, typed: list[str]) -> None:
    found = spellings(name).split(" ")
    assert set(typed) <= set(found)


def test_other_names_are_found_as_they_are() -> None:
    assert spellings("Ali Baba") == ""
    assert spellings("") == ""
    assert spellings("···") == ""
