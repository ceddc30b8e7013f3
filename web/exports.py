"""Reports to take away: a sheet is made into a file in a thread, and the file is sent in pieces.

Nothing of it is in memory as a whole, few are made at a time, and while one is made the node goes on with its work.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import enum
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from pydantic import BaseModel

from attendance.sheet import Cell, Say, Sheet
from attendance.sheet_csv import csv_pieces
from attendance.sheet_pdf import write_pdf
from attendance.sheet_xlsx import write_xlsx
from venues.errors import TongtangError
from web.keys import LOCALE, RENDERER
from web.routes import Access, Handler, Resolver, Route, node_of

_AT_A_TIME = 2
_WAITING = 8  # at most; whoever comes then is told to come again
_PIECE = 256 * 1024  # bytes
_ROWS_IN_A_GO = 5
_REST_S = 0.0005  # at least; and as long as the go took, so that half of the time is everybody else's

Write = Callable[[Sheet], None]


class Format(enum.StrEnum):
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


MEDIA = {
    Format.CSV: "text/csv",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PDF: "application/pdf",
}


def routes(
    path: str,
    handler: Handler,
    what: str,
    *,
    access: Access = Access.ORGANIZER,
    target: Resolver,
    query: type[BaseModel] | None = None,
) -> list[Route]:
    """Of one table, a route for each format: `path` and its ending."""
    return [
        Route(
            "GET",
            f"{path}.{form.value}",
            handler,
            access=access,
            target=target,
            query=query,
            media=MEDIA[form],
            summary=f"{what} as {form.value.upper()}",
        )
        for form in Format
    ]


class TooManyExports(TongtangError):
    """Many files are being made just now. Please try again in a moment."""

    code: ClassVar[str] = "too_many_exports"
    status: ClassVar[int] = 503


class Exports:
    """What a node is making. `folder` holds nothing but files that are being made or sent; they may have names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places = asyncio.Semaphore(_AT_A_TIME)
        self._waiting = 0

    @property
    def is_full(self) -> bool:
        return self._waiting >= _WAITING

    async def clear(self) -> None:
        """What a node that was killed has left."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def file(self, form: Format, fill: Callable[[Write], Awaitable[None]]) -> AsyncIterator[Path]:
        """The finished file, gone afterwards. Raises TooManyExports."""
        if self.is_full:
            raise TooManyExports
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            folder = await asyncio.to_thread(self._make_folder)
            try:
                path = folder / f"file.{form.value}"
                await fill(lambda sheet: _write(sheet, form, path))
                yield path
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        finally:
            self._places.release()

    def _make_folder(self) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._folder))


def format_of(request: web.Request) -> Format:
    """By what the path ends with."""
    return Format(request.path.rpartition(".")[2])


def say_of(request: web.Request) -> Say:
    """Msgids in the request's language."""
    return request.app[RENDERER].catalogues[request[LOCALE]].gettext


def zone_of(request: web.Request) -> ZoneInfo:
    return ZoneInfo(node_of(request).settings.web.time_zone)


def moment_of(request: web.Request, at: dt.datetime | None) -> str:
    """As it stands above a sheet."""
    return at.astimezone(zone_of(request)).strftime("%Y-%m-%d %H:%M:%S") if at else ""


async def send(
    request: web.Request, form: Format, name: str, fill: Callable[[Write], Awaitable[None]]
) -> web.StreamResponse:
    """`fill` gets `write`, which blocks, and calls it in a thread with the sheet; `name` is the file's without its end.
    Raises TooManyExports, TooLongToPrint before anything is sent."""
    async with node_of(request).exports.file(form, fill) as path:
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        response = web.StreamResponse(headers={hdrs.CONTENT_DISPOSITION: _disposition(f"{name}.{form.value}")})
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.content_type = MEDIA[form]
        if form is Format.CSV:
            response.charset = "utf-8"
        response.content_length = size
        await response.prepare(request)
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                await response.write(piece)
        await response.write_eof()
        return response


async def send_sheet(request: web.Request, form: Format, name: str, made: Sheet) -> web.StreamResponse:
    """A sheet whose rows are in memory, or need no database."""

    async def fill(write: Write) -> None:
        await asyncio.to_thread(write, made)

    return await send(request, form, name, fill)


def _disposition(name: str) -> str:
    """RFC 6266 §5: a plain name for old programs, the true one beside it."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"


def _write(sheet: Sheet, form: Format, path: Path) -> None:
    sheet = dataclasses.replace(sheet, rows=_gently(sheet.rows))
    if form is Format.XLSX:
        write_xlsx(sheet, path)
    elif form is Format.PDF:
        write_pdf(sheet, path)
    else:
        with path.open("wb") as file:
            file.writelines(csv_pieces(sheet))


def _gently(rows: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    """Let the other threads go first again and again: Python runs one at a time, and theirs have people waiting."""
    begun_s = time.monotonic()
    for number, row in enumerate(rows):
        if number % _ROWS_IN_A_GO == 0:
            time.sleep(max(_REST_S, time.monotonic() - begun_s))
            begun_s = time.monotonic()
        yield row
