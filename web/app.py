"""The application: every declared route behind the one policy, and the server that runs it."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import hdrs, web

from web import i18n, media, metrics, openapi, pages
from web.api import (
    badges,
    check_in,
    closing,
    expected,
    flags,
    frozen,
    history,
    hops,
    kiosk,
    lectures,
    people,
    picture,
    policies,
    privacy,
    report_files,
    reports,
    roll_call,
    rungs,
    screen,
    session,
    statistics,
    statistics_files,
    tree_link,
    venues,
)
from web.dispatch import edge, guarded
from web.errors import AddressTaken, CertificateUnusable, NotFound
from web.held import HeldUploads
from web.keys import ALL_ROUTES, HELD, NODE, RENDERER
from web.node import Node
from web.render import Renderer
from web.routes import Access, Route

STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_MOST = 64 * 1024 * 1024  # bytes; each route's own max_body is what counts
_DRAIN_S = 2.0  # how long requests that are under way may take when the node stops


async def healthz(_request: web.Request) -> web.Response:
    """The process answers. Touches no store, so that it says so even when the store does not."""
    return web.json_response({"status": "ok"})


async def static(request: web.Request) -> web.FileResponse:
    """Style sheets, modules, the icon, by exact name; asked again each time, so that a new version counts at once."""
    file = STATIC / request.match_info["name"]
    if file.suffix not in _TYPES or not file.is_file():
        raise NotFound
    return web.FileResponse(file, headers={hdrs.CACHE_CONTROL: "no-cache", hdrs.CONTENT_TYPE: _TYPES[file.suffix]})


OWN_ROUTES = [
    Route("GET", "/healthz", healthz, access=Access.PUBLIC, anonymous=True, media="application/json"),
    Route("GET", r"/static/{name:[a-z0-9_]+\.[a-z0-9]+}", static, access=Access.PUBLIC, anonymous=True, page=True),
]


def declared_routes() -> tuple[Route, ...]:
    """All routes of the application."""
    persons = [session, people, expected, privacy, roll_call, kiosk, badges, closing, history, policies]
    figures = [reports, report_files, frozen, flags, statistics, statistics_files]
    api = [*persons, *figures, venues, lectures, hops, screen, picture, check_in, rungs, tree_link]
    modules = [*api, openapi, media, metrics, pages]
    listed = [OWN_ROUTES, *(module.ROUTES for module in modules)]
    return tuple(route for routes in listed for route in routes)


def build(node: Node) -> web.Application:
    """The aiohttp application of a node. Starting it starts the node, cleaning it up stops the node."""
    application = web.Application(middlewares=[edge], client_max_size=_MOST)
    application[NODE] = node
    application[RENDERER] = Renderer(i18n.load(), node.settings.web.time_zone)
    application[HELD] = HeldUploads()
    application[ALL_ROUTES] = declared_routes()
    for route in application[ALL_ROUTES]:
        application.router.add_route(route.method, route.path, guarded(route))
    application.on_response_prepare.append(media.allow_origins)
    application.on_response_prepare.append(_tell_instance)
    application.cleanup_ctx.append(_running)
    return application


async def _tell_instance(request: web.Request, response: web.StreamResponse) -> None:
    if request.path.startswith("/api/"):
        response.headers["Tongtang-Instance"] = request.app[NODE].instance


async def _running(application: web.Application) -> AsyncIterator[None]:
    await application[NODE].start()
    try:
        yield
    finally:
        application[HELD].clear()
        await application[NODE].stop()


class Server:
    """A node with its HTTP server. `url` is where it listens, with the port that it really got."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._runner = web.AppRunner(build(node), access_log=None, shutdown_timeout=_DRAIN_S)

    @property
    def url(self) -> str:
        return self.node.local_url

    async def start(self) -> None:
        """Raises AddressTaken, CertificateUnusable."""
        http = self.node.settings.http
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, http.host, http.port, ssl_context=_tls(http.tls_certificate, http.tls_key))
            try:
                await site.start()
            except OSError as error:
                raise AddressTaken(
                    host=http.host, protocol="TCP", port=http.port, reason=os.strerror(error.errno or 0)
                ) from error
        except BaseException:
            await self._runner.cleanup()
            raise
        self.node.listening_port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self.node.stopping.set()  # ends the long polls
        await self._runner.cleanup()


def _tls(certificate: str, key: str) -> ssl.SSLContext | None:
    if not certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key or None)
    except OSError as error:
        raise CertificateUnusable(certificate=certificate, key=key, reason=error.strerror or error) from error
    return context
