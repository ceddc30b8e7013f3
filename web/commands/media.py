"""tongtang publish"""

from __future__ import annotations

import asyncio
import random
import time
from zoneinfo import ZoneInfo

import aiohttp
import click

from broadcast.publisher import CODECS, Publisher, PublishOptions, State
from broadcast.sources import SourceOptions
from web.commands.common import check_url
from web.process import set_up_logging, stop_on_signals, watching_stdin


@click.command(short_help="Publish a test picture, a film or a camera.")
@click.argument("whip_url", metavar="WHIP_URL")
@click.option("--token", required=True, envvar="TONGTANG_TOKEN", show_envvar=True, help="The lecture's publish token.")
@click.option(
    "--source",
    default="test",
    show_default=True,
    metavar="test|FILE|DEVICE",
    help="The built-in test picture and tone, a media file in a loop, or a camera such as /dev/video0.",
)
@click.option("--codec", type=click.Choice(CODECS), default="vp8", show_default=True, help="How to encode the picture.")
@click.option("--size", default="640x360", show_default=True, metavar="WxH", help="Of the test picture or the camera.")
@click.option("--fps", type=click.IntRange(1, 60), default=25, show_default=True, help="Pictures a second.")
@click.option("--time-zone", default="Asia/Shanghai", show_default=True, help="Of the clock in the test picture.")
@click.option("--until-eof", is_flag=True, hidden=True, help="Stop when standard input ends.")
def publish(
    whip_url: str, token: str, source: str, codec: str, size: str, fps: int, time_zone: str, until_eof: bool
) -> None:
    """Publish to WHIP_URL until Ctrl-C: a lecture's WHIP address at the root node, or any other WHIP server.

    The connection is made again whenever it is lost. The test picture shows eight moving colour bars, a clock, and
    once a second a white square together with a beep.
    """
    check_url(whip_url, "WHIP_URL")
    width, height = _size(size)
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError) as error:
        raise click.BadParameter(f"there is no time zone {time_zone}", param_hint="--time-zone") from error
    options = SourceOptions(name=source, width=width, height=height, fps=fps, zone=zone)
    set_up_logging("warning")
    asyncio.run(_publish(PublishOptions(url=whip_url, token=token, codec=codec, source=options), until_eof))


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise click.BadParameter("give it as WIDTHxHEIGHT, for example 1280x720", param_hint="--size")
    return int(width), int(height)


async def _publish(options: PublishOptions, until_eof: bool) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)

    def changed(state: State, why: str) -> None:
        said = {State.CONNECTING: "Connecting …", State.LIVE: "On air.", State.STOPPED: "Stopped."}
        click.echo(said.get(state) or f"Waiting: {why}.", err=True)

    async with aiohttp.ClientSession(headers={"Accept-Language": "en"}) as http:
        publisher = Publisher(options, http, now=time.time, random=random.random, changed=changed)
        publishing = asyncio.create_task(publisher.run())
        stopped = asyncio.create_task(stop.wait())
        if until_eof:
            async with watching_stdin(stop):
                await asyncio.wait([publishing, stopped], return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.wait([publishing, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        publishing.cancel()
        await asyncio.wait([publishing])
        if not publishing.cancelled():
            publishing.result()
