"""tongtang venues …"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from venues.settings import Settings
from venues.store import ImportSummary
from venues.tree import TreeInvalid, parse_file
from web.commands.common import CONFIG, CommandGroup, check_root, opened, run


@click.group(cls=CommandGroup)
def venues() -> None:
    """The tree of venues."""


@venues.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@CONFIG
def import_(file: Path, settings: Settings) -> None:
    """Import venues from FILE, XLSX or CSV, at the root node.

    The first line names the columns: code, name, level, parent (or 代码, 名称, 级别, 上级); parent is the code of the
    venue above, empty for the root. A venue whose code is known keeps its identity and is updated, nothing is removed.
    If there is any mistake in the file, every mistake is listed with its line and nothing is imported.
    """
    check_root(settings, "venues")
    data = file.read_bytes()
    try:
        rows = parse_file(data)

        async def work(progress: Callable[[int, int], None]) -> ImportSummary:
            async with opened(settings) as node:
                return await node.venues.import_rows(rows, settings.levels, progress)

        with progress_bar("Importing venues") as progress:
            done = run(work(progress))
    except TreeInvalid as error:
        for problem in error.problems:
            click.echo(f"{file}:{problem.line}: {problem.message}", err=True)
        raise
    click.echo(f"{done.added} venues added, {done.changed} changed, {done.unchanged} as before.")


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, for a work that tells (done, total); nothing where that is no terminal."""
    stream = sys.stderr
    with click.progressbar(length=1, label=label, file=stream, hidden=not stream.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress
