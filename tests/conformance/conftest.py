"""Which server is tested: `pytest tests/conformance --whip URL --whep URL --token T [--view-token T]`, else ours.

Every test bears the name of its line in the checklist of RFC 9725 (WHIP) and draft-ietf-wish-whep (WHEP): W for the
endpoint, S for the session, E for WHEP alone; `test_client.py` holds the duties of our own client. What a server may
leave out is asserted of ours and skipped, with the reason, for others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from tests.broadcast.peers import publishing
from tests.conformance import offers
from tests.conformance.door import Door
from tests.conformance.sites import Site, serving_site
from tests.web.nodes import PATIENCE_S, eventually


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "a WHIP and WHEP server to test instead of ours")
    group.addoption("--whip", help="address that takes a publisher's offer")
    group.addoption("--whep", help="address that takes a viewer's offer for the same stream")
    group.addoption("--token", default="", help="bearer token for --whip")
    group.addoption("--view-token", default=None, help="bearer token for --whep, if it is another")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "not_yet(reason): our own server does not pass this test yet")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if (mark := item.get_closest_marker("not_yet")) and not _others(config):
            item.add_marker(pytest.mark.xfail(strict=True, reason=mark.args[0]))


def _others(config: pytest.Config) -> tuple[str, str] | None:
    """The --whip and --whep that were given."""
    # Without the options pytest may not have read this file in time to know them.
    whip, whep = config.getoption("--whip", None), config.getoption("--whep", None)
    return (whip or "", whep or "") if whip or whep else None


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """For a test that needs a server or a client of ours, set up in its own way."""
    return pytest.skip("only for our own program") if _others(request.config) else tmp_path


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    if others := _others(request.config):
        whip, whep = others
        token, view_token = request.config.getoption("--token"), request.config.getoption("--view-token")
        yield Site(whip=whip, whep=whep, token=token, view_token=token if view_token is None else view_token)
        return
    async with serving_site(tmp_path) as ours:
        yield ours


@pytest.fixture
async def doors(site: Site) -> AsyncIterator[tuple[Door, Door]]:
    """The publishers' and the viewers'. Sessions that a test leaves open are ended."""
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        patient = site.node is None
        made = tuple(
            Door(http, url, token, patient=patient)
            for url, token in ((site.whip, site.token), (site.whep, site.view_token))
        )
        for door in made:
            stack.push_async_callback(door.close)
        yield made[0], made[1]


@pytest.fixture
def whip(site: Site, doors: tuple[Door, Door]) -> Door:
    return doors[0] if site.whip else pytest.skip("no --whip")


@pytest.fixture
def whep(site: Site, doors: tuple[Door, Door]) -> Door:
    return doors[1] if site.whep else pytest.skip("no --whep")


@pytest.fixture
async def on_air(whip: Door, whep: Door) -> AsyncIterator[None]:
    """A real publisher from another hand, and the server plays it."""
    async with publishing(whip.open):

        async def plays() -> bool:
            reply = await whep.offer(offers.read("chromium-view"))
            if reply.status == 201:
                await whep.session(reply).delete()
            return reply.status == 201

        await eventually(plays, PATIENCE_S)
        yield
