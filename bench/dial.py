"""Dial a relay from a UDP port of one's own: an offer, its answer, and the peer that carries what was agreed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable

from broadcast import Answer, sdp
from broadcast.dtls import Certificate
from broadcast.ice import Credentials, Dialer
from broadcast.peer import Handler, Peer
from broadcast.port import Port
from broadcast.relay import new_credentials
from broadcast.sdp import Section


async def dial(
    port: Port,
    certificate: Certificate,
    handler: Handler,
    sections: list[Section],
    post: Callable[[str], Awaitable[Answer]],
) -> Peer:
    """The peer, added to `port` and about to connect; `post` is the WHIP or WHEP endpoint."""
    credentials = new_credentials()
    local = sdp.Local(
        credentials.ufrag,
        credentials.password,
        certificate.fingerprint,
        "actpass",
        (),
        secrets.randbits(62),
        lite=False,
    )
    answer = sdp.parse((await post(sdp.write(local, sections))).sdp)
    found = [sdp.candidate_address(line) for line in answer.media[0].candidates]
    peer = Peer(
        port,
        certificate,
        handler,
        client=True,
        now=time.monotonic(),
        fingerprints=answer.fingerprints,
        credentials=credentials,
        dialer=Dialer(
            credentials,
            Credentials(answer.ufrag, answer.password),
            tuple(a for a in found if a is not None),
            secrets.randbits(64),
        ),
    )
    port.add(peer)
    return peer
