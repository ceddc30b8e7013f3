"""Whom a lecture expects, as the API speaks of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from attendance.number_list import MOST
from web.api.models import In, LectureOut, Out, VenueId, VenueOut

Level = Annotated[int, Field(ge=0, le=9)]
Number = Annotated[str, Field(min_length=1, max_length=200)]


class LevelOut(Out):
    """`level` counts from 0 at the top."""

    level: int
    level_key: str


class ExpectedIn(In):
    """Those at home in one of the `units` or below it, and at one of the `levels` (counted from 0 at the top), where
    the one or the other is given; and besides those with these `numbers`, wherever they are at home among the
    lecture's venues. Nothing at all: everybody."""

    units: Annotated[list[VenueId], Field(default_factory=list, max_length=1000)]
    levels: Annotated[list[Level], Field(default_factory=list, max_length=10)]
    numbers: Annotated[list[Number], Field(default_factory=list, max_length=MOST)]


class ExpectedOut(Out):
    """What `ExpectedIn` says; `expected` is how many people that is. People who have left the list of people since are
    not among the `numbers`."""

    lecture: LectureOut
    everybody: bool
    units: list[VenueOut]
    levels: list[LevelOut]
    numbers: list[str]
    expected: int
