"""Empty lists of people and venues to fill in, with the header in the language of the page."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import hdrs, web

from venues.tree import Level, Venue
from web import i18n
from web.exports import MEDIA, Format, format_of
from web.keys import LOCALE
from web.pages.forms import say
from web.routes import Access, Route, node_of

SHEETS = {"people": "People", "venues": "Venues"}
HOW = "How to fill in"
PEOPLE_NOTES = (
    "Write the list on the first sheet, below the header; this sheet is not read.",
    "All columns are formatted as text, so that numbers keep their zeros. Paste values only.",
    "The venue is its code, its name if no other has it, or names from the top down with / between them.",
)
VENUES_NOTES = (
    "Write the list on the first sheet, below the header; this sheet is not read.",
    "All columns are formatted as text, so that numbers keep their zeros. Paste values only.",
    "The parent is the code of the venue right above; the venue at the top has none.",
)


@dataclass(frozen=True, kw_only=True)
class Blank:
    """All cells are text. The example is never on the sheet that is to be filled in."""

    sheet: str
    how: str
    header: Sequence[str]
    example: Sequence[Sequence[str]]
    notes: Sequence[str]


async def people(request: web.Request) -> web.Response:
    chinese, venue = request[LOCALE] == i18n.CHINESE, node_of(request).venue
    code = venue.code if venue else "520102001001"
    blank = Blank(
        sheet=say(request, SHEETS["people"]),
        how=say(request, HOW),
        header=("编号", "姓名", "所属场所") if chinese else ("number", "name", "venue"),
        example=[("0001", "张秀英", code), ("0002", "王建国", "南明区/新华街道/宝山村")],
        notes=[say(request, note) for note in PEOPLE_NOTES],
    )
    return await _answer(request, "people-template", blank)


async def venues(request: web.Request) -> web.Response:
    node, chinese = node_of(request), request[LOCALE] == i18n.CHINESE
    blank = Blank(
        sheet=say(request, SHEETS["venues"]),
        how=say(request, HOW),
        header=("代码", "名称", "级别", "上级") if chinese else ("code", "name", "level", "parent"),
        example=_example(node.venue, node.settings.levels, chinese=chinese),
        notes=[say(request, note) for note in VENUES_NOTES],
    )
    return await _answer(request, "venues-template", blank)


def _example(venue: Venue | None, levels: Sequence[Level], *, chinese: bool) -> list[tuple[str, ...]]:
    code, name = (venue.code, venue.name) if venue else ("520000000000", "贵州省")
    first, second = ([level.zh if chinese else level.en for level in levels] * 2)[:2]
    return [(code, name, first, ""), ("520100000000", "贵阳市", second, code)]


async def _answer(request: web.Request, name: str, blank: Blank) -> web.Response:
    form = format_of(request)
    content = _csv(blank) if form is Format.CSV else await asyncio.to_thread(_xlsx, blank)
    return web.Response(
        body=content,
        content_type=MEDIA[form],
        charset="utf-8" if form is Format.CSV else None,
        headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}.{form.value}"'},
    )


def _csv(blank: Blank) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(blank.header)
    return text.getvalue().encode("utf-8-sig")  # the mark tells spreadsheet programs that it is UTF-8


def _xlsx(blank: Blank) -> bytes:
    import xlsxwriter  # here: only who wants a template needs it

    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False}) as book:
        text, bold = book.add_format({"num_format": "@"}), book.add_format({"num_format": "@", "bold": True})
        for number, title in enumerate((blank.sheet, blank.how)):
            sheet = book.add_worksheet(title)
            sheet.set_column(0, len(blank.header) - 1, 22, text)
            lines = (
                [blank.header] if number == 0 else [*([note] for note in blank.notes), [], blank.header, *blank.example]
            )
            for line, cells in enumerate(lines):
                for column, cell in enumerate(cells):
                    sheet.write_string(line, column, cell, bold if cells is blank.header else text)
            if number == 0:
                sheet.freeze_panes(1, 0)
    return content.getvalue()


ROUTES = [
    Route(
        "GET",
        f"/{name}/template.{form.value}",
        handler,
        access=Access.ORGANIZER,
        page=True,
        media=MEDIA[form],
        summary=f"An empty list of {name} to fill in, {form.value.upper()}",
    )
    for name, handler in (("people", people), ("venues", venues))
    for form in (Format.XLSX, Format.CSV)
]
