"""What a publisher's path can carry, for publishers without transport-wide feedback: aiortc's estimator (REMB).

aiortc brings FFmpeg along. A node that starts again should not wait for that, so it is loaded when it is first needed:
`load` may be called on another thread before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiortc.rate import RemoteBitrateEstimator


def load() -> None:
    """Takes a tenth of a second the first time."""
    import aiortc.rate  # noqa: F401


def new_estimator() -> RemoteBitrateEstimator:
    from aiortc.rate import RemoteBitrateEstimator

    return RemoteBitrateEstimator()
