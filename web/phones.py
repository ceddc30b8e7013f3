"""What a telephone keeps for whoever checks in with it: an id of its own, and who did so last. In cookies, both.

The id says that it was the same telephone again, and nothing else. Who the person is, is sealed for this very node:
nobody else can read it or make it up, and the node itself keeps nothing of it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
from dataclasses import dataclass

from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken

from attendance.flags import PHONE
from attendance.people import person_id, same_name
from venues.errors import TongtangError
from web import auth
from web.routes import node_of

_DEVICE_LIFE = dt.timedelta(days=400)  # the most that browsers keep; renewed at each visit
_PERSON_LIFE = dt.timedelta(days=180)
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_DEVICE, _PERSON = "phone", "person"


class NotRemembered(TongtangError):
    """This phone does not know any more who you are. Please type your number and your name."""

    code = "not_remembered"
    status = 409


@dataclass(frozen=True, kw_only=True)
class Remembered:
    number: str
    name: str

    @property
    def hint(self) -> str:
        """The end of the number: enough for its owner, never the whole of it."""
        return self.number[-min(4, len(self.number) // 2) :] if len(self.number) > 1 else ""


def device_of(request: web.Request) -> str:
    """The telephone's id as events bear it; a new one, to be given to it by `keep_device`, where it has none yet."""
    given = request.cookies.get(auth.cookie_name(request, _DEVICE), "")
    if not _ID.fullmatch(given):
        given = base64.urlsafe_b64encode(node_of(request).entropy(16)).rstrip(b"=").decode()
    return f"{PHONE}{given}"


def keep_device(request: web.Request, response: web.StreamResponse, device: str) -> None:
    auth.set_cookie(request, response, _DEVICE, device.removeprefix(PHONE), _DEVICE_LIFE)


async def remembered(request: web.Request) -> Remembered | None:
    """Who checked in last with this telephone and wished to be remembered; None also when that has become worth
    nothing: too old, the person was erased since, or the number is somebody else's now."""
    node, sealed = node_of(request), request.cookies.get(auth.cookie_name(request, _PERSON), "")
    if not sealed:
        return None
    lifetime, now = await _lifetime(request), int(node.now().timestamp())
    try:
        text = (await _seal(request)).decrypt_at_time(sealed, int(lifetime.total_seconds()), now)
        number, name, mark = json.loads(text)
    except (InvalidToken, ValueError):
        return None
    person = person_id(number)
    if mark != await node.privacy.mark(person):
        return None
    known = await node.people.get(person)
    return None if known and not same_name(known.name, name) else Remembered(number=number, name=name)


async def remember(request: web.Request, response: web.StreamResponse, number: str, name: str) -> None:
    """Ask the telephone to keep who has just checked in."""
    node = node_of(request)
    text = json.dumps([number, name, await node.privacy.mark(person_id(number))])
    sealed = (await _seal(request)).encrypt_at_time(text.encode(), int(node.now().timestamp()))
    auth.set_cookie(request, response, _PERSON, sealed.decode(), await _lifetime(request))


def forget(request: web.Request, response: web.StreamResponse) -> None:
    auth.drop_cookie(request, response, _PERSON)


async def _lifetime(request: web.Request) -> dt.timedelta:
    """Never longer than this node would know the person by attendance: by then the erasure may be forgotten, too."""
    days = (await node_of(request).privacy.keep()).people_days
    return min(_PERSON_LIFE, dt.timedelta(days=days)) if days else _PERSON_LIFE


async def _seal(request: web.Request) -> Fernet:
    secret = await node_of(request).code_secret()
    return Fernet(base64.urlsafe_b64encode(hmac.digest(secret, b"remembered person", hashlib.sha256)))
