"""Frozen versions of a report, as the API speaks of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from attendance.frozen import REASON_LONGEST
from web.api.models import In, Out, Timestamp, VenueId


class VersionsQuery(In):
    """`venue`: whose report it is, with all below it; without one, the caller's own."""

    venue: VenueId | None = None


class VersionQuery(VersionsQuery):
    """`at`: not the whole version but this venue of it and those right below; `whole`: all venues of it."""

    at: VenueId | None = None
    whole: Annotated[bool, Field(strict=False)] = False


class DifferencesQuery(VersionsQuery):
    """Compared with version `since`; without one, with the version before."""

    since: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class FreezeIn(In):
    """Names have no place in `reason`: it is kept for ever."""

    reason: Annotated[str, Field(min_length=1, max_length=REASON_LONGEST)]


class VersionOut(Out):
    """`cause`: asked, before_judging (the lecture was about to be judged under another policy), after_judging (it had
    been). `hash`: SHA-256 of the version's JSON, in hexadecimal."""

    number: int
    policy: int
    made_at: Timestamp
    made_by: str
    cause: str
    reason: str
    hash: str


class VersionList(Out):
    versions: list[VersionOut]


class DifferenceOut(Out):
    """`before` and `after`: the figures that differ, by the names that they have in the version's JSON."""

    venue: int
    code: str
    name: str
    before: dict[str, int | str | None]
    after: dict[str, int | str | None]


class DifferenceList(Out):
    since: int
    number: int
    differences: list[DifferenceOut]
