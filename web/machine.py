"""What the machine says of time: read here and nowhere else, and given to everything by the composition root."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def running_s() -> float:
    """For how long the machine has run, also while it slept: what `boot_id` is the name of."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def boot_id() -> str:
    """One text per start of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"started-{int(time.time() - running_s())}"
