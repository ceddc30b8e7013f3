"""Which Tongtang this is."""

from __future__ import annotations

from importlib import metadata


def _installed() -> str:
    try:
        return metadata.version("tongtang")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "0.1.0"


VERSION = _installed()
