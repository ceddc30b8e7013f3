"""What goes over the wire between a child node and its parent."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from web.api.models import In, Out, Timestamp

Document = dict[str, Any]


class EnrolIn(In):
    """`proof` signs token and key with the key's private half (venues.identity.enrol_message). `venue` is the code of
    the venue for which the node holds itself; with another one's token it is refused."""

    token: Annotated[str, Field(max_length=200)]
    public_key: Annotated[str, Field(max_length=200)]
    proof: Annotated[str, Field(max_length=200)]
    venue: Annotated[str, Field(max_length=200)] = ""


class EnrolOut(Out):
    node: str
    venue: int
    venue_code: str
    venue_name: str


class ChallengeIn(In):
    node: Annotated[str, Field(max_length=64)]


class ChallengeOut(Out):
    nonce: str


class NodeTokenIn(In):
    """`signature` is over venues.identity.token_message(node, nonce)."""

    node: Annotated[str, Field(max_length=64)]
    nonce: Annotated[str, Field(max_length=400)]
    signature: Annotated[str, Field(max_length=200)]


class NodeTokenOut(Out):
    """`expires_in` in seconds."""

    token: str
    expires_in: int


class HeartbeatIn(In):
    """`report` is a venues.status.NodeReport, `below` the sender's changes after `revision_base`, `nodes` what it knows
    of nodes enrolled there and below (venues.status.NodeNews) after `nodes_base`."""

    sent_at: Annotated[str, Field(max_length=40)]
    revision_base: int
    report: Document
    below: list[Any]
    nodes_base: int = 0
    nodes: Annotated[list[Any], Field(max_length=1000, default_factory=list)]


class HeartbeatOut(Out):
    """Both times by the parent's clock; `ack` is the revision up to which it knows the sender's changes, `nodes_ack`
    that up to which it knows the sender's records of nodes."""

    received_at: Timestamp
    sent_at: Timestamp
    ack: int
    nodes_ack: int


class VersionsOut(Out):
    versions: dict[str, str]


class CollectionOut(Out):
    version: str
    content: Any


class EventsIn(In):
    """Attendance events (attendance.event), judged one by one."""

    events: Annotated[list[Any], Field(max_length=1000)]


class EventResultOut(Out):
    """`outcome`: accepted, duplicate or quarantined; `code` says why it is in quarantine."""

    id: str | None
    outcome: str
    code: str | None = None


class EventsOut(Out):
    results: list[EventResultOut]


class StreamsIn(In):
    """Each a node's id and one of its epochs."""

    streams: Annotated[list[tuple[Annotated[str, Field(max_length=100)], int]], Field(max_length=500)]


class StreamsQuery(In):
    """Go on behind this one."""

    after_node: Annotated[str, Field(max_length=100)] = ""
    after_epoch: int = 0


class StreamOut(Out):
    """How far the parent holds what one node numbered in one epoch: everything up to `upto`, `last` the highest number
    that it ever saw, `beyond` ranges [first, last] of what lies beyond a gap (of many not all), `forked_at` the least
    number that two different events bear, `root` how far the root holds it."""

    node: str
    epoch: int
    upto: int
    last: int
    beyond: list[tuple[int, int]]
    forked_at: int | None
    root: int


class StreamsOut(Out):
    streams: list[StreamOut]


class SentQuery(In):
    after: Annotated[int, Field(ge=0)] = 0


class SentOut(Out):
    """Events that the caller had sent; `next` says where to go on, null at the end."""

    events: list[Document]
    next: int | None
