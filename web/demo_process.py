"""Child processes of the demonstration: started in sessions of their own, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import socket
import sys
from pathlib import Path
from typing import ClassVar

from venues.errors import TongtangError
from web import version

_STOP_S = 10.0
_TAIL = 12  # lines of its log that are shown of a process that failed


class ProcessEnded(TongtangError):
    """The {name} stopped by itself (status {exit_status}). {tail}"""

    code: ClassVar[str] = "process_ended"
    status: ClassVar[int] = 500


class Child:
    """`tongtang` with some arguments. The child stops on SIGTERM, and when the pipe on its standard input closes: that
    happens however this process ends, so none is left behind even by kill -9."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, again: str) -> None:
        self.name, self.log, self.again = name, log, again
        self._process = process

    @classmethod
    async def start(cls, name: str, *arguments: str, log: Path, environment: dict[str, str] | None = None) -> Child:
        """What the child says goes to the end of `log`. Its `again` is the command that would start it once more."""
        here = Path(version.__file__).parent.parent
        paths = [str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the folder that we are in is none of the child's business
                "-m",
                "web",
                *arguments,
                "--until-eof",
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | (environment or {}),
                start_new_session=True,  # Ctrl-C is for us; we stop the children in order
            )
        told = [f"{key}={value}" for key, value in (environment or {}).items()]
        return cls(name, process, log, shlex.join([*told, "tongtang", *arguments]))

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raises ProcessEnded."""
        if self._process.returncode is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()[-_TAIL:]
            tail = "\n".join(["The end of its log:", *lines]) if lines else ""
            raise ProcessEnded(name=self.name, exit_status=self._process.returncode, tail=tail)

    async def ended(self) -> int:
        return await self._process.wait()

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process.returncode is None:
                self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def free_ports(host: str, first: int, count: int) -> list[int]:
    """Ports that are free for TCP and UDP alike: `first` and those that follow it, and others where these are taken."""
    held: list[socket.socket] = []
    found: list[int] = []
    try:
        wanted = [first + number for number in range(count)] + [0] * 50 * count
        for port in wanted:
            with contextlib.suppress(OSError):
                found.append(_hold(host, port, held))
            if len(found) == count:
                break
    finally:
        for each in held:
            each.close()
    return found


def _hold(host: str, port: int, held: list[socket.socket]) -> int:
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: TIME_WAIT is no obstacle
        tcp.bind((host, port))
        tcp.listen()
        udp.bind(("0.0.0.0", tcp.getsockname()[1]))
    except BaseException:
        tcp.close()
        udp.close()
        raise
    held += [tcp, udp]
    return int(tcp.getsockname()[1])
