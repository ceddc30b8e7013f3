"""Looking for a text in files byte by byte, however it may have been written there; pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote


def spellings(text: str) -> dict[bytes, str]:
    """The bytes that a text may have become, each with the name of the way; the same bytes stand once."""
    found: dict[bytes, str] = {}
    escaped = json.dumps(text)[1:-1]
    for way, spelt in {
        "UTF-8": text.encode(),
        "UTF-16LE": text.encode("utf-16-le"),
        "UTF-16BE": text.encode("utf-16-be"),
        "GB18030": text.encode("gb18030"),
        "JSON": escaped.encode(),
        "JSON, upper case": _upper(escaped).encode(),
        "URL": quote(text, safe="").encode(),
        **{f"base64 at {shift}": _base64(text.encode(), shift) for shift in range(3)},
    }.items():
        found.setdefault(spelt, way)
    return found


def find(pieces: Iterable[bytes], wanted: Mapping[bytes, str]) -> Iterator[tuple[int, str]]:
    """(offset, way) of each place, the pieces laid end to end; also of what lies across two of them."""
    longest = max(map(len, wanted))
    kept, begin = b"", 0
    for piece in pieces:
        window = kept + piece
        for spelt, way in wanted.items():
            at = window.find(spelt)
            while at >= 0:
                if at + len(spelt) > len(kept):  # else it was found before
                    yield begin + at, way
                at = window.find(spelt, at + 1)
        kept = window[-(longest - 1) :] if longest > 1 else b""
        begin += len(window) - len(kept)


def _upper(escaped: str) -> str:
    parts = escaped.split("\\u")
    return "\\u".join([parts[0], *(part[:4].upper() + part[4:] for part in parts[1:])])


def _base64(content: bytes, shift: int) -> bytes:
    """Those characters that do not depend on what stands before and behind it. Shorter than three: none that say much,
    so the whole."""
    text = base64.b64encode(b"\0" * shift + content)
    first = (shift * 8 + 5) // 6
    last = (shift + len(content)) * 8 // 6
    return text[first:last]
