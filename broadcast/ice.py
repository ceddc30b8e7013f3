"""ICE (RFC 8445) for one UDP port: lite towards those who dial us, a small controlling agent towards the parent. Pure.

STUN messages are read and signed by aioice. Nothing is ever answered that does not prove knowledge of a live session's
password, and no answer is larger than its request by more than the address that it reports.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from aioice import stun

Address = tuple[str, int]

_CHECK_INTERVAL_S = 0.05
_CONSENT_INTERVAL_S = 1.0  # a dead parent is to be noticed within three
_MOST_ATTRIBUTES = 16
_LONGEST = 600
_REQUEST, _RESPONSE = b"\x00\x01", b"\x01\x01"
_COOKIE = b"\x21\x12\xa4\x42"
_USERNAME = 0x0006
_ATTRIBUTE = struct.Struct("!HH")
_HOST_PRIORITY = 110 << 24 | 65535 << 8 | 255  # peer reflexive (RFC 8445 §7.1.1)


@dataclass(frozen=True, slots=True)
class Credentials:
    ufrag: str
    password: str


def request_ufrag(data: bytes) -> str | None:
    """The local ufrag that a STUN binding request names; None for anything else.

    This alone is read of a stranger's datagram: a bounded scan, before anything is parsed or looked up.
    """
    if not _is_binding(data, _REQUEST):
        return None
    position, end = 20, len(data)
    for _ in range(_MOST_ATTRIBUTES):
        if position + 4 > end:
            return None
        kind, length = _ATTRIBUTE.unpack_from(data, position)
        if kind == _USERNAME:
            name = data[position + 4 : position + 4 + min(length, 256)]
            ufrag, colon, _ = name.partition(b":")
            return ufrag.decode("ascii", errors="replace") if colon else None
        position += 4 + (length + 3 & ~3)
    return None


def response_transaction(data: bytes) -> bytes | None:
    """The transaction id of a STUN binding success response; None for anything else."""
    return data[8:20] if _is_binding(data, _RESPONSE) else None


def _is_binding(data: bytes, kind: bytes) -> bool:
    """RFC 8489 §5 and §14: the type, the magic cookie, a length that fits, not longer than a check ever is."""
    return (
        20 <= len(data) <= _LONGEST
        and data[:2] == kind
        and data[4:8] == _COOKIE
        and int.from_bytes(data[2:4], "big") == len(data) - 20
    )


def read(data: bytes) -> stun.Message | None:
    """The whole message, None if it is malformed."""
    try:
        return stun.parse_message(data)
    except Exception:  # aioice raises struct.error, UnicodeDecodeError and others besides ValueError
        return None


def answer(message: stun.Message, credentials: Credentials, source: Address) -> bytes | None:
    """The success response to a check that is signed with our password, else None (silence)."""
    if not message.check_message_integrity(credentials.password.encode()):
        return None
    response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=message.transaction_id)
    response.attributes["XOR-MAPPED-ADDRESS"] = source
    response.add_message_integrity(credentials.password.encode())
    return bytes(response)


def nominates(message: stun.Message) -> bool:
    return "USE-CANDIDATE" in message.attributes


class Dialer:
    """The side that dials (RFC 8445 §7.2): checks the peer's candidates, keeps consent (RFC 7675) with the one found.

    Where it is `controlling` it nominates with every check: the peer is lite and has nothing to choose. A peer that is
    not lite and made the offer controls itself.
    """

    def __init__(
        self,
        local: Credentials,
        remote: Credentials,
        candidates: tuple[Address, ...],
        tie_breaker: int,
        *,
        controlling: bool = True,
    ) -> None:
        self.local = local
        self.remote = remote
        self.candidates = candidates
        self.selected: Address | None = None
        self.last_heard: float | None = None
        self.round_trip_s: float | None = None  # smoothed, by our checks alone: no clock but ours is in it
        self._tie_breaker = tie_breaker
        self._controlling = controlling
        self._next_check = 0.0
        self._turn = 0
        self._pending: dict[bytes, tuple[Address, float]] = {}

    def due(self, now: float, transaction_id: bytes) -> tuple[bytes, Address] | None:
        """The next check to send, if one is due. `transaction_id`: 12 random bytes, used when it is."""
        if now < self._next_check or not self.candidates:
            return None
        if self.selected is None:
            target = self.candidates[self._turn % len(self.candidates)]
            self._turn += 1
            self._next_check = now + _CHECK_INTERVAL_S * (1 if self._turn < 20 * len(self.candidates) else 10)
        else:
            target = self.selected
            self._next_check = now + _CONSENT_INTERVAL_S
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id=transaction_id)
        message.attributes["USERNAME"] = f"{self.remote.ufrag}:{self.local.ufrag}"
        message.attributes["PRIORITY"] = _HOST_PRIORITY
        if self._controlling:
            message.attributes["ICE-CONTROLLING"] = self._tie_breaker
            message.attributes["USE-CANDIDATE"] = None
        else:
            message.attributes["ICE-CONTROLLED"] = self._tie_breaker
        message.add_message_integrity(self.remote.password.encode())
        if len(self._pending) > 64:
            self._pending.pop(next(iter(self._pending)))
        self._pending[transaction_id] = target, now
        return bytes(message), target

    def hurry(self) -> None:
        """Let the next check be due now."""
        self._next_check = 0.0

    def expects(self, transaction_id: bytes, source: Address) -> bool:
        """Whether a response with this transaction id may come from there."""
        pending = self._pending.get(transaction_id)
        return pending is not None and pending[0] == source

    def on_response(self, message: stun.Message, source: Address, now: float) -> bool:
        """Whether this is a valid answer to one of our checks; the first one selects the peer's address."""
        if not self.expects(message.transaction_id, source):
            return False
        if not message.check_message_integrity(self.remote.password.encode()):
            return False
        trip = now - self._pending.pop(message.transaction_id)[1]
        known = self.round_trip_s
        self.round_trip_s = trip if known is None else known + (trip - known) / 4
        self.last_heard = now
        if self.selected is None:
            self.selected = source
        return True
