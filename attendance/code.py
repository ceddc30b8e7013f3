"""The rotating code on a venue's screen: proof that a phone saw this screen within the last two periods."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import uuid

_LENGTH = 12  # base32 characters, 60 bits


def make(secret: bytes, lecture: str, venue: int, at: dt.datetime, period_s: int) -> str:
    """The code at a time: 12 characters of base32 over HMAC-SHA256 of lecture, venue and the number of the period."""
    return _code(secret, lecture, venue, int(at.timestamp() // period_s))


def check(secret: bytes, lecture: str, venue: int, code: str, at: dt.datetime, period_s: int) -> bool:
    """Whether `code` is the current one or the one before; in constant time, in upper or lower case."""
    period = int(at.timestamp() // period_s)
    given = code.upper().encode("utf-8", "replace")
    current, past = (_code(secret, lecture, venue, number).encode() for number in (period, period - 1))
    # Both comparisons always run.
    return hmac.compare_digest(given, current) | hmac.compare_digest(given, past)


def url(public_url: str, lecture: str, code: str) -> str:
    """What the QR code says: `{public_url}/c/{lecture in 26 characters}.{code}`."""
    return f"{public_url.rstrip('/')}/c/{_short(lecture)}.{code}"


def split(text: str) -> tuple[str, str] | None:
    """Lecture id and code from the part of the URL after `/c/`; None when it is not of that form."""
    short, dot, code = text.partition(".")
    lecture = _long(short)
    return (lecture, code) if dot and code and lecture else None


def _code(secret: bytes, lecture: str, venue: int, period: int) -> str:
    digest = hmac.digest(secret, f"{lecture}\n{venue}\n{period}".encode(), hashlib.sha256)
    return base64.b32encode(digest).decode("ascii")[:_LENGTH]


def _short(lecture: str) -> str:
    return base64.b32encode(uuid.UUID(lecture).bytes).decode("ascii").rstrip("=").lower()


def _long(short: str) -> str | None:
    if len(short) != 26:
        return None
    try:
        return str(uuid.UUID(bytes=base64.b32decode(short.upper() + "======")))
    except (binascii.Error, ValueError):
        return None
