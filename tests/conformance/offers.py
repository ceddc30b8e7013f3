"""What other programs offer, as text: Chromium 156's own words; OBS 30.2's, FFmpeg 8's and Firefox's manner."""

from __future__ import annotations

import re
from pathlib import Path

_FOLDER = Path(__file__).parent / "offers"


def read(name: str) -> str:
    """The offer as it goes over the wire, with CRLF."""
    return "\r\n".join((_FOLDER / f"{name}.sdp").read_text(encoding="utf-8").splitlines()) + "\r\n"


def changed(sdp: str, pattern: str, replacement: str) -> str:
    """`sdp` with every match of the pattern (over lines) replaced; there is at least one."""
    result, count = re.subn(pattern, replacement, sdp, flags=re.MULTILINE)
    assert count
    return result


def directed(sdp: str, direction: str) -> str:
    """The same offer in another direction."""
    return changed(sdp, r"^a=(sendonly|recvonly|sendrecv|inactive)\b", f"a={direction}")


def sections(sdp: str) -> list[str]:
    """The session's part, then the media sections."""
    return re.split(r"^(?=m=)", sdp, flags=re.MULTILINE)


def attribute(sdp: str, name: str) -> str:
    """The first value of `a=name:`."""
    found = re.search(rf"^a={name}:(.*?)\r?$", sdp, re.MULTILINE)
    assert found, name
    return found[1]
