"""What pages with forms share: fields as text, errors as sentences, and going on after a change."""

from __future__ import annotations

from aiohttp import web

from venues.errors import TongtangError
from venues.workbook import WorkbookDamaged, is_workbook
from web.keys import LOCALE, RENDERER


async def field(request: web.Request, name: str) -> str:
    """One text field of the form, without the blank space around it; "" where it is missing or a file."""
    value = (await request.post()).get(name, "")
    return value.strip() if isinstance(value, str) else ""


def uploaded(file: web.FileField) -> bytes:
    """What somebody chose. Raises WorkbookDamaged for what is called XLSX and is neither that nor text."""
    with file.file as opened:
        content = opened.read()
    if file.filename.lower().endswith(".xlsx") and not is_workbook(content):
        try:
            content.decode()
        except UnicodeDecodeError as error:
            raise WorkbookDamaged from error
    return content


def say(request: web.Request, sentence: str, **fields: object) -> str:
    """An English sentence with {named} fields in the request's language."""
    return request.app[RENDERER].catalogues[request[LOCALE]].sentence(sentence, fields)


def complaint(request: web.Request, error: TongtangError) -> str:
    """The error's own sentence in the request's language, for a form that is shown again."""
    return say(request, error.template, **error.fields)


def onward(path: str) -> web.Response:
    """After a change: look at the result with GET, so that "reload" repeats nothing (RFC 9110 §15.4.4)."""
    return web.Response(status=303, headers={"Location": path})


def local_path(text: str) -> str:
    """`text` if it is a path on this very site, else "/": a link must not lead people elsewhere after sign-in."""
    outside = not text.startswith("/") or text.startswith(("//", "/\\"))
    return "/" if outside or any(ord(letter) < 33 for letter in text) else text
