from __future__ import annotations

import pytest

from attendance import closing
from attendance.event import content_hash
from tests.attendance.world import an_event


def test_a_total_is_of_the_set_in_whatever_order() -> None:
    hashes = [content_hash(an_event(n)) for n in range(1, 5)]
    assert closing.total(hashes) == closing.total([*reversed(hashes), hashes[0]])
    assert closing.total(hashes).count == 4
    assert closing.total(hashes[1:]).hash != closing.total(hashes).hash


def test_a_total_never_changes() -> None:
    """Another version, or another program, must come to the same."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert closing.total([]) == closing.Total(count=0, hash=empty)
    one = "f4dea8a8b49d1a7ea2e6a9bb58ac4f62a5c7d7d0e2d5f9b7a3b8fa0c2ea6c1d5"
    assert closing.total([one]).hash == "f7ad17fb3e705a089ca3d346dd93209c2e1887f0b4e2c0bce787bbea1dc91d6e"


def test_only_what_is_closed_can_be_opened_again() -> None:
    with pytest.raises(closing.NotClosed):
        closing.check_reopen(None)
    closing.check_reopen(an_event())
