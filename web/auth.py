"""Who is calling: session cookies and bearer tokens, signing in and out, and the two guards against forged requests.

For pages: `csrf_of(request)` is the token for forms; `await sign_in(request, name, password)` gives a secret that
`remember(request, response, secret)` puts into the cookie; `await sign_out(request, response)` ends it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from venues.tokens import Grant, TokenKind
from web.errors import BadCredentials, CrossSite, CsrfFailed
from web.keys import CALLER, NODE, ROUTE, SECRET
from web.policy import Access, Caller, CallerKind, Role

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
_SCREEN_LIFE = dt.timedelta(days=3650)
_SCREEN_COOKIE_LIFE = dt.timedelta(days=400)  # the most that browsers keep; renewed at each opening
_BEARERS = {
    TokenKind.API: CallerKind.API,
    TokenKind.NODE: CallerKind.NODE,
    TokenKind.PUBLISH: CallerKind.PUBLISH,
    TokenKind.VIEW: CallerKind.VIEW,
}


async def identify(request: web.Request) -> tuple[Caller | None, str | None]:
    """The caller and, for a session, its secret. A bearer goes before a cookie; a bad one is nobody."""
    node = request.app[NODE]
    scheme, _, bearer = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        grant = await node.tokens.check(bearer.strip())
        return (_bearer_caller(grant) if grant else None), None
    route = request.get(ROUTE)  # none for an address where nothing is
    if route is not None and route.access is Access.METRICS and _is_from_this_machine(request):
        return Caller(kind=CallerKind.MACHINE, name="this machine", venue_id=0), None
    secret = request.cookies.get(cookie_name(request))
    grant = await node.tokens.check(secret) if secret else None
    if grant is None or grant.kind is not TokenKind.SESSION:
        return await _screen(request)
    user = await node.users.get(grant.subject)  # asked each time: a disabled or moved user is so at once
    if user is None or user.disabled:
        return None, None
    return Caller(kind=CallerKind.USER, name=user.name, venue_id=user.venue_id, role=user.role), secret


async def _screen(request: web.Request) -> tuple[Caller | None, str | None]:
    """The venue's screen: a browser in which an operator has once opened it. It outlives the operator's session, so
    that the screen starts by itself after a night or a power cut."""
    secret = request.cookies.get(cookie_name(request, "screen"))
    grant = await request.app[NODE].tokens.check(secret) if secret else None
    if grant is None or grant.kind is not TokenKind.SCREEN:
        return None, None
    return Caller(kind=CallerKind.SCREEN, name=grant.subject, venue_id=grant.venue_id), secret


async def screen_secret(request: web.Request) -> str | None:
    """The secret with which this browser is the venue's screen, a new one if it is not yet; None before the node knows
    its venue, and for scripts."""
    node, caller = request.app[NODE], request.get(CALLER)
    if node.venue is None or caller is None or caller.kind not in (CallerKind.USER, CallerKind.SCREEN):
        return None
    secret = request.cookies.get(cookie_name(request, "screen"))
    if secret is not None and await node.tokens.check(secret) is not None:
        return secret
    return await node.tokens.issue(TokenKind.SCREEN, f"screen-{node.venue.id}", node.venue.id, ttl=_SCREEN_LIFE)


def remember_screen(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """Keep this browser the venue's screen for another while."""
    set_cookie(request, response, "screen", secret, _SCREEN_COOKIE_LIFE)


def _bearer_caller(grant: Grant) -> Caller | None:
    kind = _BEARERS.get(grant.kind)
    if kind is None or grant.venue_id is None:
        return None
    role = Role.ORGANIZER if kind is CallerKind.API else None
    return Caller(kind=kind, name=grant.subject, venue_id=grant.venue_id, role=role, lecture_id=grant.lecture_id)


async def sign_in(request: web.Request, name: str, password: str) -> str:
    """The new session's secret. Raises BadCredentials (unknown name, wrong password, disabled: all alike) or
    TooManyAttempts."""
    node = request.app[NODE]
    name = name.strip()
    await node.attempts.sign_in(name, address_of(request))
    user = await node.users.get(name)
    good = await node.passwords.verify(user.password_hash if user else None, password)
    if user is None or not good or user.disabled:
        raise BadCredentials
    lifetime = dt.timedelta(hours=node.settings.web.session_hours)
    return await node.tokens.issue(TokenKind.SESSION, user.name, user.venue_id, ttl=lifetime)


