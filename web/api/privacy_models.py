"""Personal data in the JSON API: erasing people, and what is kept aside."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from web.api.models import In, Out, Text, Timestamp, VenueId


class ErasureIn(In):
    """Either the person's `number`, or for a `guest` without one the id of the check-in."""

    number: Text | None = None
    guest: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")] | None = None
    reason: Literal["request", "left", "mistake", "other"] = "request"

    @model_validator(mode="after")
    def _one(self) -> ErasureIn:
        if (self.number is None) == (self.guest is None):
            raise ValueError("give the number, or the guest's check-in")
        return self


class ErasureOut(Out):
    """`pseudonym` stands in the person's place from now on; `applied_at`: when this node was done with its own rows."""

    id: str
    pseudonym: str
    requested_at: Timestamp
    requested_by: str | None
    reason: str | None
    applied_at: Timestamp | None


class ErasureDone(Out):
    """`events`: how many this node held."""

    erasure: ErasureOut
    events: int
    on_roster: bool


class ErasureList(Out):
    """The newest first. `files_done`: nothing of what this node has erased is left in its files."""

    erasures: list[ErasureOut]
    files_done: bool


class QuarantineGroup(Out):
    """`venue`: whose node sent it; `why` is the code as a sentence."""

    code: str
    why: str
    venue: int
    venue_name: str
    count: int
    first_at: Timestamp
    last_at: Timestamp


class TwinOut(Out):
    """A venue that may have two nodes. `kind`: copied (one node gave numbers twice, in `times` epochs) or two_nodes
    (two are let in); `why` says it as a sentence. What both wrote is kept, and nobody is counted twice."""

    kind: str
    why: str
    venue: int
    venue_name: str
    nodes: list[str]
    times: int


class QuarantineOut(Out):
    total: int
    groups: list[QuarantineGroup]
    twins: list[TwinOut]


class QuarantineQuery(In):
    code: Annotated[str, Field(max_length=64)] | None = None
    venue: VenueId | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    offset: Annotated[int, Field(ge=0, le=10**6)] = 0


class QuarantineEntry(Out):
    """`raw` is JSON, as it came."""

    code: str
    venue: int
    venue_name: str
    event: str | None
    received_at: Timestamp
    raw: str


class QuarantineEntries(Out):
    entries: list[QuarantineEntry]
