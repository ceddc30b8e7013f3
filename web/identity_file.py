"""The node's key and what enrolment gave it, in `identity.json` of its data folder, readable by the node alone."""

from __future__ import annotations

import os
from pathlib import Path

from venues.identity import Identity

NAME = "identity.json"


def load(data_dir: Path) -> Identity | None:
    """None before enrolment. Raises IdentityInvalid."""
    try:
        text = (data_dir / NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return Identity.load(text)


def save(data_dir: Path, identity: Identity) -> Path:
    """Write the file whole or not at all, with mode 0600 from the first byte on."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    target, partial = data_dir / NAME, data_dir / f"{NAME}.partial"
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(identity.save())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)
    return target
