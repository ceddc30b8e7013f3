"""What the tests of venues share: a clock that is set by hand, random bytes that repeat, a small tree."""

from __future__ import annotations

import datetime as dt
import random

from venues import CHINESE_LEVELS, NodeReport, StreamState, VenueRow, parse_file

START = dt.datetime(2026, 11, 22, 2, 0, tzinfo=dt.UTC)
LEVELS = CHINESE_LEVELS
# Ids are given in this order, from 1.
PROVINCE, CITY, CITY_2, COUNTY, COUNTY_UNDER_PROVINCE, TOWNSHIP, VILLAGE, VILLAGE_2 = range(1, 9)
TREE = """code,name,level,parent
P,贵州省,province,
C1,贵阳市,city,P
C2,遵义市,city,P
K1,南明区,county,C1
K9,仁怀市,county,P
T1,永乐乡,township,K1
V1,羊角村,village,T1
V2,羊角村,village,T1
"""


def rows(text: str = TREE) -> list[VenueRow]:
    return parse_file(text.encode())


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> dt.datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)


class Entropy:
    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def __call__(self, count: int) -> bytes:
        return self._random.randbytes(count)


def report(**changed: object) -> NodeReport:
    fields: dict[str, object] = {
        "version": "0.1.0",
        "clock_offset_ms": None,
        "clock_uncertainty_ms": None,
        "stream_state": StreamState.IDLE,
        "stream": None,
        "pending_events": 0,
        "oldest_pending_s": None,
        "udp_port": 8081,
    }
    return NodeReport(**(fields | changed))  # type: ignore[arg-type]
