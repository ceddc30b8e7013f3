"""tongtang people …"""

from __future__ import annotations

from pathlib import Path

import click

from attendance import PeopleImported, PeopleImportRefused
from venues.settings import Settings
from web.commands.common import CONFIG, CommandGroup, check_root, opened, run


@click.group(cls=CommandGroup)
def people() -> None:
    """The people whom lectures expect."""


@people.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@CONFIG
def import_(file: Path, settings: Settings) -> None:
    """Import people from the CSV file FILE at the root node.

    The first line names the columns: number, name, venue (or 编号, 姓名, 所属场所); venue is the code of the home
    venue. People whose number is known are updated, nobody is removed. If there is any mistake in the file, every
    mistake is listed with its line and nothing is imported.
    """
    check_root(settings, "people")
    data = file.read_bytes()

    async def work() -> PeopleImported:
        async with opened(settings) as node:
            return await node.people.import_csv(data)

    try:
        done = run(work())
    except PeopleImportRefused as error:
        for problem in error.problems:
            click.echo(f"{file}:{problem.line}: {problem.message}", err=True)
        raise
    click.echo(f"{done.added} people added, {done.changed} changed, {done.unchanged} as before.")
