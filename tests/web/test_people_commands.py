"""tongtang people leave, tongtang people erase, tongtang people scan."""

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


def test_people_are_taken_off_the_list_by_number(tongtang: Tongtang) -> None:
    tongtang.good("venues", "import", tongtang.file("venues.csv", VENUES))
    tongtang.good("people", "import", tongtang.file("people.csv", PEOPLE))
    lecture = tongtang.good("lecture", "create", "党课").strip()
    assert "9" in tongtang.bad("people", "leave", "1", "9")
    assert "陈秀英" in tongtang.good("report", lecture, "--names", "expected")
    assert tongtang.good("people", "leave", stdin="1\n\n") == "1 people taken off the list.\n"
    assert tongtang.good("people", "leave", "1") == "0 people taken off the list.\n"
    left = tongtang.good("report", lecture, "--names", "expected")
    assert "陈秀英" not in left
    assert "杨光明" in left


def test_two_numbers_are_merged_and_separated(tongtang: Tongtang) -> None:
    tongtang.good("venues", "import", tongtang.file("venues.csv", VENUES))
    people = tongtang.file("people.csv", PEOPLE)
    tongtang.good("people", "import", people)
    lecture = tongtang.good("lecture", "create", "党课").strip()
    assert "Nothing was written" in tongtang.good("people", "merge", "1", "2", "--dry-run")
    assert "陈秀英" in tongtang.good("report", lecture, "--names", "expected")
    assert "They are one person now" in tongtang.good("people", "merge", "1", "2")
    left = tongtang.good("report", lecture, "--names", "expected")
    assert ("陈秀英" in left, "杨光明" in left) == (False, True)
    assert "the number 1 was merged into 2" in tongtang.bad("people", "import", people)
    assert "Nothing is known here of the number 9" in tongtang.bad("people", "merge", "9", "2")
    assert "two people again" in tongtang.good("people", "separate", "1", "2")
    assert "陈秀英" in tongtang.good("report", lecture, "--names", "expected")
    assert "was not merged" in tongtang.bad("people", "separate", "1", "2")
