"""What goes over the wire in the JSON API. Times are RFC 3339 UTC with milliseconds; venue ids are integers."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, model_validator


def timestamp(value: dt.datetime) -> str:
    return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[AwareDatetime, PlainSerializer(timestamp, return_type=str, when_used="json-unless-none")]
VenueId = Annotated[int, Field(ge=1, lt=10**9)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class In(BaseModel):
    """What a caller sends: unknown fields are refused, blank space around text is dropped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)


class Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class Empty(In):
    """No fields: `{}` or no body at all."""


# session


class SignIn(In):
    name: Text
    password: Annotated[str, Field(min_length=1, max_length=1000)]


class UserOut(Out):
    name: str
    role: str
    venue: int


class SessionOut(Out):
    """`csrf` goes into the header X-CSRF-Token of every request that changes something."""

    user: UserOut
    csrf: str


# venues and nodes


class VenueOut(Out):
    id: int
    code: str
    name: str
    level: int
    level_key: str
    parent: int | None


class VenueStatusOut(Out):
    """`presence`: connected, silent or never_seen; `since` when it became so.

    Of the lecture that it takes part in: `loss`, what it lacks of what was published (0…1, all hops down to it),
    `round_trip_ms` to the venue above, `jitter_ms` of arrival, `delay_ms` since capture where that is known.
    """

    presence: str
    since: Timestamp | None
    last_seen: Timestamp | None
    version: str | None
    stream_state: str | None
    viewers: int | None
    pending_events: int | None
    oldest_pending_s: float | None
    clock_offset_ms: float | None
    loss: float | None
    round_trip_ms: float | None
    jitter_ms: float | None
    delay_ms: float | None


class LevelCount(Out):
    """How many venues of one level lie below, by presence."""

    level: int
    level_key: str
    connected: int
    silent: int
    never_seen: int


class VenueDetail(Out):
    """One venue: the path from the root down to its parent, its state, and what lies below it."""

    venue: VenueOut
    path: list[VenueOut]
    status: VenueStatusOut | None
    below: list[LevelCount]


class VenueRowOut(Out):
    venue: VenueOut
    status: VenueStatusOut | None


class VenueChildren(Out):
    venues: list[VenueRowOut]


class VenueSearch(In):
    q: Annotated[str, Field(min_length=1, max_length=100)]
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class VenueList(Out):
    venues: list[VenueOut]


class EnrolmentTokenIn(In):
    """`replace`: the new node takes the place of the venue's present one, which is then revoked."""

    expires_in_s: Annotated[int, Field(ge=60, le=30 * 86400)] = 7 * 86400
    replace: bool = False


class EnrolmentTokenOut(Out):
    token: str
    expires_at: Timestamp
    parent_url: str


class NodeOut(Out):
    node: str
    venue: int
    venue_code: str
    venue_name: str
    enrolled_at: Timestamp
    revoked_at: Timestamp | None


class NodeList(Out):
    nodes: list[NodeOut]


class LinkOut(Out):
    """The link to the parent. `state`: root, connecting, connected, refused, unreachable, revoked, not_enrolled.

    `since` when it has been connected, or has not; null where there is no link.
    """

    state: str
    reason: str
    since: Timestamp | None
    clock_offset_ms: float | None
    clock_uncertainty_ms: float | None
    sentence: str


class NodeStateOut(Out):
    """This node's own state. `readiness`: ready, no_tree, waiting_for_tree, not_enrolled."""

    readiness: str
    venue: VenueOut | None
    version: str
    time: Timestamp
    link: LinkOut
    pending_events: int
    oldest_pending_s: float | None
    udp_port: int


# lectures and media


class LectureIn(In):
    """`venue`: whose subtree the lecture is for; without it, the caller's own."""

    title: Text
    venue: VenueId | None = None
    starts_at: AwareDatetime | None = None


class LectureOut(Out):
    """`state`: planned, live or ended."""

    id: str
    title: str
    venue: int
    state: str
    starts_at: Timestamp | None
    started_at: Timestamp | None
    ended_at: Timestamp | None


