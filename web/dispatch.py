"""What happens to every request, in one place: who calls, may they, is it well-formed, and how errors look."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError
from yarl import URL

from venues.errors import TongtangError
from venues.outages import DatabaseAway
from web import auth, errors
from web.i18n import COOKIE, negotiate
from web.keys import BODY, CALLER, LOCALE, NODE, QUERY, RENDERER, ROUTE, SECRET
from web.policy import Access, Caller, Target, Verdict, admits, allowed
from web.render import render
from web.routes import Route

log = logging.getLogger(__name__)

_REFUSALS: dict[Verdict, type[TongtangError]] = {
    Verdict.UNAUTHENTICATED: errors.SignInRequired,
    Verdict.WRONG_ROLE: errors.WrongRole,
    Verdict.OUTSIDE: errors.OutsideSubtree,
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self)",
}
_PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def guarded(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler that aiohttp gets: the declared one behind the policy."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request[ROUTE] = route
        # Before the clone: the error page asks, too.
        request[CALLER], request[SECRET] = (None, None) if route.anonymous else await auth.identify(request)
        if route.pace is not None:
            await route.pace(request)
        if request.can_read_body:
            if (request.content_length or 0) > route.max_body:
                raise errors.TooLarge(limit_bytes=route.max_body)
            request = request.clone(client_max_size=route.max_body)
        await _authorize(request, route)
        answer = await route.handler(request)
        if isinstance(answer, web.StreamResponse):
            return answer
        if isinstance(answer, BaseModel):
            return json_response(answer, status=route.status)
        return web.Response(status=204)

    return handle


async def _authorize(request: web.Request, route: Route) -> None:
    caller, secret = request[CALLER], request[SECRET]
    _refuse_unless_allowed(admits(caller, route.access))
    if request.method not in auth.SAFE_METHODS and hdrs.AUTHORIZATION not in request.headers:
        auth.check_site(request)
        if secret is not None and route.access is not Access.PUBLIC:  # a public route gives the session no power
            await auth.check_csrf(request, form=route.form)
    if route.query is not None:
        request[QUERY] = checked(route.query, dict(request.query))
    if route.body is not None:
        request[BODY] = checked(route.body, await _json(request, route))
    target = await route.target(request) if route.target else None
    if caller is not None and target is not None:
        below, above = await _relation(request, caller, target)
        _refuse_unless_allowed(allowed(caller, route.access, target, below=below, above=above))


async def _relation(request: web.Request, caller: Caller, target: Target) -> tuple[bool, bool]:
    if target.venue_id is None:
        return False, False
    venues = request.app[NODE].venues
    below = await venues.is_within(target.venue_id, caller.venue_id)
    return below, not below and await venues.is_within(caller.venue_id, target.venue_id)


def _refuse_unless_allowed(verdict: Verdict) -> None:
    if verdict is not Verdict.ALLOWED:
        raise _REFUSALS[verdict]


async def _json(request: web.Request, route: Route) -> object:
    try:
        raw = await request.read()
        return json.loads(raw) if raw else {}
    except web.HTTPRequestEntityTooLarge as error:
        raise errors.TooLarge(limit_bytes=route.max_body) from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise errors.BadJson from error


def checked(model: type[BaseModel], data: object) -> BaseModel:
    """`data` as the model. Raises Invalid with each field's fault, BadJson if it is no object."""
    if not isinstance(data, dict):
        raise errors.BadJson
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)[:10]
        details = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults)
        raise errors.Invalid(details=details) from error


def json_response(model: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=model.model_dump_json().encode(),
        status=status,
        headers={hdrs.CACHE_CONTROL: "no-store"} | (headers or {}),
        content_type="application/json",
    )


@web.middleware
async def edge(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """The outermost layer: the language, every error in its shape, the security headers."""
    node = request.app[NODE]
    request[LOCALE] = negotiate(
        request.cookies.get(COOKIE), request.headers.get(hdrs.ACCEPT_LANGUAGE), node.settings.web.language
    )
    try:
        response = await handler(request)
    except TongtangError as error:
        response = await _refusal(request, error)
    except web.HTTPException as error:
        if error.status < 400:  # a redirection
            raise
        response = await _refusal(request, _translated(request, error))
    except ConnectionError:  # the caller has gone: nobody to answer, nothing to note
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        response = await _refusal(request, errors.Internal())
    if not response.prepared:
        response.headers.update(_HEADERS)
        if response.content_type == "text/html":
            response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
    return response


def _translated(request: web.Request, error: web.HTTPException) -> TongtangError:
    if error.status == 404:
        return errors.NotFound()
    if error.status == 405:
        return errors.MethodNotAllowed(allow=error.headers.get(hdrs.ALLOW, ""))
    if error.status == 413:
        route = request.get(ROUTE)
        return errors.TooLarge(limit_bytes=route.max_body if route else 0)
    return errors.Refused()


async def _refusal(request: web.Request, error: TongtangError) -> web.StreamResponse:
    route = request.get(ROUTE)
    is_page = route.page if route else not _is_for_machines(request)
    if error.status >= 500 and not isinstance(error, errors.NotReady):
        log.warning("%s %s: %s", request.method, request.path, error)
    if is_page and error.status == 401 and request.method in ("GET", "HEAD"):
        return web.Response(status=303, headers={hdrs.LOCATION: str(URL("/sign-in").with_query(next=request.path_qs))})
    if is_page and CALLER not in request:  # no route at all: the page shows the menu of who is signed in
        request[CALLER], request[SECRET] = await _reader(request)
    sentence = request.app[RENDERER].catalogues[request[LOCALE]].sentence(error.template, error.fields)
    response: web.Response
    if is_page:
        response = render(request, "error.html", status=error.status, code=error.code, message=sentence)
    else:
        body = errors.ErrorBody(error=errors.ErrorDetail(code=error.code, message=sentence))
        response = json_response(body, status=error.status)
    response.headers.update(errors.headers_of(error))
    if allow := error.fields.get("allow"):
        response.headers[hdrs.ALLOW] = str(allow)
    return response


async def _reader(request: web.Request) -> tuple[Caller | None, str | None]:
    try:
        return await auth.identify(request)
    except DatabaseAway:  # which may be the very error that is told
        return None, None


def _is_for_machines(request: web.Request) -> bool:
    return "text/html" not in request.headers.get(hdrs.ACCEPT, "") or request.path.startswith("/api/")
