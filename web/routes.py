"""One record per route: what it is, who may use it, which subtree it touches, what goes in and what comes out.

How to add a route: write a handler in web/api/, web/pages.py or web/media.py and put a record into that module's
`ROUTES` list; web/app.py collects the lists, guards every handler with the one policy and describes the API from them.

    async def show(request: web.Request) -> web.StreamResponse:
        node = node_of(request)                  # the web.node.Node: settings, db, venues, lectures, people, log …
        user = user_of(request)                  # the web.policy.Caller; caller_of(request) may be None (public routes)
        lectures = await node.lectures.list()
        return render(request, "lectures.html", lectures=lectures)        # from web.render

    ROUTES = [
        Route("GET", "/lectures", show, access=Access.SESSION, page=True),
        Route("GET", "/lectures/{lecture}/desk", desk, access=Access.LECTURER, target=targets.lecture, page=True),
        Route("POST", "/api/lectures", create, access=Access.LECTURER, body=LectureIn, answer=LectureOut, status=201,
              target=targets.lecture_in_body, summary="Create a lecture"),
    ]

- An API handler returns a pydantic model (sent as JSON with `status`), None (204) or a response of its own; a page
  handler returns a response. Both raise TongtangErrors and never catch them to make a response.
- `body` and `query` are pydantic models; the handler gets them checked: `body_of(request, LectureIn)`,
  `query_of(request, PageQuery)`. A form page reads `await request.post()` and sets `form=True`: the field `csrf` is
  then demanded and checked before the handler runs (API routes with a session: the header `X-CSRF-Token`).
  Templates write `<input type="hidden" name="csrf" value="{{ csrf }}">`.
- `target` says which venue the request touches (web/targets.py); the caller's subtree must hold it.
- `page=True`: errors become the page error.html (code, message, status); who is not signed in goes to /sign-in?next=…
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel

from web.keys import BODY, CALLER, NODE, QUERY
from web.policy import Access, Caller, Target

if TYPE_CHECKING:
    from web.node import Node

__all__ = [
    "Access",
    "Caller",
    "Handler",
    "Route",
    "Target",
    "body_of",
    "caller_of",
    "node_of",
    "query_of",
    "user_of",
]

Handler = Callable[[web.Request], Awaitable[Any]]
Resolver = Callable[[web.Request], Awaitable[Target | None]]
Model = TypeVar("Model", bound=BaseModel)

ID = r"[0-9]{1,9}"  # a venue's number (32 bits) in a path: "/api/venues/{venue:" + ID + "}"


@dataclass(frozen=True)
class Route:
    """One method on one path. `max_body` in bytes; `answer` None means no JSON body (204, or the handler's response).

    `takes` and `media` are the content types of what comes in and goes out where that is neither JSON nor HTML:
    "application/sdp", "text/csv". `anonymous`: public, and not even looked at who calls, so that no store is touched.
    `pace` is asked before everything else and may raise TooManyAttempts; `caller_of(request)` is known by then.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    target: Resolver | None = None
    pace: Callable[[web.Request], Awaitable[None]] | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    page: bool = False
    anonymous: bool = False
    form: bool = False
    takes: str = ""
    media: str = ""
    max_body: int = 64 * 1024
    summary: str = ""

    @property
    def open_path(self) -> str:
        """The path as OpenAPI writes it: `{name}` without the regular expression."""
        return re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", self.path)

    @property
    def parameters(self) -> dict[str, bool]:
        """The names in the path; True where only digits match."""
        found = re.findall(r"\{(\w+)(:(?:[^{}]|\{[^{}]*\})*)?\}", self.path)
        return {name: pattern.startswith(":[0-9]{") for name, pattern in found}


def node_of(request: web.Request) -> Node:
    return request.app[NODE]


def caller_of(request: web.Request) -> Caller | None:
    return request.get(CALLER)


def user_of(request: web.Request) -> Caller:
    """The caller of a route that is not public: the policy has seen to it that there is one."""
    caller = request[CALLER]
    assert caller is not None
    return caller


def body_of(request: web.Request, model: type[Model]) -> Model:
    body = request[BODY]
    assert isinstance(body, model)
    return body


def query_of(request: web.Request, model: type[Model]) -> Model:
    query = request[QUERY]
    assert isinstance(query, model)
    return query
