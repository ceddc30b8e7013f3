from __future__ import annotations

from pathlib import Path

import pytest

from web.i18n import CHINESE, ENGLISH, load, negotiate


@pytest.mark.parametrize(
    ("cookie", "header", "expected"),
    [
        (None, "zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        (None, "zh-Hans", CHINESE),
        (None, "zh-Hans-CN", CHINESE),
        (None, "en-GB,en;q=0.9", ENGLISH),
        (None, "fr, en;q=0.5, zh;q=0.7", CHINESE),
        (None, "zh;q=0, en;q=0.1", ENGLISH),
        (None, "zh;q=nonsense, en", ENGLISH),
        (None, "de", CHINESE),
        (None, None, CHINESE),
        (None, ",;;=,", CHINESE),
        ("en", "zh-CN", ENGLISH),
        ("zh_Hans_CN", "en", CHINESE),
        ("klingon", "en", ENGLISH),
    ],
)
def test_which_language_a_request_gets(cookie: str | None, header: str | None, expected: str) -> None:
    assert negotiate(cookie, header, CHINESE) == expected


def test_catalogues_are_read_without_compiling(tmp_path: Path) -> None:
    folder = tmp_path / CHINESE / "LC_MESSAGES"
    folder.mkdir(parents=True)
    folder.joinpath("messages.po").write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
        'msgid "There is no user with the name \\"{name}\\"."\nmsgstr "没有名为“{name}”的用户。"\n\n'
        'msgid "%(num)s venue"\nmsgid_plural "%(num)s venues"\nmsgstr[0] "%(num)s 个场所"\n',
        encoding="utf-8",
    )
    chinese, english = (load(tmp_path)[locale] for locale in (CHINESE, ENGLISH))
    assert chinese.sentence('There is no user with the name "{name}".', {"name": "小李"}) == "没有名为“小李”的用户。"
    assert chinese.ngettext("%(num)s venue", "%(num)s venues", 5) == "%(num)s 个场所"
    assert english.ngettext("%(num)s venue", "%(num)s venues", 5) == "%(num)s venues"
    assert english.gettext("Ready.") == "Ready." == chinese.gettext("Ready.")
