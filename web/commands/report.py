"""tongtang report"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import click

from attendance.frozen import read
from attendance.report import LectureReport, Names, Which, names_csv, report_csv
from venues.settings import Settings
from web.commands.common import CONFIG, VENUE, CommandGroup, Failure, find_venue, opened, run

_COLUMNS = (
    *("present", "guests", "late", "early", "expected", "came", "came late", "left early"),
    *("leave", "made up", "absent", "not reported"),
    *("venues", "final", "behind", "silent", "never seen"),
)


class _Reports(CommandGroup):
    """`tongtang report LECTURE` shows one: whatever is no name of a command is part of such a call."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in context.help_option_names:
            args = ["show", *args]
        return super().parse_args(context, args)


@click.group(cls=_Reports, short_help="Show who was at a lecture; check a frozen report.")
def report() -> None:
    """`tongtang report LECTURE` is `tongtang report show LECTURE`."""


@report.command(short_help="Check the hash of a frozen report.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--hash", "wanted", metavar="HEX", help="The hash that it must have, as printed on the sheet.")
def verify(file: Path, wanted: str | None) -> None:
    """Compute the hash of FILE, the JSON of a frozen version, and say what it is about.

    Needs no node and no database. Exit status 2 where the file is not a frozen report in its exact spelling, or where
    its hash is not the one given.
    """
    found = read(file.read_bytes())
    version, total = found.version, found.report.rows[0]
    if wanted is not None and wanted.strip().lower() != version.hash:
        raise Failure(f"The hash of {file} is {version.hash}: this is not the report that was signed.")
    click.echo(f"{version.hash}  {file}")
    places = " / ".join(one.name for one in found.report.path)
    click.echo(f"{found.report.lecture.title} · {places} · version {version.number}, policy {version.policy}")
    click.echo(f"frozen {version.made_at.isoformat(timespec='seconds')} by {version.made_by}")
    click.echo(f"expected {total.home.expected}, came {total.home.came}, were there {total.present}")
    if wanted is not None:
        click.echo("The hash is the one given.")


@report.command(short_help="Show who was at a lecture.")
@click.argument("lecture_id", metavar="LECTURE")
@VENUE
@click.option("--csv", "as_csv", is_flag=True, help="CSV in UTF-8 with BOM (opens in a spreadsheet), not a table.")
@click.option(
    "--names",
    "which",
    type=click.Choice([which.value for which in Which]),
    help="Not the figures but the names behind one of them.",
)
@CONFIG
def show(lecture_id: str, venue: str | None, as_csv: bool, which: str | None, settings: Settings) -> None:
    """Show who was at the lecture LECTURE (its id, see `tongtang lecture list`).

    The first row is the venue with everything below it, then one row for each venue right under it. `present`,
    `guests` (of these, from elsewhere), `late` and `early` count people where they were; `expected` to `not reported`
    count them where they are at home. `absent` is said only of people whose venue has handed in (`final`), or when the
    time for that is over.
    """

    async def figures() -> LectureReport:
        async with opened(settings) as here:
            return await here.reports.report(lecture_id, (await find_venue(here, venue)).id)

    async def names(chosen: Which) -> Names:
        async with opened(settings) as here:
            place = await find_venue(here, venue)
            return await here.reports.names(lecture_id, place.id, chosen, limit=1_000_000)

    if which is not None:
        found = run(names(Which(which)))
        if as_csv:
            sys.stdout.buffer.write(names_csv(found.names))
        else:
            for one in found.names:
                click.echo("  ".join(filter(None, (one.number, one.name, one.home.name if one.home else None))))
    elif as_csv:
        sys.stdout.buffer.write(report_csv(run(figures())))
    else:
        click.echo(_table(run(figures())))


def _table(found: LectureReport) -> str:
    head = f"{found.lecture.title} ({found.lecture.state.value}) · {' / '.join(venue.name for venue in found.path)}"
    lines: list[Sequence[str]] = [("venue", *_COLUMNS)]
    for row in found.rows:
        home, venues = row.home, row.venues
        figures = (
            *(row.present, row.guests, row.late, row.early),
            *(home.expected, home.came, home.late, home.early),
            *(home.leave, home.makeup, home.absent, home.not_reported),
            *(venues.total, venues.final, venues.behind, venues.silent, venues.never_seen),
        )
        lines.append((row.name, *map(str, figures)))
    widths = [max(_width(line[column]) for line in lines) for column in range(len(_COLUMNS) + 1)]
    shown = [
        line[0]
        + " " * (widths[0] - _width(line[0]))
        + "".join(cell.rjust(width + 2) for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    ]
    return "\n".join([head, "", *shown])


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
