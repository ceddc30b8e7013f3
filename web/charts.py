"""Charts as SVG text: bars and a line over time, drawn on the server; pure.

A chart says what it shows in its `title` and `desc`; the numbers themselves stand in a table beside it. It has no
style of its own: `static/charts.css` gives its classes the colours of the page. Each is drawn twice, for a wide and for
a narrow page, because letters in an SVG shrink with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

Y = Callable[[float], float]  # a value -> pixels from above

WIDE, NARROW = 960, 360
_HEIGHT = {WIDE: 240, NARROW: 200}
_LETTER = 13
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 12, 26
_LEAST_BAR = 5  # pixels with the gap; narrower ones are put together


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One bar: `value` is its height, `line` a point of the line above it; `label` stands under it where there is room,
    `hint` is what a pointer sees."""

    value: float
    label: str
    hint: str = ""
    line: float | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`top`: the least that the scale reaches; `percent`: of values 0…1. `key` tells two charts of one page apart."""

    key: str
    title: str
    desc: str
    marks: Sequence[Mark]
    percent: bool = False
    dots: bool = False  # points and a line instead of bars
    top: float = 0.0

    @property
    def wide(self) -> str:
        return draw(self, WIDE)

    @property
    def narrow(self) -> str:
        return draw(self, NARROW)


def draw(chart: Chart, width: int) -> str:
    height, plot = _HEIGHT[width], width - _LEFT - _RIGHT
    marks = together(chart.marks, max(1, plot // _LEAST_BAR))
    highest = max([chart.top, *(mark.value for mark in marks), *(mark.line or 0.0 for mark in marks)])
    step, ceiling = scale(1.0 if chart.percent else highest, whole=not chart.percent)
    tall = height - _TOP - _BOTTOM

    def y(value: float) -> float:
        return _TOP + tall * (1 - min(value, ceiling) / ceiling)

    slot = plot / max(1, len(marks))
    parts = [_grid(step, ceiling, width, y(0.0), tall, percent=chart.percent)]
    parts += [_points(marks, slot, y)] if chart.dots else [_bar(n, mark, slot, y) for n, mark in enumerate(marks)]
    if any(mark.line is not None for mark in marks):
        parts.append(_line(marks, slot, y))
    parts.append(_labels(marks, slot, height))
    name = f"{chart.key}-{width}"
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(chart.title)}</title><desc id="{name}-d">{escape(chart.desc)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def together(marks: Sequence[Mark], most: int) -> Sequence[Mark]:
    """At most so many marks: neighbours become their mean, under the first one's label."""
    size = math.ceil(len(marks) / most)
    if size <= 1:
        return marks
    return [_mean(marks[start : start + size]) for start in range(0, len(marks), size)]


def _mean(marks: Sequence[Mark]) -> Mark:
    lines = [mark.line for mark in marks if mark.line is not None]
    first, last = marks[0], marks[-1]
    value = sum(mark.value for mark in marks) / len(marks)
    hint = f"{first.hint} … {last.hint}" if last is not first else first.hint
    return Mark(value=value, label=first.label, hint=hint, line=sum(lines) / len(lines) if lines else None)


def scale(highest: float, *, whole: bool = True) -> tuple[float, float]:
    """(step, ceiling) of an axis from 0: three to five round steps that reach `highest`; `whole`: of whole numbers."""
    if highest <= 0:
        return 1.0, 1.0
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    if whole and step < 1:
        step = 1.0
    return step, step * math.ceil(highest / step * 0.999)


def _grid(step: float, ceiling: float, width: int, floor: float, tall: float, *, percent: bool) -> str:
    found = []
    for number in range(round(ceiling / step) + 1):
        value = number * step
        at = floor - tall * value / ceiling
        found.append(f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        text = f"{100 * value:.0f} %" if percent else _short(value)
        found.append(f'<text class="axis end" x="{_LEFT - 8}" y="{at + 4:.1f}">{text}</text>')
    return "".join(found)


def _short(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}".replace(",", "\N{THIN SPACE}")
    return f"{value:g}"


def _bar(number: int, mark: Mark, slot: float, y: Y) -> str:
    gap = min(slot * 0.2, 6)
    at, top = _LEFT + number * slot + gap / 2, y(mark.value)
    hint = f"<title>{escape(mark.hint)}</title>" if mark.hint else ""
    tall = y(0.0) - top
    return f'<rect class="bar" x="{at:.1f}" y="{top:.1f}" width="{slot - gap:.1f}" height="{tall:.1f}">{hint}</rect>'


def _points(marks: Sequence[Mark], slot: float, y: Y) -> str:
    at = [(_LEFT + (number + 0.5) * slot, y(mark.value)) for number, mark in enumerate(marks)]
    path = " ".join(f"{across:.1f},{down:.1f}" for across, down in at)
    size = 3.5 if slot >= 12 else 2
    dots = (
        f'<circle class="dot" cx="{across:.1f}" cy="{down:.1f}" r="{size}"><title>{escape(mark.hint)}</title></circle>'
        for (across, down), mark in zip(at, marks, strict=True)
    )
    return f'<polyline class="trend" points="{path}"/>{"".join(dots)}'


def _line(marks: Sequence[Mark], slot: float, y: Y) -> str:
    """A step for each mark: what was expected at the same time."""
    found = []
    for number, mark in enumerate(marks):
        if mark.line is not None:
            left, right = _LEFT + number * slot, _LEFT + (number + 1) * slot
            found.append(f"{left:.1f},{y(mark.line):.1f} {right:.1f},{y(mark.line):.1f}")
    return f'<polyline class="line" points="{" ".join(found)}"/>'


def _labels(marks: Sequence[Mark], slot: float, height: int) -> str:
    """Each text once, at its first mark, and none over the one before."""
    found, free, last = [], 0.0, ""
    for number, mark in enumerate(marks):
        at = _LEFT + number * slot
        if mark.label and mark.label != last and at >= free:
            found.append(f'<text class="axis" x="{at:.1f}" y="{height - 6}">{escape(mark.label)}</text>')
            free = at + _wide(mark.label) + _LETTER
        last = mark.label
    return "".join(found)


def _wide(text: str) -> float:
    """About as many pixels as the text takes."""
    return sum(_LETTER if ord(letter) > 0x2E80 else _LETTER * 0.6 for letter in text)
