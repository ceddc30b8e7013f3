"""Times as they cross a link: RFC 3339, UTC, milliseconds, "Z". Pure."""

from __future__ import annotations

import datetime as dt
import re

_OURS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def format_time(moment: dt.datetime) -> str:
    """An aware datetime as "2026-11-22T02:00:00.000Z" (cut, not rounded, to the millisecond)."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime cannot cross a link")
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_ours(text: str) -> bool:
    """Whether it is a time as `format_time` spells it (or as it would, were there such a day)."""
    return _OURS.fullmatch(text) is not None


def parse_time(text: object) -> dt.datetime:
    """The aware UTC datetime of an RFC 3339 text (any offset accepted). Raises ValueError for anything else."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    try:
        moment = dt.datetime.fromisoformat(text)
        return moment if moment.tzinfo is dt.UTC else moment.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError(f"out of range: {text!r}") from error
