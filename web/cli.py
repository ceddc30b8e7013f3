"""The command `tongtang`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from venues.settings import Settings
from web.commands.common import CONFIG, CommandGroup
from web.version import VERSION

# Loaded when they are asked for: a node that starts again need not read the publisher's codecs first.
_ELSEWHERE = {
    "lecture": "web.commands.lecture",
    "node": "web.commands.node",
    "people": "web.commands.people",
    "publish": "web.commands.media",
    "report": "web.commands.report",
    "user": "web.commands.user",
    "venues": "web.commands.venues",
}


class Commands(CommandGroup):
    """The commands in this file, and those elsewhere by their names."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *_ELSEWHERE})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _ELSEWHERE:
            return super().get_command(context, name)
        found: click.Command = getattr(importlib.import_module(_ELSEWHERE[name]), name)
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="tongtang")
def main() -> None:
    """Tongtang (同堂): live lectures down a tree of venues, attendance back up.

    Every venue runs this program. `tongtang demo` shows the whole system on this machine. For a real one: import the
    venues and people at the root, serve it, and enrol each venue's node at its parent (`tongtang node token`, `tongtang
    node enrol`). Commands act on the node's own database; a server that is running notices within a second.
    """


@main.command(short_help="Run a node.")
@CONFIG
@click.option("--until-eof", is_flag=True, hidden=True, help="Stop when standard input ends.")
def serve(settings: Settings, until_eof: bool) -> None:
    """Run a node: its pages, its API and its media, until Ctrl-C or SIGTERM.

    The role of a node is its place in the tree: without parent.urls in the configuration it is the root.
    """
    from web.allocator import use_huge_pages

    use_huge_pages()
    import uvloop

    from web import process, serving

    process.set_up_logging(settings.log.level)
    process.take_short_turns()
    process.collect_garbage_in_short_turns()
    uvloop.run(serving.serve(settings, lambda line: click.echo(line), until_eof=until_eof))


@main.command(short_help="Show the whole system on this machine.")
@click.option("--publisher/--no-publisher", default=True, help="Put the test picture on air, or leave the stage free.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when all nodes are connected.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything here (DIR/village/config.yaml …). [default: a temporary folder, removed at the end]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here; 0.0.0.0 lets phones in.")
@click.option(
    "--base-port",
    type=click.IntRange(1024, 65000),
    default=8600,
    show_default=True,
    help="TCP and UDP port of the province's node; the others follow. Taken ones are passed over.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what the nodes log.")
def demo(publisher: bool, as_json: bool, data_dir: Path | None, host: str, base_port: int, verbose: bool) -> None:
    """Show the whole system on this machine, until Ctrl-C.

    Five real nodes, from the province down to a village of Guizhou, enrolled with real keys; a lecture on air from the
    built-in test publisher; a table of addresses and sign-ins.

    \b
    --json prints, when all five are connected, exactly one line on standard output:
    {"lecture", "nodes": [{"level", "venue", "url", "udp_port", "pid"}…],
     "whip": {"url", "token"}, "whep": [{"level", "url", "token"}…],
     "users": [{"role", "name", "password"}…], "api": {"token"}, "openapi"}
    """
    import asyncio

    from web.demo import DemoOptions, run_demo

    options = DemoOptions(
        publisher=publisher, as_json=as_json, data_dir=data_dir, host=host, base_port=base_port, verbose=verbose
    )
    asyncio.run(run_demo(options, say=lambda text: click.echo(text, err=as_json), answer=click.echo))
    sys.exit(0)
