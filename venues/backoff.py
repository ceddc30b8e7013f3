"""How long to wait before trying again. Pure."""

from __future__ import annotations


def full_jitter(failures: int, chance: float, *, first_s: float, most_s: float) -> float:
    """Seconds to wait after that many failures in a row: evenly spread between 0 and a ceiling that doubles each time.

    `chance` is random in [0, 1). Spreading over the whole range keeps the nodes of a parent that comes back from
    falling on it together.
    """
    ceiling_s = min(most_s, first_s * 2.0 ** min(max(failures - 1, 0), 30))
    return chance * ceiling_s
