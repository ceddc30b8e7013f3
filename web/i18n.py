"""English sentences in the code, simplified Chinese on the screen: catalogues, and which one a request gets."""

from __future__ import annotations

from pathlib import Path

from babel.messages.pofile import read_po

ENGLISH = "en"
CHINESE = "zh_Hans_CN"
LOCALES = (CHINESE, ENGLISH)
COOKIE = "lang"  # "zh_Hans_CN" or "en", set by the page's language switch
FOLDER = Path(__file__).parent / "locale"


class Translations:
    """One locale's catalogue; a sentence that is missing in it stays English."""

    def __init__(self, locale: str, messages: dict[str, tuple[str, ...]]) -> None:
        self.locale = locale
        self._messages = messages

    def gettext(self, message: str) -> str:
        found = self._messages.get(message)
        return found[0] if found else message

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        found = self._messages.get(singular)
        if not found:
            return singular if number == 1 else plural
        return found[min(len(found) - 1, 0 if number == 1 else 1)]

    def __contains__(self, message: str) -> bool:
        return message in self._messages

    def sentence(self, template: str, fields: dict[str, object]) -> str:
        """An error's message in this language: its template is the key, its {named} fields are filled in after."""
        return self.gettext(template).format(**fields)


def load(folder: Path = FOLDER) -> dict[str, Translations]:
    """All catalogues by locale, read from `<locale>/LC_MESSAGES/messages.po` (no compiled file needed)."""
    return {locale: Translations(locale, _read(folder / locale / "LC_MESSAGES" / "messages.po")) for locale in LOCALES}


def _read(path: Path) -> dict[str, tuple[str, ...]]:
    if not path.exists():  # English needs none
        return {}
    with path.open("rb") as file:
        catalogue = read_po(file)
    messages: dict[str, tuple[str, ...]] = {}
    for entry in catalogue:
        key = entry.id if isinstance(entry.id, str) else entry.id[0]
        strings = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())
        if key and strings and all(strings) and not entry.fuzzy:
            messages[key] = strings
    return messages


def match(tag: str) -> str | None:
    """The locale for one BCP 47 tag or cookie value: zh-CN, zh-Hans, zh_Hans_CN, zh → zh_Hans_CN; en-GB → en."""
    primary = tag.strip().replace("_", "-").split("-")[0].lower()
    return {"zh": CHINESE, "en": ENGLISH}.get(primary)


def negotiate(cookie: str | None, accept_language: str | None, default: str) -> str:
    """The cookie's choice, else the best of Accept-Language (RFC 9110 §12.5.4) that we speak, else `default`."""
    chosen = match(cookie) if cookie else None
    if chosen:
        return chosen
    ranked: list[tuple[float, int, str]] = []
    for place, item in enumerate((accept_language or "").split(",")[:20]):
        tag, _, parameter = item.partition(";")
        locale = match(tag)
        quality = _quality(parameter)
        if locale and quality > 0:
            ranked.append((-quality, place, locale))
    return min(ranked)[2] if ranked else default


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
