"""What the commands share: the configuration, an open node, and errors as one sentence with exit status 2."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from yarl import URL

from venues.errors import TongtangError
from venues.outages import DatabaseAway
from venues.settings import Settings, load
from venues.store import VenueUnknown
from venues.token_store import DatabaseError
from venues.tree import Venue

if TYPE_CHECKING:
    from web.node import Node

T = TypeVar("T")

CONFIG = click.option(
    "-c",
    "--config",
    "settings",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="TONGTANG_CONFIG",
    show_envvar=True,
    metavar="FILE",
    callback=lambda _context, _option, path: read_settings(path),
    help="The node's configuration (see config.yaml). Without it: a root node with everything at its default, "
    "its data in ./data.",
)
VENUE = click.option("--venue", metavar="CODE", help="A venue by its code or its full name. [default: this node's own]")


class Failure(click.ClickException):
    """One clear sentence on standard error, exit status 2."""

    exit_code = 2


class VenueAmbiguous(TongtangError):
    """There are {count} venues called {name}; give the code of one: {codes}."""

    code = "venue_ambiguous"
    status = 409


class NoVenues(TongtangError):
    """This node does not know any venue yet: import them (tongtang venues import), or enrol the node at its parent."""

    code = "no_venues"
    status = 409


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Turn what a person can do something about into a Failure."""
    try:
        yield
    except (DatabaseAway, DatabaseError) as error:
        said = error.__cause__ if isinstance(error, DatabaseAway) else error
        reason = str(getattr(said, "orig", None) or said).strip().splitlines()[0]
        raise Failure(f"The database cannot be used: {reason}.") from error
    except TongtangError as error:
        raise Failure(error.message) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{place}{error.strerror or error}.") from error


class CommandGroup(click.Group):
    """A group whose commands fail in one sentence."""

    def invoke(self, context: click.Context) -> Any:
        with failures():
            return super().invoke(context)


def read_settings(path: Path | None) -> Settings:
    """The settings of a file, or the defaults. Raises Failure."""
    if path is None:
        return Settings()
    with failures():
        return load(path)


def check_url(text: str, what: str) -> None:
    """Raises click.BadParameter."""
    try:
        url = URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host)
    except ValueError:
        usable = False
    if not usable:
        raise click.BadParameter("give it as https://… or http://…", param_hint=what)


def check_root(settings: Settings, what: str) -> None:
    """Raises Failure at any other node than the root: what its parent sends would take the place of an import."""
    if not settings.is_root:
        raise Failure(f"This node gets its {what} from its parent; import them at the root.")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Node]:
    """The stores of the node, whether or not its server is running."""
    from web.node import Node  # not every command needs one

    async with Node(settings).opened() as node:
        yield node


async def find_venue(node: Node, text: str | None) -> Venue:
    """By code or full name; None = the node's own. Raises VenueUnknown, VenueAmbiguous, NoVenues."""
    if text is None:
        if node.venue is None:
            raise NoVenues
        return node.venue
    try:
        return await node.venues.by_code(text)
    except VenueUnknown:
        root = await node.venues.root()
        if root is None:
            raise NoVenues from None
        same = [venue for venue in await node.venues.search(text, root.id) if venue.name == text]
        if len(same) > 1:
            codes = ", ".join(venue.code for venue in same[:5]) + (" …" if len(same) > 5 else "")
            raise VenueAmbiguous(count=len(same), name=text, codes=codes) from None
        if not same:
            raise
        return same[0]
