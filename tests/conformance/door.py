"""A plain HTTP client that shows everything a WHIP or WHEP server answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiortc.sdp import SessionDescription
from yarl import URL

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
_TIMEOUT = aiohttp.ClientTimeout(total=60)
_MOST_WAIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A whole answer. Names of `headers` are case-insensitive; `url` is where it came from, after redirects."""

    status: int
    headers: Mapping[str, str]
    links: Mapping[str, Mapping[str, object]]
    media_type: str
    body: str
    url: URL


class Door:
    """One endpoint with one bearer token. `patient`: of a server that runs elsewhere, which may well bound how often
    one may ask: what it refuses with 429 is asked again once, after the time that it says."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str, *, patient: bool = False) -> None:
        self._patient = patient
        self.url = URL(url)
        self._http = http
        self._token = token
        self._sessions: list[Session] = []

    @property
    def open_to_all(self) -> bool:
        """The server asks for no token."""
        return not self._token

    @property
    def last(self) -> Session:
        """The newest session."""
        return self._sessions[-1]

    def holding(self, token: str) -> Door:
        """The same endpoint with another token."""
        return Door(self._http, str(self.url), token, patient=self._patient)

    async def request(
        self, method: str, url: URL | None = None, *, body: str = "", media_type: str = "", **headers: str
    ) -> Reply:
        """As `_request`."""
        reply = await self._request(method, url, body=body, media_type=media_type, **headers)
        wait_s = reply.headers.get("Retry-After", "")
        if reply.status != 429 or not self._patient or not wait_s.isdecimal():
            return reply
        await asyncio.sleep(min(float(wait_s), _MOST_WAIT_S))
        return await self._request(method, url, body=body, media_type=media_type, **headers)

    async def _request(
        self, method: str, url: URL | None = None, *, body: str = "", media_type: str = "", **headers: str
    ) -> Reply:
        """`headers` with `_` for `-`. An empty Authorization sends none. Follows 307 and nothing else (W13)."""
        sent = {"Authorization": f"Bearer {self._token}" if self._token else ""}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if media_type:
            sent["Content-Type"] = media_type
        url = url or self.url
        for _ in range(4):
            async with self._http.request(
                method,
                url,
                data=body.encode() or None,
                headers={name: value for name, value in sent.items() if value},
                skip_auto_headers=["Content-Type"],
                allow_redirects=False,
                timeout=_TIMEOUT,
            ) as response:
                text = await response.text(errors="replace")
                assert response.status not in (301, 302, 303, 308), "RFC 9725 §4.5: only 307 redirects"
                if response.status != 307:
                    return Reply(
                        status=response.status,
                        headers=response.headers,
                        links=response.links,
                        media_type=response.content_type,
                        body=text,
                        url=url,
                    )
                url = url.join(URL(response.headers["Location"]))
        raise AssertionError("too many redirects")

    async def offer(self, sdp: str, **headers: str) -> Reply:
        reply = await self.request("POST", body=sdp, media_type=SDP, **headers)
        if reply.status == 201:
            self.session(reply)
        return reply

    async def open(self, sdp: str) -> Session:
        reply = await self.offer(sdp)
        assert reply.status == 201, (reply.status, reply.body)
        return self.session(reply)

    def session(self, reply: Reply) -> Session:
        session = Session(self, reply)
        self._sessions.append(session)
        return session

    async def close(self) -> None:
        for url in {session.url for session in self._sessions}:
            await self.request("DELETE", url)


class Session:
    """What a 201 gave. `sdp` is the answer."""

    def __init__(self, door: Door, reply: Reply) -> None:
        self.door = door
        self.reply = reply
        self.sdp = reply.body
        self.url = reply.url.join(URL(reply.headers["Location"]))
        self.etag = reply.headers.get("ETag", "")

    @property
    def answer(self) -> SessionDescription:
        """As a parser from another hand reads it."""
        return SessionDescription.parse(self.sdp)

    async def patch(self, fragment: str, *, media_type: str = FRAGMENT, **headers: str) -> Reply:
        return await self.door.request("PATCH", self.url, body=fragment, media_type=media_type, **headers)

    async def delete(self, **headers: str) -> Reply:
        return await self.door.request("DELETE", self.url, **headers)
