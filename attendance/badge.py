"""What a badge says: a card with an opaque number, signed with the root's Ed25519 key (RFC 8032), as digits only.

    digits   what
    1        version of this layout: 1
    2–4      number of the key, 000–999
    5–23     number of the card, 1 to 2^63 − 1: random, says nothing of the person
    24–178   the 64 bytes of the signature as one whole number, most significant byte first
    179–180  check (ISO/IEC 7064 MOD 97-10): the 180 digits leave 1 when divided by 97

Signed is the JSON array ["tongtang badge 1", "key", "card"], the two as in the layout. Digits only, because a scanner
types as a keyboard does, and an input method makes other words of letters; in QR they are also the shortest. The check
tells a card that was not read whole from one that somebody made. tests/attendance/test_badge.py has a golden vector.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from venues.errors import TongtangError
from venues.identity import NodeKey, decode, encode, verify

LENGTH = 180
KEY_MOST = 999
_VERSION = "1"
_KEY, _CARD, _SIGNATURE = slice(1, 4), slice(4, 23), slice(23, 178)
_CARD_MOST = 2**63 - 1
_SIGNATURE_BYTES = 64


class BadgeForeign(TongtangError):
    """This is not one of our cards."""

    code: ClassVar[str] = "badge_foreign"
    status: ClassVar[int] = 422


class BadgeMisread(TongtangError):
    """The card was not read whole. Please hold it up once more."""

    code: ClassVar[str] = "badge_misread"
    status: ClassVar[int] = 422


class BadgeKeyUnknown(TongtangError):
    """This card was signed with a key that does not count here."""

    code: ClassVar[str] = "badge_key_unknown"
    status: ClassVar[int] = 403


class BadgeForged(TongtangError):
    """This card was not issued by the main classroom: its signature is wrong."""

    code: ClassVar[str] = "badge_forged"
    status: ClassVar[int] = 403


class BadgeRevoked(TongtangError):
    """This card was revoked. Please check in with the new card, or by name."""

    code: ClassVar[str] = "badge_revoked"
    status: ClassVar[int] = 403


@dataclass(frozen=True, kw_only=True)
class Badge:
    key: int
    card: int
    signature: bytes


def make_card(entropy: bytes) -> int:
    """The number of a new card from 8 random bytes."""
    return (int.from_bytes(entropy, "big") & _CARD_MOST) or 1


def card_text(card: int) -> str:
    """A card's number as it is written everywhere: 19 digits."""
    return f"{card:019d}"


def parse_card(text: str) -> int | None:
    """The number that somebody typed, with or without blanks between the digits; None where it cannot be one."""
    digits = "".join(unicodedata.normalize("NFKC", text).split())
    return int(digits) if _is_digits(digits) and len(digits) <= 19 and 0 < int(digits) <= _CARD_MOST else None


def grouped(card: int) -> str:
    """A card's number as people read it aloud."""
    text = card_text(card)
    return " ".join([text[:4], text[4:8], text[8:12], text[12:16], text[16:]])


def bearer(card: int) -> str:
    """What somebody is called whose card is not known here."""
    return f"持卡人 …{card_text(card)[-4:]}"


def payload(key_id: int, card: int, key: NodeKey) -> str:
    """The digits of a card."""
    signature = int.from_bytes(decode(key.sign(_message(key_id, card))), "big")
    body = f"{_VERSION}{key_id:03d}{card_text(card)}{signature:0155d}"
    return body + f"{98 - int(body + '00') % 97:02d}"


def parse(text: str) -> Badge:
    """What was read, full-width digits and blanks at the ends forgiven. Raises BadgeForeign, BadgeMisread."""
    digits = unicodedata.normalize("NFKC", text[: 2 * LENGTH]).strip()
    if not _is_digits(digits) or not digits.startswith(_VERSION):
        raise BadgeForeign
    if len(digits) != LENGTH:
        # A scanner that lost a few digits, or the number of something else.
        raise BadgeMisread if len(digits) > LENGTH // 2 else BadgeForeign
    if int(digits) % 97 != 1:
        raise BadgeMisread
    card, signature = int(digits[_CARD]), int(digits[_SIGNATURE])
    if not 0 < card <= _CARD_MOST or signature >> (8 * _SIGNATURE_BYTES):
        raise BadgeForged
    return Badge(key=int(digits[_KEY]), card=card, signature=signature.to_bytes(_SIGNATURE_BYTES, "big"))


def check(badge: Badge, keys: Mapping[int, str]) -> int:
    """The card's number, if one of these public keys (by number) signed it. Raises BadgeKeyUnknown, BadgeForged."""
    public = keys.get(badge.key)
    if public is None:
        raise BadgeKeyUnknown
    if not verify(public, _message(badge.key, badge.card), encode(badge.signature)):
        raise BadgeForged
    return badge.card


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _message(key_id: int, card: int) -> bytes:
    # The first part says what the signature is for, so that it serves nothing else (as in venues.identity).
    return json.dumps(["tongtang badge 1", f"{key_id:03d}", card_text(card)], separators=(",", ":")).encode()
