from __future__ import annotations

import uuid

from venues import uuid7


def test_the_example_of_rfc_9562() -> None:
    # RFC 9562 appendix A.6: 2022-02-22 19:22:22 UTC, rand_a CC3, rand_b 18C4DC0C0C07398F
    made = uuid.UUID(uuid7(0x017F22E279B0, bytes(10)))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert str(made).startswith("017f22e2-79b0-7")


def test_ids_sort_by_time() -> None:
    assert uuid7(1_000, b"\xff" * 10) < uuid7(1_001, bytes(10))
    assert uuid7(1_000, bytes(10)) != uuid7(1_000, b"\x01" * 10)
