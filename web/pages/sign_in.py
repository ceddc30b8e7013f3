"""Sign-in, sign-out and the language switch."""

from __future__ import annotations

from aiohttp import web

from web import auth, i18n
from web.errors import BadCredentials, NotFound, TooManyAttempts
from web.pages.forms import complaint, field, local_path, onward
from web.policy import CallerKind
from web.render import render
from web.routes import Access, Route, caller_of

_YEAR_S = 365 * 86400


async def ask(request: web.Request) -> web.Response:
    following = local_path(request.query.get("next", "/"))
    caller = caller_of(request)
    if caller is not None and caller.kind is not CallerKind.SCREEN:  # a screen's session has ended
        return onward(following)
    return render(request, "sign_in.html", next=following, name="", problem=None)


async def enter(request: web.Request) -> web.Response:
    name, following = await field(request, "name"), local_path(await field(request, "next"))
    password = (await request.post()).get("password", "")
    try:
        secret = await auth.sign_in(request, name, password if isinstance(password, str) else "")
    except (BadCredentials, TooManyAttempts) as error:
        problem = complaint(request, error)
        return render(request, "sign_in.html", status=error.status, next=following, name=name, problem=problem)
    response = onward(following)
    auth.remember(request, response, secret)
    return response


async def leave(request: web.Request) -> web.Response:
    response = onward("/sign-in")
    await auth.sign_out(request, response)
    return response


async def language(request: web.Request) -> web.Response:
    """Remember the language on this computer and go back to the page."""
    locale = request.match_info["locale"]
    if locale not in i18n.LOCALES:
        raise NotFound
    response = onward(local_path(request.query.get("next", "/")))
    response.set_cookie(i18n.COOKIE, locale, max_age=_YEAR_S, path="/", samesite="Lax", secure=auth.is_secure(request))
    return response


ROUTES = [
    Route("GET", "/sign-in", ask, access=Access.PUBLIC, page=True),
    Route("POST", "/sign-in", enter, access=Access.PUBLIC, page=True, form=True),
    Route("POST", "/sign-out", leave, access=Access.SESSION, page=True, form=True),
    Route("GET", "/language/{locale}", language, access=Access.PUBLIC, page=True),
]
