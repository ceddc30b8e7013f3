"""Badges and the kiosk that reads them, as the API speaks of them. A card's number is text: 19 digits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from attendance.badge_reports import Which
from attendance.camera import HIGHEST, WIDEST
from web.api.models import In, LectureOut, LinkOut, Out, Timestamp, VenueId, VenueOut

Card = Annotated[str, Field(pattern=r"^[0-9]{19}$")]
Reason = Annotated[str, Field(min_length=1, max_length=500)]
PersonId = Annotated[str, Field(min_length=1, max_length=100)]


class BadgeShown(In):
    """`payload`: what the card says, as it was read. A page that may ask twice makes the `event` (UUIDv7) itself.
    `lecture`: for which the card was shown at a kiosk; when another one is on by now, it is refused."""

    payload: Annotated[str, Field(min_length=1, max_length=8000)]
    event: Annotated[str, Field(max_length=64)] | None = None
    lecture: Annotated[str, Field(max_length=64)] | None = None


class BadgeAnswer(Out):
    """`outcome`: new, guest (new, and not at home in this venue) or already. `home` null: not known here; such a card
    is taken all the same, and named further up."""

    outcome: Literal["new", "guest", "already"]
    name: str
    home: VenueOut | None
    home_above: str
    event: str
    captured_at: Timestamp
    lecture: str
    card: str


class KioskOut(Out):
    """`state`: open (cards are taken), early, no_lecture, closed, no_venue; `sentence` says it. `present` (`guests`
    among them) and `expected` are those of the node's very own venue, as in its roll-call."""

    state: str
    sentence: str
    venue: VenueOut | None
    lecture: LectureOut | None
    present: int
    guests: int
    expected: int
    link: LinkOut
    pending_events: int
    oldest_pending_s: float | None
    time: Timestamp


class FrameQuery(In):
    """Size of a frame that is sent as one grey byte for each point, row by row from the top."""

    width: Annotated[int, Field(ge=1, le=WIDEST)]
    height: Annotated[int, Field(ge=1, le=HIGHEST)]


class FrameOut(Out):
    """What a QR code in the frame says; null: there is none."""

    payload: str | None


class UnitQuery(In):
    """A venue with all below it (without one: the caller's own); some of its people: `which` by having a card that
    counts, `q` by name or number."""

    venue: VenueId | None = None
    which: Which = Which.ALL
    q: Annotated[str, Field(max_length=100)] = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    offset: Annotated[int, Field(ge=0, le=10**7)] = 0


class HolderOut(Out):
    """`card` null: there is none that counts."""

    person: str
    number: str
    name: str
    home: int
    card: str | None
    issued_at: Timestamp | None


class UnitOut(Out):
    """`people` and `with_card` are of the whole unit; `found` were asked for, `holders` are a part of these."""

    venue: VenueOut
    people: int
    with_card: int
    found: int
    holders: list[HolderOut]


class IssueIn(In):
    """A card for everybody of a venue's subtree who has none (`renew`: a new one for everybody), or a new one for one
    person. Earlier cards are revoked."""

    venue: VenueId | None = None
    person: PersonId | None = None
    renew: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> IssueIn:
        if (self.venue is None) == (self.person is None):
            raise ValueError("give either a venue or a person")
        return self


class IssuedOut(Out):
    issued: int
    revoked: int


class RevokeIn(In):
    card: Card
    reason: Reason


class RevokedOut(Out):
    """`revoked` false: it did not count before."""

    revoked: bool


class SheetQuery(In):
    """Whose cards to print: a venue with all below it, or one person; at most 500 in one file, from `offset` on."""

    venue: VenueId | None = None
    person: PersonId | None = None
    offset: Annotated[int, Field(ge=0, le=10**7)] = 0

    @model_validator(mode="after")
    def _one_of_both(self) -> SheetQuery:
        if (self.venue is None) == (self.person is None):
            raise ValueError("give either a venue or a person")
        return self
