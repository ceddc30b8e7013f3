from __future__ import annotations

from venues.finding import Finder
from venues.tree import Venue

_TREE = [
    ("52", "贵州省", None),
    ("5201", "贵阳市", "52"),
    ("520102", "南明区", "5201"),
    ("A1", "宝山村", "520102"),
    ("5203", "遵义市", "52"),
    ("B1", "宝山村", "5203"),
    ("C1", "A1", "5203"),
    ("D1", "一/二", "5203"),
]


def _finder() -> Finder:
    ids = {code: number for number, (code, _, _) in enumerate(_TREE, 1)}
    return Finder(
        Venue(id=ids[code], code=code, name=name, level=0, parent_id=ids[up] if up else None)
        for code, name, up in _TREE
    )


def found(text: str) -> list[str]:
    return [venue.code for venue in _finder().find(text)]


def test_a_code_counts_before_a_name() -> None:
    assert found("5203") == ["5203"]
    assert found("A1") == ["A1"]


def test_a_name_may_be_one_venues_or_many() -> None:
    assert found("遵义市") == ["5203"]
    assert found(" 遵义 市 ") == ["5203"]
    assert found("宝山村") == ["A1", "B1"]
    assert found("一/二") == ["D1"]
    assert found("无名村") == []


def test_a_path_may_leave_levels_out_but_not_mix_them_up() -> None:
    assert found("贵州省/贵阳市/南明区/宝山村") == ["A1"]
    assert found("贵阳市 ／ 宝山村") == ["A1"]
    assert found("贵州省/宝山村") == ["A1", "B1"]
    assert found("南明区/贵阳市/宝山村") == []
    assert found("/") == []


def test_a_path_finds_its_venue_again() -> None:
    finder = _finder()
    for venue in finder.find("宝山村"):
        assert list(finder.find(finder.path(venue))) == [venue]
    assert finder.paths([1, 2, 99]) == {1: "贵州省", 2: "贵州省/贵阳市"}
