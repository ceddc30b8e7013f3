from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance import badge
from attendance.badge import BadgeForeign, BadgeForged, BadgeKeyUnknown, BadgeMisread
from venues.errors import TongtangError
from venues.identity import NodeKey

KEY = NodeKey.make(bytes(range(32)))
KEYS = {7: KEY.public}
CARD = 4821_0937_7755_1020_318
# Ed25519 signs the same message always alike: another program must come to these very digits.
GOLDEN = (
    "100748210937775510203180202649690955461318930964337151122814929362970090256015773299184538"
    "190087606351837243784874626612393909160512479903480069847828963358075142623225162514560534"
)


def read(text: str) -> int:
    return badge.check(badge.parse(text), KEYS)


def with_check(body: str) -> str:
    return body + f"{98 - int(body + '00') % 97:02d}"


def test_the_golden_card() -> None:
    assert KEY.public == "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
    assert badge.payload(7, CARD, KEY) == GOLDEN
    assert len(GOLDEN) == badge.LENGTH
    assert read(GOLDEN) == CARD


@given(st.binary(min_size=8, max_size=8), st.integers(0, badge.KEY_MOST))
def test_what_was_signed_is_read(entropy: bytes, key_id: int) -> None:
    card = badge.make_card(entropy)
    text = badge.payload(key_id, card, KEY)
    assert text.isdigit()
    assert badge.check(badge.parse(text), {key_id: KEY.public}) == card


@given(st.integers(0, badge.LENGTH - 1), st.integers(1, 9))
def test_no_digit_may_be_another_one(place: int, more: int) -> None:
    flipped = GOLDEN[:place] + str((int(GOLDEN[place]) + more) % 10) + GOLDEN[place + 1 :]
    with pytest.raises(BadgeForeign if place == 0 else BadgeMisread):
        read(flipped)


@given(st.integers(1, badge.LENGTH - 3), st.integers(1, 9))
def test_nor_where_the_check_was_made_to_fit(place: int, more: int) -> None:
    flipped = GOLDEN[:place] + str((int(GOLDEN[place]) + more) % 10) + GOLDEN[place + 1 : -2]
    with pytest.raises(BadgeKeyUnknown if place < 4 else BadgeForged):
        read(with_check(flipped))


@given(st.text(max_size=400))
def test_whatever_is_scanned_there_is_an_answer(text: str) -> None:
    with pytest.raises(TongtangError):
        read(text)


def test_what_an_input_method_makes_of_digits_is_understood() -> None:
    wide = GOLDEN.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    assert read(f" {wide}\r\n") == CARD


def test_other_codes_are_not_ours() -> None:
    for text in ("", "6901234567892", "https://example.org/", "1" * 40, "2" + GOLDEN[1:], "１a"):
        with pytest.raises(BadgeForeign):
            read(text)
    for text in (GOLDEN[:-1], GOLDEN + "0", GOLDEN[:100]):
        with pytest.raises(BadgeMisread):
            read(text)


def test_another_key_or_no_key_does_not_count() -> None:
    with pytest.raises(BadgeKeyUnknown):
        badge.check(badge.parse(GOLDEN), {8: KEY.public})
    with pytest.raises(BadgeForged):
        badge.check(badge.parse(GOLDEN), {7: NodeKey.make(bytes(32)).public})


def test_numbers_of_cards() -> None:
    assert badge.make_card(bytes(8)) == 1
    assert badge.make_card(b"\xff" * 8) == 2**63 - 1
    assert badge.grouped(CARD) == "4821 0937 7755 1020 318"
    assert badge.parse_card(badge.grouped(CARD)) == CARD
    assert badge.parse_card("４８２１") == 4821
    for text in ("", "0", "12a", "9" * 19, "1" * 20):
        assert badge.parse_card(text) is None
    assert badge.bearer(42) == "持卡人 …0042"
