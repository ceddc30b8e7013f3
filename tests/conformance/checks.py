"""One ICE connectivity check (RFC 8445 §7), sent by hand with aioice's STUN messages."""

from __future__ import annotations

import asyncio
import secrets
import socket
from dataclasses import dataclass

from aioice import stun

from tests.conformance import offers

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Remote:
    """How a server told us to reach it."""

    ufrag: str
    password: str
    address: tuple[str, int]


def remote_of(sdp: str, *, like: Remote | None = None) -> Remote:
    """From an answer or a fragment; one without candidates is reached where `like` is."""
    ufrag, password = offers.attribute(sdp, "ice-ufrag"), offers.attribute(sdp, "ice-pwd")
    if like is not None and "a=candidate:" not in sdp:
        return Remote(ufrag, password, like.address)
    candidate = offers.attribute(sdp, "candidate").split()
    return Remote(ufrag, password, (candidate[4], int(candidate[5])))


class Checker:
    """A client's UDP socket. It stays the same over all checks, as a real client's does."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    async def answered(self, remote: Remote, patience_s: float = _PATIENCE_S) -> bool:
        """Whether a signed check is answered with a signed success. Sent up to four times."""
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id=secrets.token_bytes(12))
        request.attributes["USERNAME"] = f"{remote.ufrag}:here"
        request.attributes["PRIORITY"] = 1853824767
        request.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(remote.password.encode())
        loop = asyncio.get_running_loop()
        for _ in range(4):
            await loop.sock_sendto(self._socket, bytes(request), remote.address)
            try:
                async with asyncio.timeout(patience_s / 4):
                    while not self._is_success(await loop.sock_recv(self._socket, 2048), request, remote):
                        pass
                return True
            except TimeoutError:
                continue
        return False

    def _is_success(self, data: bytes, request: stun.Message, remote: Remote) -> bool:
        if data[0] > 3:  # DTLS
            return False
        message = stun.parse_message(data)
        if message.transaction_id != request.transaction_id or message.message_class is not stun.Class.RESPONSE:
            return False
        return bool(message.check_message_integrity(remote.password.encode()))