class LectureList(Out):
    """Those for the caller's venue, one above or one below it; running ones first, then the latest."""

    lectures: list[LectureOut]


class MediaTokenOut(Out):
    """A bearer token and the WHIP or WHEP address that takes it."""

    token: str
    expires_at: Timestamp
    url: str


class StreamOut(Out):
    """What this node's relay has of a lecture. `loss` is a fraction of packets, `viewers` screens and child nodes;
    `venues_connected` counts below it. `slides`: their stream arrives; `layout` as in `LayoutIn`."""

    live: bool
    picture: bool
    sound: bool
    slides: bool
    layout: str
    kbit_s: float
    loss: float
    viewers: int
    venues_connected: int
    venues_total: int


class LayoutIn(In):
    """How a lecture's camera and slides are shown: auto (slides large, camera small, or what there is), slides (these
    alone), camera (it alone)."""

    layout: Literal["auto", "slides", "camera"]


class HopOut(Out):
    """From the venue `above` (null: from the publisher) to `venue`. `grade`: good, fair or poor, by `loss` (0…1, of
    this hop alone, after repair) and round trip; `delay_ms` is since capture, over all hops. null: not measured."""

    venue: VenueOut
    above: VenueOut | None
    grade: str
    loss: float
    round_trip_ms: float | None
    jitter_ms: float | None
    delay_ms: float | None


class HopList(Out):
    hops: list[HopOut]


# attendance


class CheckInIn(In):
    """`person` for somebody of the roster; `name` with or without `number` for a walk-in.

    A caller that may have to ask twice makes the event's id itself (`event`, a UUIDv7); the repeat changes nothing.
    """

    person: Annotated[str, Field(max_length=64)] | None = None
    number: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    name: Text | None = None
    device: Annotated[str, Field(max_length=100)] | None = None
    event: Annotated[str, Field(max_length=64)] | None = None


class UndoIn(In):
    """`reason`: needed where the event is a leave or a correction."""

    event: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Annotated[str, Field(max_length=500)] | None = None


class EventOut(Out):
    """What has been written to disk. `already`: this person's earlier check-in stands, nothing new was written."""

    event: str
    kind: str
    method: str
    person: str | None
    number: str | None
    name: str
    captured_at: Timestamp
    already: bool


class PhoneCheckIn(In):
    """`code` is the part of the QR code's address after /c/, or the ticket that the page at that address holds.
    `as_remembered`: as whoever the phone's cookie says; otherwise number and name are needed. `remember`: keep them in
    such a cookie."""

    code: Annotated[str, Field(min_length=3, max_length=200)]
    name: Text | None = None
    number: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    as_remembered: bool = False
    remember: bool = False

    @model_validator(mode="after")
    def _somebody(self) -> PhoneCheckIn:
        if not self.as_remembered and not (self.name and self.number):
            raise ValueError("number and name are needed")
        return self


class PhoneCheckInOut(Out):
    """`guest`: not at home in this venue."""

    lecture: str
    title: str
    name: str
    captured_at: Timestamp
    already: bool
    guest: bool


class ScreenOut(Out):
    """`state`: no_venue (node not ready), no_lecture, planned, waiting (begun, nothing arrives here yet), live.

    `picture`, `sound` and `slides`: each arrives at this node. `layout`: see `LayoutIn`. `sentence` says the state in
    the caller's language. `code_url` and `code_svg` are the rotating check-in code while a lecture runs; ask again
    after `code_expires_in_s`. `mobile_url` and `mobile_svg`: likewise for phones on their own signal, where a node
    above takes such codes.
    """

    state: str
    picture: bool
    sound: bool
    slides: bool
    layout: str
    sentence: str
    venue: VenueOut | None
    lecture: LectureOut | None
    link: LinkOut
    present: int
    expected: int
    code_url: str | None
    code_svg: str | None
    code_expires_in_s: float | None
    mobile_url: str | None
    mobile_svg: str | None
