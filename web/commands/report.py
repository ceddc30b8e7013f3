"""tongtang report"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence

import click

from attendance.report import LectureReport, Names, Which, names_csv, report_csv
from venues.settings import Settings
from web.commands.common import CONFIG, VENUE, find_venue, opened, run

_COLUMNS = (
    *("present", "guests", "late", "expected", "came", "leave", "made up", "absent", "not reported"),
    *("venues", "final", "behind", "silent", "never seen"),
)


@click.command(short_help="Show who was at a lecture.")
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
def report(lecture_id: str, venue: str | None, as_csv: bool, which: str | None, settings: Settings) -> None:
    """Show who was at the lecture LECTURE (its id, see `tongtang lecture list`).

    The first row is the venue with everything below it, then one row for each venue right under it. `present`,
    `guests` (of these, from elsewhere) and `late` count people where they were; `expected` to `not reported` count them
    where they are at home. `absent` is said only of people whose venue has handed in (`final`), or when the time for
    that is over.
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
            *(row.present, row.guests, row.late),
            *(home.expected, home.came, home.leave, home.makeup, home.absent, home.not_reported),
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
