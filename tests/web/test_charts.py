from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from web.charts import NARROW, WIDE, Chart, Mark, draw, scale, together

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: Chart, width: int = WIDE) -> ET.Element:
    return ET.fromstring(draw(chart, width).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def chart(*values: float, **more: object) -> Chart:
    marks = [Mark(value=value, label=f"{n // 3}月", hint=f"第{n}讲") for n, value in enumerate(values)]
    return Chart(key="k", title="人数 <x>", desc="多少 & 少", marks=marks, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0, (1, 1)),
        (1, (1, 1)),
        (3, (1, 3)),
        (9, (2.5, 10)),
        (27_586, (10_000, 30_000)),
        (40, (10, 40)),
        (0.5, (1, 1)),
    ],
)
def test_an_axis_has_few_round_steps_and_reaches_the_highest(highest: float, expected: tuple[float, float]) -> None:
    assert scale(highest) == pytest.approx(expected)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_bars_are_as_high_as_their_values_and_stand_in_the_picture(width: int) -> None:
    svg = drawn(chart(10, 20, 40), width)
    bars = [rect for rect in svg.iter(f"{SVG}rect")]
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert heights == pytest.approx([heights[2] / 4, heights[2] / 2, heights[2]], abs=0.2)
    _, _, wide, high = map(float, svg.attrib["viewBox"].split())
    for bar in bars:
        assert 0 <= float(bar.attrib["x"]) <= float(bar.attrib["x"]) + float(bar.attrib["width"]) <= wide
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= high


def test_it_says_what_it_shows_to_those_who_do_not_see_it() -> None:
    svg = drawn(chart(1))
    assert svg.attrib["role"] == "img"
    named = svg.attrib["aria-labelledby"].split()
    texts = {each.attrib["id"]: each.text for each in svg if "id" in each.attrib}
    assert [texts[name] for name in named] == ["人数 <x>", "多少 & 少"]


def test_too_many_marks_are_put_together_and_none_is_lost() -> None:
    marks = [Mark(value=n, label=str(n), hint=str(n), line=2.0) for n in range(10)]
    few = together(marks, 4)
    assert [mark.value for mark in few] == [1, 4, 7, 9]
    assert (few[0].hint, few[0].line, few[0].label) == ("0 … 2", 2.0, "0")
    assert together(marks, 10) is marks
    assert len(list(drawn(chart(*range(500)), NARROW).iter(f"{SVG}rect"))) <= 60


def test_labels_stand_once_and_not_over_each_other() -> None:
    svg = drawn(chart(*range(1, 121)))
    texts = [text for text in svg.iter(f"{SVG}text") if text.attrib["class"] == "axis"]
    assert texts
    assert len({text.text for text in texts}) == len(texts)
    places = [float(text.attrib["x"]) for text in texts]
    assert all(later - earlier >= 30 for earlier, later in itertools.pairwise(places))


def test_shares_are_points_on_a_line_up_to_a_hundred() -> None:
    svg = drawn(chart(0.5, 1.2, percent=True, dots=True))
    first, second = svg.iter(f"{SVG}circle")
    assert float(second.attrib["cy"]) < float(first.attrib["cy"])
    axis = [text.text for text in svg.iter(f"{SVG}text") if text.attrib["class"] == "axis end"]
    assert axis == ["0 %", "25 %", "50 %", "75 %", "100 %"]


def test_what_was_expected_is_a_line_over_the_bars() -> None:
    marks = [Mark(value=5, label="", line=8.0), Mark(value=5, label="")]
    svg = drawn(Chart(key="k", title="t", desc="d", marks=marks))
    (line,) = svg.iter(f"{SVG}polyline")
    assert line.attrib["class"] == "line"
    assert len(line.attrib["points"].split()) == 2
