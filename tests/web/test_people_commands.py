"""tongtang people erase, tongtang people scan."""

from __future__ import annotations

import re

from tests.web.test_cli import PEOPLE, VENUES, Tongtang, tongtang

__all__ = ["tongtang"]  # a fixture


def test_a_person_is_erased_and_the_scan_says_where_the_name_was(tongtang: Tongtang) -> None:
    tongtang.good("venues", "import", tongtang.file("venues.csv", VENUES))
    tongtang.good("people", "import", tongtang.file("people.csv", PEOPLE.replace("1,陈", "K1042,陈")))
    seen = tongtang("people", "scan", "K1042", "陈秀英")
    assert seen.exit_code == 1
    assert "table person: 1 rows" in seen.output
    assert re.search(r"tongtang\.db.*: \d+ × UTF-8", seen.output)
    assert "Erased 0 events here" in tongtang.good("people", "erase", "--reason", "mistake", stdin="K1042\n")
    assert "table" not in tongtang("people", "scan", stdin="K1042\n").output
    assert "Nothing is known here of this person" in tongtang.bad("people", "erase", "K1042")
