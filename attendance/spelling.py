"""How a Chinese name is typed without an input method: by initials (zxy) and in full (zhangxiuying). Pure.

Characters with several readings are found under each of them: 单 is Shàn as a surname and dān elsewhere.
"""

from __future__ import annotations

import functools
import itertools

_MOST = 8  # ways to read one name


@functools.lru_cache(maxsize=20_000)
def spellings(name: str) -> str:
    """All ways to type the name, lower case, separated by spaces; "" for a name without Chinese characters."""
    from pypinyin import Style, pinyin  # 40 MB: only a node at which somebody searches needs it

    if name.isascii():
        return ""
    readings = [
        [reading.lower() for reading in each if reading.isalnum()]
        for each in pinyin(name, style=Style.NORMAL, heteronym=True)
    ]
    found: dict[str, None] = {}
    for ways in itertools.islice(itertools.product(*filter(None, readings)), _MOST):
        found["".join(way[0] for way in ways)] = None
        found["".join(ways)] = None
    return " ".join(found)
