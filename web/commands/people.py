"""tongtang people …"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from attendance import PeopleImported, PeopleImportRefused, PeoplePreview
from attendance.erasure import ErasedAtRoot, Reason
from attendance.merges_store import Candidate
from attendance.people import person_id
from attendance.privacy_store import Requested
from attendance.roster_reports import RosterElsewhere
from attendance.traces import find, spellings
from attendance.traces_store import rows_with
from venues.settings import Settings
from web.commands.common import CONFIG, CommandGroup, check_root, opened, run


@click.group(cls=CommandGroup)
def people() -> None:
    """The people whom lectures expect."""


@people.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@CONFIG
def import_(file: Path, dry_run: bool, settings: Settings) -> None:
    """Import people from FILE, XLSX or CSV, at the root node.

    The first line names the columns: number, name, venue (or 编号, 姓名, 所属场所); venue is the home venue: its code,
    its name, or names from the top down with / between them. People whose number is known are updated, nobody is
    removed. If there is any mistake in the file, every mistake is listed with its line and nothing is imported.
    """
    check_root(settings, "people")
    data = file.read_bytes()

    async def work() -> PeopleImported | PeoplePreview:
        async with opened(settings) as node:
            return await (node.people.preview(data) if dry_run else node.people.import_csv(data))

    try:
        done = run(work())
    except PeopleImportRefused as error:
        for problem in error.problems:
            click.echo(f"{file}:{problem.line}: {problem.message}", err=True)
        raise
    if isinstance(done, PeoplePreview):
        _tell(done)
        return
    click.echo(f"{done.added} people added, {done.changed} changed, {done.unchanged} as before.")


def _tell(preview: PeoplePreview) -> None:
    plan, paths = preview.plan, preview.paths
    if preview.sheet:
        click.echo(f"The sheet “{preview.sheet}” was read.")
    for person in plan.added:
        click.echo(f"new: {person.number} {person.name}, {paths.get(person.home)}")
    for change in plan.renamed:
        click.echo(f"name: {change.after.number} {change.before.name} → {change.after.name}")
    for change in plan.moved:
        homes = f"{paths.get(change.before.home)} → {paths.get(change.after.home)}"
        click.echo(f"moved: {change.after.number} {change.after.name}, {homes}")
    for twin in plan.twins:
        numbers = ", ".join(one.number for one in (twin.person, *twin.others))
        click.echo(f"perhaps twice: {twin.person.name}, {paths.get(twin.person.home)}: {numbers}")
    click.echo(
        f"{len(plan.added)} people would be added, {len(plan.renamed)} renamed, {len(plan.moved)} moved, "
        f"{plan.unchanged} stay as before. Nothing was written."
    )


@people.command("leave")
@click.argument("numbers", nargs=-1, metavar="NUMBER...")
@CONFIG
def leave(numbers: tuple[str, ...], settings: Settings) -> None:
    """Take the people with these NUMBERs off the list of people, at the root node.

    From now on no lecture expects them; what they attended stays. Without a NUMBER they are read from standard input,
    one on each line, so that they do not stay in the history of the shell. If nobody has one of the numbers, every
    such number is listed and nothing is changed.
    """
    if not settings.is_root:
        raise RosterElsewhere
    wanted = [number for number in numbers or _asked("Number") if number.strip()]

    async def work() -> int:
        async with opened(settings) as node:
            return await node.people.leave(wanted, node.now())

    click.echo(f"{run(work())} people taken off the list.")


@people.command("merge")
@click.argument("number")
@click.argument("into")
@click.option("--dry-run", is_flag=True, help="Only say what would be merged.")
@CONFIG
def merge(number: str, into: str, dry_run: bool, settings: Settings) -> None:
    """Say that NUMBER and INTO are one person, at the root node; INTO is kept.

    From then on, and for all that was, what stands under NUMBER counts for the person with the number INTO, at every
    node. Nobody expects NUMBER any more, and its card does not count. `people separate` takes it back.
    """
    kept = person_id(into)

    async def work() -> Candidate:
        async with opened(settings) as node:
            if dry_run:
                return await node.merges.candidate(kept, number)
            return await node.merges.merge(kept, number, by="tongtang people merge")

    found = run(work())
    done = "Nothing was written." if dry_run else "They are one person now."
    both = f"of these under both numbers {found.both}"
    click.echo(f"{found.number} {found.name}: lectures {found.lectures}, {both}. {done}")


@people.command("separate")
@click.argument("number")
@click.argument("into")
@CONFIG
def separate(number: str, into: str, settings: Settings) -> None:
    """Take a merge of NUMBER into INTO back, at the root node: they are two people again, as before."""

    async def work() -> None:
        async with opened(settings) as node:
            await node.merges.separate(person_id(into), number)

    run(work())
    click.echo("They are two people again.")


def _asked(what: str) -> list[str]:
    """At a terminal one, asked for; else every line of standard input."""
    return [str(click.prompt(what))] if sys.stdin.isatty() else sys.stdin.read().splitlines()


@people.command("erase")
@click.argument("number", required=False)
@click.option("--guest", metavar="EVENT", help="A guest without a number, by the id of the check-in.")
@click.option(
    "--reason",
    type=click.Choice([each.value for each in Reason]),
    default=Reason.REQUEST.value,
    show_default=True,
    help="What is kept at the root as the reason.",
)
@CONFIG
def erase(number: str | None, guest: str | None, reason: str, settings: Settings) -> None:
    """Erase the person with this NUMBER, at the root node, from every node.

    Without NUMBER it is asked for, so that it does not stay in the history of the shell. Attendances stay in the
    figures, under nobody's name. See docs/privacy.md for what this does not reach: copies that were made, backups.
    """
    if not settings.is_root:
        raise ErasedAtRoot
    if guest is None:
        number = number or click.prompt("Number")

    async def work() -> Requested:
        async with opened(settings) as node:
            done = await node.privacy.request(number, guest, by="tongtang people erase", reason=Reason(reason))
            while await node.privacy.carry_out():
                pass
            return done

    done = run(work())
    click.echo(f"Erased {done.events} events here; every node below follows when it is heard of. {done.erasure.id}")


@people.command("scan")
@click.argument("texts", nargs=-1)
@CONFIG
def scan(texts: tuple[str, ...], settings: Settings) -> None:
    """Look for TEXTS (a number, a name) in every file of this node's data folder, byte by byte, and in its database.

    Says where they are still found, and ends with status 1 then. Without TEXTS they are asked for.
    """
    wanted = [text for text in texts or (click.prompt("Number or name"),) if text.strip()]

    async def work() -> dict[str, int]:
        async with opened(settings) as node:
            return await rows_with(node.db, wanted)

    rows = run(work())
    files = dict(_files_with(Path(settings.node.data_dir), wanted))
    for name, count in rows.items():
        click.echo(f"table {name}: {count} rows")
    for file, ways in files.items():
        click.echo(f"{file}: " + ", ".join(f"{count} × {way}" for way, count in sorted(ways.items())))
    if rows or files:
        raise SystemExit(1)
    click.echo("Not found anywhere.")


def _files_with(folder: Path, texts: list[str]) -> Iterator[tuple[Path, Counter[str]]]:
    ways = {spelt: way for text in texts for spelt, way in spellings(text).items()}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as content:
                found = Counter(way for _, way in find(iter(lambda: content.read(1 << 20), b""), ways))
            if found:
                yield file, found
