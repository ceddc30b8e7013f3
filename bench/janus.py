"""Janus from Debian's package as a WebRTC fan-out: its Streaming plugin fed with plain RTP, watched by real sessions.

`Flavour.INSTALLED` is the package's own configuration, all plugins and transports included, with one mountpoint.
`Flavour.BEST` shares one event loop between all viewers (Janus' advice for many viewers on few cores; as installed
each viewer has a thread), and loads and logs nothing that is not needed. Both speak SRTP with AES-128-GCM, as Tongtang
does: Janus is the DTLS client, so that its preference for AES-256 does not count against it.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from bench.load import AUDIO_PT, VIDEO_PT, RawPublisher
from bench.namespaces import CLIENT, SERVER, Sides
from bench.viewers import CountingViewer, client_port
from broadcast import sdp
from broadcast.dtls import Certificate
from broadcast.peer import Peer, PeerState
from broadcast.relay import new_credentials

_PACKAGED = Path("/etc/janus")
_MOUNTPOINT = """
lecture: {{
    type = "rtp"
    id = 1
    audio = true
    audioport = {audio}
    audiopt = 111
    audiocodec = "opus"
    video = true
    videoport = {video}
    videopt = 96
    videocodec = "vp8"
}}
"""
_BEST = """
general: {{
    event_loops = 1
    debug_level = 2
}}
nat: {{
    ice_enforce_list = "{address}"
    ignore_mdns = true
}}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
_WEBSOCKETS = """
general: {{
    json = "compact"
    ws = true
    ws_port = {port}
    wss = false
}}
"""


class Flavour(enum.Enum):
    INSTALLED = "janus"
    BEST = "janus at its best"

    @property
    def api_port(self) -> int:
        return 8188 if self is Flavour.INSTALLED else 8189

    @property
    def rtp_ports(self) -> dict[int, int]:
        """Payload type → the UDP port that takes it."""
        first = 5002 if self is Flavour.INSTALLED else 6002
        return {AUDIO_PT: first, VIDEO_PT: first + 2}


class JanusFailed(Exception):
    """Janus did not start, or did not do as it was asked."""


def install() -> None:
    """Install the package if it is missing. Raises JanusFailed, subprocess.SubprocessError."""
    if shutil.which("janus") is not None:
        return
    if os.geteuid() != 0:
        raise JanusFailed("the package janus is missing, and only root can install it")
    print("Installing janus.", file=sys.stderr)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # no service is to be started
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "janus"]):
        options = ["-o", "DPkg::Lock::Timeout=60"]
        subprocess.run(
            ["apt-get", *options, *command], check=True, timeout=180, env=environment, stdout=sys.stderr.fileno()
        )


def configure(folder: Path, flavour: Flavour) -> None:
    """Janus' configuration files, in `folder`."""
    for file in _PACKAGED.glob("*.jcfg"):
        shutil.copy(file, folder)
    ports = flavour.rtp_ports
    streaming = _MOUNTPOINT.format(audio=ports[AUDIO_PT], video=ports[VIDEO_PT])
    (folder / "janus.plugin.streaming.jcfg").write_text(streaming, encoding="ascii")
    if flavour is Flavour.BEST:
        best = _BEST.format(address=SERVER, plugins=_others("plugins"), transports=_others("transports"))
        (folder / "janus.jcfg").write_text(best, encoding="ascii")
        websockets = _WEBSOCKETS.format(port=flavour.api_port)
        (folder / "janus.transport.websockets.jcfg").write_text(websockets, encoding="ascii")


def _others(kind: str) -> str:
    """The modules of a kind that are not needed, as Janus wants them to be listed."""
    needed = ("libjanus_streaming.so", "libjanus_websockets.so")
    found = Path("/usr/lib").glob(f"*/janus/{kind}/libjanus_*.so")
    return ",".join(sorted(module.name for module in found if module.name not in needed))


