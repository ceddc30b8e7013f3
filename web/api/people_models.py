"""The list of people, as the API speaks of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from web.api.models import In, Out, Timestamp, VenueId, VenueOut


class PeopleQuery(In):
    """`q`: part of a name or the beginning of a number; without it, everybody. `venue`: the caller's own if none is
    given."""

    q: Annotated[str, Field(max_length=100)] = ""
    venue: VenueId | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class ListedOut(Out):
    """`path`: from the top down to where the person is at home. `gone_at`: off the list since then, expected nowhere;
    `since`: on it from then on, null: as long as is known."""

    person: str
    number: str
    name: str
    path: list[VenueOut]
    since: Timestamp | None
    gone_at: Timestamp | None


class PeopleOut(Out):
    total: int
    people: list[ListedOut]


class HomeBefore(Out):
    """`path` is empty for a venue that this node does not know, and where the person was `away`: not on the list."""

    path: list[VenueOut]
    until: Timestamp
    away: bool


class MergedOut(Out):
    """A number that is not used any more. Who said so is known at the root alone, as the number."""

    number: str | None
    merged_at: Timestamp
    merged_by: str | None


class PersonDetail(Out):
    """Somebody, the homes before the present one, the latest first, and the numbers that were merged into this
    person's."""

    person: ListedOut
    before: list[HomeBefore]
    merged: list[MergedOut]


class NumberIn(In):
    number: Annotated[str, Field(min_length=1, max_length=200)]


class MergeIn(NumberIn):
    """The number that is given up. `dry_run`: only say what would be merged."""

    dry_run: bool = False


class CandidateOut(Out):
    """Whose the number seemed to be; `home` null: on no list of people. `lectures` in which something stands under it,
    and `both` of them in which something stands of the person who keeps the other number, too."""

    number: str
    name: str
    home: VenueOut | None
    lectures: int
    both: int
