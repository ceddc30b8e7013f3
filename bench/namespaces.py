"""Two network namespaces joined by a veth pair: the server lives in one, its viewers and its source in the other.

Nothing in them has a way out. Both are removed when the context ends, however it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator

from bench.rpc import pin

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"
SERVER_CORE, CLIENT_CORE = 0, 1
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Sides:
    """Where this process is: at the client's side, and only within `server_side` at the server's, together with the
    processes that it starts there. For the main thread only."""

    def __init__(self, server: str, client: str) -> None:
        self._server = os.open(f"/run/netns/{server}", os.O_RDONLY)
        self._client = os.open(f"/run/netns/{client}", os.O_RDONLY)
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._cores = os.sched_getaffinity(0)
        self._to_client()

    @contextlib.contextmanager
    def server_side(self) -> Iterator[None]:
        os.sched_setaffinity(0, self._cores)
        pin(SERVER_CORE)
        _enter(self._server)
        try:
            yield
        finally:
            self._to_client()

    @property
    def cores(self) -> tuple[int, int]:
        """The server's and the client's, which are the same where there is only one."""
        ordered = sorted(self._cores)
        return ordered[SERVER_CORE], ordered[CLIENT_CORE % len(ordered)]

    def _to_client(self) -> None:
        os.sched_setaffinity(0, self._cores)
        pin(CLIENT_CORE)
        _enter(self._client)

    def leave(self) -> None:
        os.sched_setaffinity(0, self._cores)
        _enter(self._home)
        for descriptor in (self._server, self._client, self._home):
            os.close(descriptor)


@contextlib.contextmanager
def two_sides() -> Iterator[Sides]:
    """Needs root. Raises subprocess.CalledProcessError or OSError where namespaces cannot be made."""
    names = [f"tongtang-{os.getpid()}-{side}" for side in ("server", "client")]
    with contextlib.ExitStack() as stack:
        for name in names:
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
        server, client = names
        _ip("link", "add", "veth0", "netns", server, "type", "veth", "peer", "name", "veth0", "netns", client)
        for name, address in ((server, SERVER), (client, CLIENT)):
            _ip("-n", name, "link", "set", "veth0", "addrgenmode", "none")  # IPv4 is all that is used
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "veth0")
            _ip("-n", name, "link", "set", "veth0", "up")
        sides = Sides(server, client)
        stack.callback(sides.leave)
        yield sides


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=10)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