class Janus:
    """A running Janus and the one API session that holds the viewers' handles."""

    def __init__(self, pid: int, ports: dict[int, int], connection: aiohttp.ClientWebSocketResponse) -> None:
        self.pid = pid
        self.ports = ports
        self._connection = connection
        self._session = 0
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def open(self) -> None:
        self._session = (await self._ask("create"))["data"]["id"]

    async def keep_alive(self) -> None:
        """Janus ends a session that asks for nothing for a minute."""
        await self._connection.send_json({"janus": "keepalive", "session_id": self._session, "transaction": "-"})

    async def watch(self) -> tuple[int, str]:
        """A new viewer's handle and the SDP that Janus offers to it."""
        attached = await self._ask("attach", session_id=self._session, plugin="janus.plugin.streaming")
        handle = attached["data"]["id"]
        return handle, (await self._message(handle, {"request": "watch", "id": 1}))["jsep"]["sdp"]

    async def start(self, handle: int, answer: str) -> None:
        await self._message(handle, {"request": "start"}, jsep={"type": "answer", "sdp": answer})

    async def _message(self, handle: int, body: dict[str, Any], **more: object) -> dict[str, Any]:
        answer = await self._ask("message", session_id=self._session, handle_id=handle, body=body, **more)
        data = answer.get("plugindata", {}).get("data", {})
        if "error" in data:
            raise JanusFailed(data["error"])
        return answer

    async def _ask(self, what: str, **fields: object) -> dict[str, Any]:
        """The answer to a request; to a message, which Janus only acknowledges at first, the event that follows."""
        transaction = secrets.token_hex(8)
        answer = self._answers[transaction] = asyncio.get_running_loop().create_future()
        await self._connection.send_json({"janus": what, "transaction": transaction, **fields})
        reply: dict[str, Any] = await asyncio.wait_for(answer, 20)
        if reply["janus"] == "error":
            raise JanusFailed(reply["error"]["reason"])
        return reply

    async def listen(self) -> None:
        async for message in self._connection:
            content = message.json()
            answer = self._answers.get(content.get("transaction", ""))
            if answer is not None and not answer.done() and content["janus"] != "ack":
                answer.set_result(content)


class JanusViewer(CountingViewer):
    """Janus offers and, as a full ICE agent, dials; the viewer is lite, and the DTLS server."""

    takes_rtp = True

    async def watch(self, janus: Janus, certificate: Certificate) -> None:
        port = self.port = client_port(CLIENT)
        handle, text = await janus.watch()
        offer = sdp.parse(text)
        credentials = new_credentials()
        local = sdp.Local(
            credentials.ufrag,
            credentials.password,
            certificate.fingerprint,
            "passive",
            ((CLIENT, port.number),),
            secrets.randbits(62),
        )
        sections = [sdp.Section(m.kind, m.mid, "recvonly", tuple(_played(m)), ()) for m in offer.media]
        peer = self.peer = Peer(
            port,
            certificate,
            self,
            client=False,
            now=time.monotonic(),
            fingerprints=offer.fingerprints,
            credentials=credentials,
        )
        port.add(peer)
        await janus.start(handle, sdp.write(local, sections))
        while peer.state is not PeerState.CONNECTED:
            port.tick(time.monotonic())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.connected.wait(), 0.05)


def _played(media: sdp.Media) -> list[sdp.Format]:
    return [f for f in media.formats if f.codec is not None]


class PlainPublisher(RawPublisher):
    """The load as Janus takes it: plain RTP, one UDP port for each track."""

    def __init__(self, sock: socket.socket, ports: dict[int, int]) -> None:
        super().__init__()
        self._socket, self._ports = sock, ports

    def _send(self, packets: list[bytes]) -> None:
        for packet in packets:
            self._socket.sendto(packet, (SERVER, self._ports[packet[1] & 0x7F]))


@contextlib.asynccontextmanager
async def janus_process(sides: Sides, flavour: Flavour) -> AsyncIterator[Janus]:
    """Janus at the server's side, ready for viewers; ended afterwards. Raises JanusFailed."""
    with tempfile.TemporaryDirectory(prefix="tongtang-janus-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        configure(folder, flavour)
        log = stack.enter_context(open(folder / "log", "wb"))  # noqa: ASYNC230
        command = ["setpriv", "--pdeathsig", "KILL", "janus", "--disable-colors", "--configs-folder", name]
        with sides.server_side():
            process = subprocess.Popen(  # noqa: ASYNC220 (only the start blocks)
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=name
            )
        stack.callback(_end, process)
        async with (
            aiohttp.ClientSession() as http,
            await _connect(http, process, folder / "log", flavour) as connection,
        ):
            janus = Janus(process.pid, flavour.rtp_ports, connection)
            listening = asyncio.create_task(janus.listen())
            try:
                await janus.open()
                yield janus
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)


async def _connect(
    http: aiohttp.ClientSession, process: subprocess.Popen[bytes], log: Path, flavour: Flavour
) -> aiohttp.ClientWebSocketResponse:
    for _ in range(150):
        await asyncio.sleep(0.1)
        if process.poll() is not None:
            break
        with contextlib.suppress(aiohttp.ClientError, OSError):
            return await http.ws_connect(
                f"http://{SERVER}:{flavour.api_port}/", protocols=["janus-protocol"], max_msg_size=0
            )
    said = await asyncio.to_thread(log.read_text, errors="replace")
    raise JanusFailed(f"Janus has not started:\n{said[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
