"""Where this machine can be reached."""

from __future__ import annotations

import socket


def own_address() -> str:
    """The address from which this machine would speak to the rest of the world, "127.0.0.1" without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: nobody is there, and connecting a UDP socket sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def base_url(host: str, port: int, *, tls: bool) -> str:
    """`scheme://host[:port]` for a listening address; a wildcard stands for the machine's own address."""
    scheme, usual = ("https", 443) if tls else ("http", 80)
    if host in ("", "0.0.0.0", "::"):
        host = own_address()
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port == usual else f"{scheme}://{shown}:{port}"
