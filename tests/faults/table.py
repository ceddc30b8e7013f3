"""The table of a run of the fault suite: what was done how often, and what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from tests.faults.verdict import Verdict


@dataclass
class Line:
    fault: str
    database: str  # the root's
    times: int
    seen: int = 0  # green ticks
    lost: int = 0
    double: int = 0
    wrong: int = 0  # figures, marks and hashes that are not as they must be


class Table:
    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], Line] = {}

    def add(self, fault: str, verdict: Verdict, *, times: int = 1, database: str = "sqlite") -> None:
        """`times`: how often the fault was made before this verdict. The verdicts of one fault add up."""
        line = self._lines.setdefault((fault, database), Line(fault, database, 0))
        line.times += times
        line.seen += verdict.seen
        line.lost += len(verdict.lost)
        line.double += len(verdict.double)
        line.wrong += len(verdict.wrong)

    def lines(self) -> list[str]:
        return [json.dumps(asdict(line)) for line in self._lines.values()]
