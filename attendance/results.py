"""The parent's answer to one event."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Outcome(enum.StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # a success: the parent had it already
    QUARANTINED = "quarantined"  # kept as it came, not counted; `code` says why


@dataclass(frozen=True, kw_only=True)
class Result:
    id: str | None  # None: what came had no id
    outcome: Outcome
    code: str | None = None


def to_wire(result: Result) -> dict[str, object]:
    wire: dict[str, object] = {"id": result.id, "outcome": result.outcome.value}
    return wire if result.code is None else wire | {"code": result.code}


def from_wire(obj: Mapping[str, object]) -> Result:
    """Raises KeyError or ValueError where the parent's answer is malformed."""
    id_, code = obj["id"], obj.get("code")
    outcome = Outcome(str(obj["outcome"]))
    if outcome is Outcome.QUARANTINED and code is None:
        code = "unknown"
    return Result(id=None if id_ is None else str(id_), outcome=outcome, code=None if code is None else str(code))
