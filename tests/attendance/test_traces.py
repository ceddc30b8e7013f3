from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.traces import find, spellings

NAME = "阿依·古丽"


@pytest.mark.parametrize(
    "written",
    [
        NAME.encode(),
        NAME.encode("utf-16"),
        NAME.encode("utf-16-be"),
        NAME.encode("gb18030"),
        json.dumps({"name": NAME}).encode(),
        json.dumps(NAME).upper().replace("\\U", "\\u").encode(),
        urllib.parse.urlencode({"q": NAME}).encode(),
    ],
)
def test_a_name_is_found_however_it_is_written(written: bytes) -> None:
    assert list(find([b"before " + written + b" after"], spellings(NAME)))


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_name_is_found_within_base64(before: bytes, after: bytes) -> None:
    assert list(find([base64.b64encode(before + NAME.encode() + after)], spellings(NAME)))


@given(st.lists(st.binary(max_size=8), max_size=12), st.integers(1, 5))
def test_every_place_is_found_once_however_the_file_is_cut(parts: list[bytes], size: int) -> None:
    whole = b"A1B2".join(parts)
    cut = [whole[at : at + size] for at in range(0, len(whole), size)]
    found = [at for at, way in find(cut, {b"A1B2": "UTF-8"})]
    assert found == [at for at in range(len(whole)) if whole.startswith(b"A1B2", at)]


def test_plain_figures_have_few_spellings() -> None:
    ways = spellings("10000123")
    assert ways[b"10000123"] == "UTF-8"
    assert "JSON" not in ways.values()