async def sign_out(request: web.Request, response: web.StreamResponse) -> None:
    """Ends the session, and the screen that this browser may have been."""
    for purpose in ("", "screen"):
        if secret := request.cookies.get(cookie_name(request, purpose)):
            await request.app[NODE].tokens.revoke(secret)
        drop_cookie(request, response, purpose)


def remember(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    lifetime = dt.timedelta(hours=request.app[NODE].settings.web.session_hours)
    set_cookie(request, response, "", secret, lifetime)


def set_cookie(
    request: web.Request, response: web.StreamResponse, purpose: str, value: str, lifetime: dt.timedelta
) -> None:
    """Out of reach of scripts, for this node alone; `purpose` as in `cookie_name`."""
    response.set_cookie(
        cookie_name(request, purpose),
        value,
        max_age=int(lifetime.total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=is_secure(request),
    )


def drop_cookie(request: web.Request, response: web.StreamResponse, purpose: str) -> None:
    name, secure = cookie_name(request, purpose), is_secure(request)
    response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Lax")


def cookie_name(request: web.Request, purpose: str = "") -> str:
    """Cookies know no ports: several nodes on one machine need different names."""
    mark = hashlib.sha256(request.app[NODE].id.encode()).hexdigest()[:8]
    name = f"tongtang-{purpose}-{mark}" if purpose else f"tongtang-{mark}"
    return f"__Host-{name}" if is_secure(request) else name


def csrf_token(secret: str) -> str:
    """Derived from the session's secret: nothing to store, and nothing that tells the secret."""
    digest = hmac.digest(secret.encode(), b"tongtang csrf", "sha256")
    return base64.urlsafe_b64encode(digest[:24]).decode()


def csrf_of(request: web.Request) -> str:
    """The token of the request's session; "" where there is none."""
    secret = request.get(SECRET)
    return csrf_token(secret) if secret else ""


def check_site(request: web.Request) -> None:
    """A browser says where a request comes from (Fetch Metadata §2.4, RFC 6454 §7); another site is refused."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        raise CrossSite
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return
    came_from = urlsplit(origin).netloc  # "" for the opaque origin "null"
    if not came_from or came_from not in (request.host, urlsplit(request.app[NODE].public_url).netloc):
        raise CrossSite


async def check_csrf(request: web.Request, *, form: bool) -> None:
    """For a request that changes something and comes with a session."""
    given: object = request.headers.get(CSRF_HEADER)
    if given is None and form:
        given = (await request.post()).get(CSRF_FIELD)
    # Of this browser's session or of its being a screen: an open screen outlives the session under which it was opened.
    secrets = [request.cookies.get(cookie_name(request)), request.cookies.get(cookie_name(request, "screen"))]
    wanted = [csrf_token(secret) for secret in secrets if secret]
    if not isinstance(given, str) or not any(hmac.compare_digest(given.encode(), token.encode()) for token in wanted):
        raise CsrfFailed


def is_secure(request: web.Request) -> bool:
    public = urlsplit(request.app[NODE].public_url)
    if request.secure or (public.scheme == "https" and public.netloc == request.host):
        return True
    return _behind_proxy(request) and request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def address_of(request: web.Request) -> str:
    """The caller's address; behind trusted proxies, the last address of X-Forwarded-For that is not one of them."""
    if not _behind_proxy(request):
        return request.remote or ""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    trusted = request.app[NODE].settings.web.trusted_proxies
    return next((hop for hop in reversed(hops) if not _is_in(hop, trusted)), request.remote or "")


def _is_from_this_machine(request: web.Request) -> bool:
    """Asked by the loopback interface, by its name or address, and not handed on by a proxy, which would make everybody
    local: it names itself in a header, or keeps the public name in Host. (A page of another site that a browser on this
    machine was led to names that site there, too.)"""
    handed_on = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "Via", "X-Real-IP"))
    return not handed_on and _is_loopback(request.remote or "") and _is_loopback(request.url.host or "")


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _behind_proxy(request: web.Request) -> bool:
    return _is_in(request.remote or "", request.app[NODE].settings.web.trusted_proxies)


def _is_in(address: str, networks: tuple[str, ...] | list[str]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
        return any(ip in ipaddress.ip_network(network, strict=False) for network in networks)
    except ValueError:
        return False
