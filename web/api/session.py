"""Signing in and out through the API; pages use the same functions of web.auth."""

from __future__ import annotations

from aiohttp import web

from web import auth
from web.api.models import Empty, SessionOut, SignIn, UserOut
from web.dispatch import json_response
from web.policy import CallerKind
from web.routes import Access, Route, body_of, node_of, user_of


async def sign_in(request: web.Request) -> web.Response:
    """Sign in; the session comes back in a cookie."""
    wanted = body_of(request, SignIn)
    secret = await auth.sign_in(request, wanted.name, wanted.password)
    user = await node_of(request).users.get(wanted.name)
    assert user is not None
    answer = SessionOut(
        user=UserOut(name=user.name, role=user.role.value, venue=user.venue_id), csrf=auth.csrf_token(secret)
    )
    response = json_response(answer, status=201)
    auth.remember(request, response, secret)
    return response


async def show(request: web.Request) -> SessionOut:
    """Who is signed in."""
    user = user_of(request)
    role = user.role.value if user.role else ""
    return SessionOut(user=UserOut(name=user.name, role=role, venue=user.venue_id), csrf=auth.csrf_of(request))


async def sign_out(request: web.Request) -> web.Response:
    """End the session; a bearer token stays as it is."""
    response = web.Response(status=204)
    if user_of(request).kind is CallerKind.USER:
        await auth.sign_out(request, response)
    return response


ROUTES = [
    Route("POST", "/api/session", sign_in, access=Access.PUBLIC, body=SignIn, answer=SessionOut, status=201),
    Route("GET", "/api/session", show, access=Access.SESSION, answer=SessionOut),
    Route("DELETE", "/api/session", sign_out, access=Access.SESSION, body=Empty, status=204),
]
