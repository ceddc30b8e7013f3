from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.vp8 import Ids, following, ids_of, moved

LONG = b"\x90\xe0" + b"\x81\x23" + b"\x40" + b"\x60" + b"frame"  # I, L and T; 15 bits
SHORT = b"\x90\xc0" + b"\x23" + b"\x40" + b"frame"
NONE = b"\x10frame"


@pytest.mark.parametrize(("payload", "ids"), [(LONG, Ids(0x123, 0x40)), (SHORT, Ids(0x23, 0x40)), (NONE, Ids())])
def test_the_numbers_are_where_the_flags_say(payload: bytes, ids: Ids) -> None:
    assert ids_of(payload) == ids


@pytest.mark.parametrize("payload", [LONG, SHORT])
@pytest.mark.parametrize("last", [Ids(0x7F, 0xFF), Ids(5, 3), Ids(0x124, 0x41)])
def test_what_is_moved_follows_on_what_was_shown(payload: bytes, last: Ids) -> None:
    by = following(last, ids_of(payload))
    out = moved(payload, by)
    mask = 0x7F if payload is SHORT else 0x7FFF
    assert last.picture is not None
    assert last.layer is not None
    assert ids_of(out) == Ids(last.picture + 1 & mask, last.layer + 1 & 0xFF)
    assert len(out) == len(payload)
    assert out[-5:] == b"frame"


def test_what_has_no_numbers_stays_as_it_is() -> None:
    by = following(Ids(5, 6), ids_of(NONE))
    assert not by
    assert moved(NONE, Ids(5, 6)) == NONE
    assert not following(Ids(), Ids(5, 6))


@given(st.binary(max_size=20), st.integers(0, 0x7FFF), st.integers(0, 255))
def test_no_bytes_make_it_raise(payload: bytes, picture: int, layer: int) -> None:
    ids_of(payload)
    assert len(moved(payload, Ids(picture, layer))) == len(payload)
