"""The typed keys under which an application and its requests carry what handlers need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import BaseModel

from web.policy import Caller

if TYPE_CHECKING:
    from web.held import HeldUploads
    from web.node import Node
    from web.render import Renderer
    from web.routes import Route

NODE: web.AppKey[Node] = web.AppKey("node")
RENDERER: web.AppKey[Renderer] = web.AppKey("renderer")
HELD: web.AppKey[HeldUploads] = web.AppKey("held_uploads")
ALL_ROUTES: web.AppKey[tuple[Route, ...]] = web.AppKey("routes")

CALLER: web.RequestKey[Caller | None] = web.RequestKey("caller")
SECRET: web.RequestKey[str | None] = web.RequestKey("secret")  # the session's secret, where there is a session
ROUTE: web.RequestKey[Route] = web.RequestKey("route")
BODY: web.RequestKey[BaseModel] = web.RequestKey("body")
QUERY: web.RequestKey[BaseModel] = web.RequestKey("query")
LOCALE: web.RequestKey[str] = web.RequestKey("locale")
