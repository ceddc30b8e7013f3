"""Trickle ICE fragments (RFC 8840, RFC 9725 §4.3): what a PATCH carries. Pure."""

from __future__ import annotations

from broadcast.errors import FragmentInvalid
from broadcast.ice import Address, Credentials
from broadcast.sdp import candidate_lines

_MOST_BYTES = 16 * 1024
_KNOWN = ("m=", "a=", "c=")


def check(text: str) -> None:
    """Raise FragmentInvalid unless this is a fragment with ICE credentials. Its candidates do not matter to us."""
    if len(text) > _MOST_BYTES:
        raise FragmentInvalid(reason="it is too long")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or not all(line.startswith(_KNOWN) for line in lines):
        raise FragmentInvalid(reason="it has lines that do not belong there")
    keys = {line[2:].partition(":")[0] for line in lines if line.startswith("a=")}
    if not {"ice-ufrag", "ice-pwd"} <= keys:
        raise FragmentInvalid(reason="the ICE credentials are missing")


def restart_answer(credentials: Credentials, addresses: tuple[Address, ...]) -> str:
    """The 200's body: new credentials, all candidates."""
    lines = [
        "a=ice-lite",
        f"a=ice-ufrag:{credentials.ufrag}",
        f"a=ice-pwd:{credentials.password}",
        *candidate_lines(addresses),
        "a=end-of-candidates",
    ]
    return "\r\n".join(lines) + "\r\n"
