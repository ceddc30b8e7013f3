"""A phone's ticket: it has shown a code that was on the screen, and now has a few minutes to type a name."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass

LIFETIME = dt.timedelta(minutes=5)
_MARK = "t"


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """`node`: whose signed code it stands for; "" for one of this very node."""

    lecture: str
    venue: int
    node: str = ""


def make(secret: bytes, ticket: Ticket, now: dt.datetime) -> str:
    """`t.<lecture>.<venue>.<node>.<expiry, Unix seconds>.<seal>`; about 125 characters, safe in an address."""
    expires = int((now + LIFETIME).timestamp())
    told = f"{_MARK}.{ticket.lecture}.{ticket.venue}.{ticket.node}.{expires}"
    return f"{told}.{_seal(secret, told)}"


def check(secret: bytes, text: str, now: dt.datetime) -> Ticket | None:
    """What the ticket is for; None if this node did not make it, or too long ago."""
    told, _, seal = text.rpartition(".")
    if not hmac.compare_digest(seal.encode("utf-8", "replace"), _seal(secret, told).encode()):
        return None
    _, lecture, venue, node, expires = told.split(".")
    return Ticket(lecture=lecture, venue=int(venue), node=node) if int(expires) > now.timestamp() else None


def _seal(secret: bytes, told: str) -> str:
    digest = hmac.digest(secret, f"ticket\n{told}".encode("utf-8", "replace"), hashlib.sha256)
    return base64.b32encode(digest[:15]).decode("ascii").lower()
