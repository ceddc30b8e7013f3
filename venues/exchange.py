"""One HTTP exchange with a parent: what comes back, whole, and what can go wrong, by name."""

from __future__ import annotations

import contextlib
import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from venues.errors import TongtangError


class LinkError(TongtangError):
    """The link to the parent does not work."""

    code = "link_error"
    status = 502


class ParentUnreachable(LinkError):
    """The parent {url} cannot be reached ({reason})."""

    code = "parent_unreachable"
    status = 503


class ParentRefused(LinkError):
    """The parent {url} refused ({reason}): {detail}"""

    code = "parent_refused"


class ReplyInvalid(LinkError):
    """The parent's answer to {path} cannot be understood."""

    code = "reply_invalid"


@dataclass(frozen=True, kw_only=True)
class Response:
    """A whole answer. Names of `headers` are case-insensitive; `url` is the parent that gave it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    path: str

    def json(self) -> Any:
        """Raises ReplyInvalid."""
        try:
            return jsonlib.loads(self.body)
        except ValueError as error:
            raise ReplyInvalid(path=self.path) from error

    @property
    def error(self) -> tuple[str, str] | None:
        """(code, message) of our API's error body, None if the body is something else."""
        with contextlib.suppress(ReplyInvalid):
            match self.json():
                case {"error": {"code": str(code), "message": str(message)}}:
                    return code, message
        return None

    def refusal(self) -> ParentRefused:
        reason, detail = self.error or (f"http_{self.status}", "no reason was given")
        return ParentRefused(url=self.url, reason=reason, detail=detail)

    def checked(self) -> Response:
        """Itself. Raises ParentRefused for anything but 200 or 201."""
        if self.status not in (200, 201):
            raise self.refusal()
        return self


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    path: str,
    *,
    json: object = None,
    data: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float,
) -> Response:
    """Raises ParentUnreachable. The parent is asked to speak English: its sentences go to logs and to the terminal."""
    headers = {"Accept-Language": "en"} | dict(headers or {})
    limits = aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 5.0))
    try:
        async with session.request(
            method, url + path, json=json, data=data, headers=headers, timeout=limits, allow_redirects=False
        ) as answer:
            body = await answer.read()
            response = Response(status=answer.status, headers=answer.headers, body=body, url=url, path=path)
    except TimeoutError as error:
        raise ParentUnreachable(url=url, reason="timeout") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ParentUnreachable(url=url, reason=_reason(error)) from error
    if response.status in (502, 503, 504) and response.error is None:
        raise ParentUnreachable(url=url, reason=f"http_{response.status}")  # a proxy speaks, not the parent
    return response


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientSSLError():
            return "tls_failed"
        case aiohttp.ClientConnectorDNSError():
            return "name_unknown"
        case aiohttp.ClientConnectorError():
            return "connect_failed"
    return "connection_lost"
