"""Identifiers that sort by the time of their making."""

from __future__ import annotations

import uuid


def uuid7(now_ms: int, entropy: bytes) -> str:
    """A UUIDv7 (RFC 9562 §5.7) as text, from Unix milliseconds and 10 random bytes."""
    value = (now_ms & (1 << 48) - 1) << 80 | int.from_bytes(entropy[:10], "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))
