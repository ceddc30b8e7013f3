"""What a spreadsheet must not run: text that looks like a formula (OWASP "CSV injection"). Pure."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")

# Full-width forms too: spreadsheets in a Chinese locale read them as the plain ones.
_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def is_risky(text: str) -> bool:
    """Whether a spreadsheet might take the text for a formula."""
    return text.startswith(_STARTS)


def harmless(cell: T) -> T | str:
    """The cell as a CSV file may hold it: an apostrophe in front stops a formula; figures stay as they are."""
    return f"'{cell}" if isinstance(cell, str) and is_risky(cell) else cell
