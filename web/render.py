"""HTML from the templates, in the request's language, with what every page shows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from babel.dates import format_datetime, format_time
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from web import auth
from web.i18n import ENGLISH, Translations
from web.keys import LOCALE, NODE, RENDERER
from web.routes import caller_of

TEMPLATES = Path(__file__).parent / "templates"


class Renderer:
    """One jinja2 environment per locale: `_("…")`, `ngettext`, `{% trans %}`, and the filters below.

    Filters: `moment` (aware datetime → date and time in the configured time zone), `clock` (time only), `number`.
    """

    def __init__(self, catalogues: dict[str, Translations], time_zone: str, templates: Path = TEMPLATES) -> None:
        self.catalogues = catalogues
        zone = ZoneInfo(time_zone)
        self._environments = {
            locale: _environment(translations, zone, templates) for locale, translations in catalogues.items()
        }

    def html(self, locale: str, template: str, context: dict[str, object]) -> str:
        return self._environments[locale].get_template(template).render(context)


def _environment(translations: Translations, zone: ZoneInfo, templates: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # added by the i18n extension
        translations.gettext, translations.ngettext, newstyle=True
    )
    locale = translations.locale
    # "en" alone means 12 hours, and a day and a month that the rest of the world reads the other way round.
    styles = {"medium": "d MMM y, HH:mm:ss", "short": "d MMM y, HH:mm"} if locale == ENGLISH else {}

    def moment(value: dt.datetime | None, style: str = "medium") -> str:
        if value is None:
            return ""
        return format_datetime(value, styles.get(style, style), tzinfo=zone, locale=locale)

    def clock(value: dt.datetime | None) -> str:
        return "" if value is None else format_time(value, "HH:mm:ss", tzinfo=zone, locale=locale)

    def number(value: float) -> str:
        return format_decimal(value, locale=locale)

    environment.filters.update(moment=moment, clock=clock, number=number)
    return environment


def render(request: web.Request, template: str, *, status: int = 200, **context: object) -> web.Response:
    """One page. Every template has: `user` (Caller or None), `csrf`, `lang` ("zh-Hans-CN" or "en", for <html lang>),
    `locale`, `path`, `node` (the Node), `venue` (the node's own Venue or None), `status` (of the response)."""
    renderer = request.app[RENDERER]
    node = request.app[NODE]
    locale = request.get(LOCALE) or node.settings.web.language
    everywhere: dict[str, object] = {
        "user": caller_of(request),
        "csrf": auth.csrf_of(request),
        "locale": locale,
        "lang": locale.replace("_", "-"),
        "path": request.path_qs,
        "node": node,
        "venue": node.venue,
        "status": status,
    }
    html = renderer.html(locale, template, everywhere | context)
    return web.Response(text=html, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})
