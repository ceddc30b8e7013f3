"""tongtang user …"""

from __future__ import annotations

import secrets
import sys

import click

from venues.settings import Settings
from venues.store import VenueUnknown
from web.commands.common import CONFIG, VENUE, CommandGroup, Failure, find_venue, opened, run
from web.node import Node
from web.policy import Role
from web.store import User

SHORTEST = 8
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


def new_password() -> str:
    """A random password that can be read out: 12 of 31 letters, 59 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


@click.group(cls=CommandGroup)
def user() -> None:
    """The people who sign in: add, list, disable, enable, new password."""


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What the user may do.")
@VENUE
@click.option("--generate", is_flag=True, help="Make a random password and print it.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@CONFIG
def add(name: str, role: str, venue: str | None, generate: bool, password_stdin: bool, settings: Settings) -> None:
    """Add the user NAME, whose role holds in one venue and everything below it.

    \b
    lecturer   plans lectures and goes on air
    operator   runs a venue's screen and checks people in
    organizer  sees who was there, lets nodes in, and may do all of the above

    The password is asked for, unless --generate or --password-stdin is given.
    """
    name = name.strip()
    if not name:
        raise Failure("A user needs a name.")
    chosen = _password(generate, password_stdin)

    async def work() -> str:
        async with opened(settings) as here:
            found, own = await find_venue(here, venue), await find_venue(here, None)
            if not await here.venues.is_within(found.id, own.id):
                raise Failure(
                    f"{found.name} is not within this node's venue ({own.name}): add the user at a node above."
                )
            hashed = await here.passwords.hash(chosen)
            await here.users.add(User(name=name, role=Role(role), venue_id=found.id, password_hash=hashed))
            return found.name

    place = run(work())
    click.echo(f"{name} is now {role} of {place}.", err=generate)
    if generate:
        click.echo(chosen)


@user.command("list")
@CONFIG
def list_(settings: Settings) -> None:
    """List the users that this node knows: name, role, venue, and whether they may sign in."""

    async def work() -> list[tuple[User, str]]:
        async with opened(settings) as here:
            found = await here.users.list()
            return [(each, await _place(here, each)) for each in found]

    found = run(work())
    for each, place in found:
        click.echo(f"{each.name}  {each.role.value}  {place}  {'disabled' if each.disabled else 'active'}")
    if not found:
        click.echo("There are no users here yet (tongtang user add).", err=True)


async def _place(here: Node, found: User) -> str:
    try:
        return (await here.venues.get(found.venue_id)).name
    except VenueUnknown:
        return f"#{found.venue_id}"


@user.command()
@click.argument("name")
@CONFIG
def disable(name: str, settings: Settings) -> None:
    """Keep the user NAME from signing in, and end the sessions."""
    run(_change(settings, name, disabled=True))
    click.echo(f"{name} may not sign in any more.")


@user.command()
@click.argument("name")
@CONFIG
def enable(name: str, settings: Settings) -> None:
    """Let the user NAME sign in again."""
    run(_change(settings, name, disabled=False))
    click.echo(f"{name} may sign in.")


@user.command()
@click.argument("name")
@click.option("--generate", is_flag=True, help="Make a random password and print it.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@CONFIG
def password(name: str, generate: bool, password_stdin: bool, settings: Settings) -> None:
    """Give the user NAME a new password, and end the sessions under the old one.

    It is asked for, unless --generate or --password-stdin is given.
    """
    new = _password(generate, password_stdin)
    run(_change(settings, name, password=new))
    click.echo(f"{name} has a new password.", err=generate)
    if generate:
        click.echo(new)


async def _change(settings: Settings, name: str, *, password: str | None = None, disabled: bool | None = None) -> None:
    async with opened(settings) as here:
        hashed = await here.passwords.hash(password) if password else None
        await here.users.change(name, password_hash=hashed, disabled=disabled)


def _password(generate: bool, from_stdin: bool) -> str:
    if generate:
        return new_password()
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise Failure("There is no terminal to ask for the password: use --generate or --password-stdin.")
    else:
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    if len(password) < SHORTEST:
        raise Failure(f"A password needs at least {SHORTEST} characters.")
    return password
