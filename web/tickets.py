"""A phone's ticket: it has shown a code that was on the screen, and now has a few minutes to type a name."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac

LIFETIME = dt.timedelta(minutes=5)
_MARK = "t"


def make(secret: bytes, lecture: str, venue: int, now: dt.datetime) -> str:
    """`t.<lecture>.<expiry, Unix seconds>.<seal>`; about 80 characters, safe in an address."""
    expires = int((now + LIFETIME).timestamp())
    return f"{_MARK}.{lecture}.{expires}.{_seal(secret, lecture, venue, str(expires))}"


def check(secret: bytes, text: str, venue: int, now: dt.datetime) -> str | None:
    """The lecture that the ticket is for; None if it is no ticket of this venue, or too old."""
    match text.split("."):
        case [mark, lecture, expires, seal] if mark == _MARK:
            genuine = hmac.compare_digest(seal.encode(), _seal(secret, lecture, venue, expires).encode())
            return lecture if genuine and int(expires) > now.timestamp() else None
    return None


def _seal(secret: bytes, lecture: str, venue: int, expires: str) -> str:
    digest = hmac.digest(secret, f"ticket\n{lecture}\n{venue}\n{expires}".encode(), hashlib.sha256)
    return base64.b32encode(digest[:15]).decode("ascii").lower()
