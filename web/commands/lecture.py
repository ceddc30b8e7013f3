"""tongtang lecture …"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import click

from attendance import Lecture
from attendance.lectures import LectureUnknown
from venues.settings import Settings
from venues.tokens import TokenKind
from web.commands.common import CONFIG, VENUE, CommandGroup, find_venue, opened, run
from web.node import Node


@click.group(cls=CommandGroup)
def lecture() -> None:
    """Lectures: plan, start, stop, list, and tokens to publish and to view."""


@lecture.command()
@click.argument("title")
@VENUE
@click.option(
    "--starts-at",
    type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]),
    help="As planned, in the time zone of web.time_zone.",
)
@CONFIG
def create(title: str, venue: str | None, starts_at: dt.datetime | None, settings: Settings) -> None:
    """Plan the lecture TITLE for a venue and everything below it, and print its id."""
    planned = starts_at.replace(tzinfo=ZoneInfo(settings.web.time_zone)).astimezone(dt.UTC) if starts_at else None

    async def work() -> Lecture:
        async with opened(settings) as here:
            return await here.lectures.create(title, (await find_venue(here, venue)).id, planned)

    click.echo(run(work()).id)


@lecture.command()
@click.argument("lecture_id", metavar="LECTURE")
@CONFIG
def start(lecture_id: str, settings: Settings) -> None:
    """Start the lecture LECTURE (its id): venues connect and check people in."""
    moved = run(_move(settings, lambda here: here.lectures.start(lecture_id)))
    click.echo(f"{moved.title}: {moved.state.value}")


@lecture.command()
@click.argument("lecture_id", metavar="LECTURE")
@CONFIG
def stop(lecture_id: str, settings: Settings) -> None:
    """Stop the lecture LECTURE (its id)."""
    moved = run(_move(settings, lambda here: here.lectures.stop(lecture_id)))
    click.echo(f"{moved.title}: {moved.state.value}")


async def _move(settings: Settings, move: Callable[[Node], Awaitable[Lecture]]) -> Lecture:
    async with opened(settings) as here:
        return await move(here)


@lecture.command()
@click.argument("lecture_id", metavar="LECTURE")
@click.option("--view", is_flag=True, help="For a player: the WHEP address and a token to view with.")
@click.option("--hours", type=click.IntRange(1, 24 * 30), default=12, show_default=True, help="How long it is good.")
@CONFIG
def token(lecture_id: str, view: bool, hours: int, settings: Settings) -> None:
    """Print the WHIP address of the lecture LECTURE (its id) and, on a second line, a bearer token to publish with.

    That is what OBS, FFmpeg and `tongtang publish` need. The lecture is put on air at the node that runs it.
    """

    async def work() -> tuple[str, str]:
        async with opened(settings) as here:
            own = await find_venue(here, None)
            if await here.lectures.get(lecture_id) is None:
                raise LectureUnknown(lecture=lecture_id)
            kind, path = (TokenKind.VIEW, "whep") if view else (TokenKind.PUBLISH, "whip")
            life = dt.timedelta(hours=hours)
            secret = await here.tokens.issue(kind, "command line", own.id, lecture_id, ttl=life)
            return f"{here.public_url}/{path}/{lecture_id}", secret

    address, secret = run(work())
    click.echo(f"{address}\n{secret}")


@lecture.command("list")
@CONFIG
def list_(settings: Settings) -> None:
    """List the lectures that this node knows, the newest first."""

    async def work() -> list[tuple[Lecture, str]]:
        async with opened(settings) as here:
            names = {venue_id: "" for venue_id in {each.venue_id for each in await here.lectures.list()}}
            for venue_id in names:
                names[venue_id] = (await here.venues.get(venue_id)).name
            return [(each, names[each.venue_id]) for each in await here.lectures.list()]

    zone = ZoneInfo(settings.web.time_zone)
    found = run(work())
    if not found:
        click.echo("There are no lectures here yet.", err=True)
    for each, place in found:
        at = each.started_at or each.starts_at
        shown = f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else "-" * 16
        click.echo(f"{each.id}  {each.state.value:7}  {shown}  {place}  {each.title}")
