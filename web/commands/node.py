"""tongtang node …"""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from venues import link
from venues.enrolment import NodeRecord
from venues.identity import Identity, NodeKey
from venues.settings import Settings
from web import identity_file
from web.commands.common import CONFIG, CommandGroup, Failure, check_url, find_venue, opened, run


@click.group(cls=CommandGroup, short_help="Let nodes in, list them, shut them out.")
def node() -> None:
    """Nodes below this one: let them in, list them, shut them out; and this node's own enrolment at its parent."""


@node.command()
@click.argument("venue", metavar="VENUE")
@click.option("--hours", type=click.IntRange(1, 24 * 30), default=72, show_default=True, help="How long it is good.")
@click.option("--replace", is_flag=True, help="Let the new node take the place of the venue's present one.")
@CONFIG
def token(venue: str, hours: int, replace: bool, settings: Settings) -> None:
    """Print a one-time token with which the node of VENUE (code or full name) enrols here.

    Run this at the parent, carry the token to the venue, and run `tongtang node enrol` there.
    """

    async def work() -> str:
        async with opened(settings) as here:
            found = await find_venue(here, venue)
            click.echo(f"For {found.name} ({found.code}), good for {hours} hours and one node:", err=True)
            return await here.enrolment.issue(found.id, dt.timedelta(hours=hours), replace=replace)

    click.echo(run(work()))


@node.command()
@click.argument("parent_url", required=False)
@click.option("--token", "secret", help="The one-time token; asked for (or read from a pipe) when left out.")
@click.option("--again", is_flag=True, help="Enrol although this node has an identity already; the old one is lost.")
@CONFIG
def enrol(parent_url: str | None, secret: str | None, again: bool, settings: Settings) -> None:
    """Enrol this node at its parent, with a token that the parent issued.

    PARENT_URL is the parent's address; when left out, the first of parent.urls in the configuration. The node makes
    its key here; the key never leaves this machine. A server that is running notices by itself. Where node.venue is
    set, a token for another venue is refused.
    """
    if parent_url:
        check_url(parent_url, "PARENT_URL")
    urls = (parent_url,) if parent_url else tuple(settings.parent.urls)
    if not urls:
        raise Failure("Give the parent's address, here or as parent.urls in the configuration.")
    data_dir = Path(settings.node.data_dir)
    if identity_file.load(data_dir) is not None and not again:
        raise Failure(f"This node is enrolled already (its identity is in {data_dir}); --again enrols it anew.")
    secret = secret or (click.prompt("Token", err=True) if sys.stdin.isatty() else sys.stdin.readline())
    identity = run(enrol_at(urls[0], secret.strip(), settings.node.venue))
    identity_file.save(data_dir, identity)
    click.echo(f"Enrolled as the node of venue {identity.venue_code} (node {identity.node_id}).")
    if settings.is_root:
        click.echo(f'Now write into the configuration:  parent: {{urls: ["{urls[0]}"]}}', err=True)


async def enrol_at(url: str, secret: str, venue: str = "") -> Identity:
    """Make a key and enrol it, for the venue of that code ("" = the token's). Raises TongtangError with what the parent
    says, or that it cannot be reached."""
    key = NodeKey.make(os.urandom(32))
    result = await link.enrol(url, secret, key, venue)
    return Identity(node_id=result.node_id, venue_id=result.venue_id, venue_code=result.venue_code, key=key)


@node.command("list")
@CONFIG
def list_(settings: Settings) -> None:
    """List the nodes that were enrolled here, and those enrolled at nodes below (they may fall back to this one)."""

    async def work() -> list[tuple[str, NodeRecord]]:
        async with opened(settings) as here:
            own = await find_venue(here, None)
            records = await here.enrolment.nodes(own.id, below=True)
            return [((await here.venues.get(record.venue_id)).name, record) for record in records]

    zone = ZoneInfo(settings.web.time_zone)

    def local(moment: dt.datetime) -> str:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"

    found = run(work())
    if not found:
        click.echo("No node has been enrolled here yet (tongtang node token).", err=True)
    for name, record in found:
        state = "active" if record.revoked_at is None else f"revoked {local(record.revoked_at)}"
        where = "enrolled" if record.own else "enrolled below"
        click.echo(f"{record.id}  {name}  {where} {local(record.enrolled_at)}  {state}")


@node.command()
@click.argument("node_id", metavar="NODE")
@CONFIG
def revoke(node_id: str, settings: Settings) -> None:
    """Shut out the node NODE (its id, see `tongtang node list`); it counts at once, and within a second at a server.

    It counts here and at every node above. A node that was enrolled below has to be revoked there, too.
    """

    async def work() -> bool:
        async with opened(settings) as here:
            await here.enrolment.revoke(node_id)
            return (await here.enrolment.get(node_id)).own

    own = run(work())
    click.echo(f"Node {node_id} is revoked.")
    if not own:
        click.echo("It was enrolled at a node below, which goes on letting it in: revoke it there, too.", err=True)
