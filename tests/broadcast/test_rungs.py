from __future__ import annotations

from itertools import pairwise

import pytest

from broadcast.rungs import SOUND_ALONE, Chooser, Pin

RATES = [150_000.0, 500_000.0, 2_000_000.0]


def after(chooser: Chooser, seconds: float, start: float, *, loss: float = 0.0, packets: int = 200) -> list[int]:
    """The rungs of so many seconds, with a report in each."""
    out = []
    for second in range(int(seconds)):
        now = start + second
        chooser.took(packets, int(packets * loss), now)
        out.append(chooser.decide(RATES, now))
    return out


def test_one_who_says_nothing_has_the_best() -> None:
    chooser = Chooser(0.0)
    assert [chooser.decide(RATES, float(now)) for now in range(60)] == [2] * 60


def test_a_moments_loss_changes_nothing() -> None:
    chooser = Chooser(0.0)
    assert after(chooser, 10, 0.0) == [2] * 10
    assert after(chooser, 2, 10.0, loss=0.5) == [2, 2]
    assert after(chooser, 20, 12.0) == [2] * 20


def test_lasting_loss_takes_the_rung_that_would_pass_and_stays_there_for_a_while() -> None:
    chooser = Chooser(0.0)
    found = after(chooser, 8, 3.0, loss=0.6)  # 2,000 of which 800 pass: 500 fits
    assert found[:3] == [2, 2, 2]
    assert found[3] == 1
    assert after(chooser, 3, 11.0) == [1] * 3
    assert after(chooser, 10, 14.0)[-1] == 2


def test_each_trial_to_go_up_that_fails_makes_the_next_one_later() -> None:
    chooser, rose, now, before = Chooser(0.0), [], 3.0, 2
    while now < 200:
        loss = 0.4 if before == 2 else 0.0
        chooser.took(200, int(200 * loss), now)
        rung = chooser.decide(RATES, now)
        if rung > before:
            rose.append(now)
        before, now = rung, now + 1
    gaps = [later - sooner for sooner, later in pairwise(rose)]
    assert len(gaps) >= 3
    assert all(later > 1.5 * sooner for sooner, later in pairwise(gaps))


def test_who_has_gone_up_and_stayed_is_trusted_again() -> None:
    chooser = Chooser(0.0)
    after(chooser, 8, 3.0, loss=0.4)
    assert after(chooser, 40, 11.0)[-1] == 2
    after(chooser, 8, 60.0, loss=0.4)
    assert after(chooser, 12, 68.0)[-1] == 2


def test_slides_that_stand_still_are_not_loss() -> None:
    chooser = Chooser(0.0)
    # One packet of two lost each second: too few to say anything at first, and a tenth is not passed later.
    assert after(chooser, 20, 0.0, loss=0.5, packets=2) == [2] * 20


def test_a_falling_estimate_below_the_rate_takes_a_lower_rung_a_rising_one_does_not() -> None:
    rising, falling = Chooser(0.0), Chooser(0.0)
    for second in range(30):
        now = 3.0 + second
        rising.can_take(300_000 + 20_000 * second, now)
        assert rising.decide(RATES, now) == 2
    found = []
    for second in range(8):
        now = 3.0 + second
        falling.can_take(int(900_000 * 0.9**second), now)
        found.append(falling.decide(RATES, now))
    assert found[-1] == 1
    assert 2 in found


def test_the_picture_is_given_up_last_and_only_for_much_loss() -> None:
    one = [150_000.0]
    chooser = Chooser(0.0)
    for second in range(60):
        chooser.took(200, 30, 3.0 + second)  # 15 %
        assert chooser.decide(one, 3.0 + second) == 0
    for second in range(10):
        chooser.took(200, 100, 70.0 + second)
        chooser.decide(one, 70.0 + second)
    assert chooser.rung(1) == SOUND_ALONE
    for second in range(20):
        chooser.took(50, 0, 80.0 + second)  # the sound
        chooser.decide(one, 80.0 + second)
    assert chooser.rung(1) == 0


def test_rungs_that_come_and_go_change_nothing_for_who_has_the_best() -> None:
    chooser = Chooser(0.0)
    assert chooser.decide(RATES[:1], 5.0) == 0
    assert chooser.decide([], 6.0) == SOUND_ALONE
    assert chooser.decide(RATES, 7.0) == 2


@pytest.mark.parametrize(
    ("pin", "of_three", "of_one"),
    [
        (Pin.AUTO, None, None),
        (Pin.HIGHEST, 2, 0),
        (Pin.MIDDLE, 1, 0),
        (Pin.LOWEST, 0, 0),
        (Pin.SOUND, SOUND_ALONE, SOUND_ALONE),
    ],
)
def test_a_pin_names_a_rung_however_many_there_are(pin: Pin, of_three: int | None, of_one: int | None) -> None:
    assert pin.rung(3) == of_three
    assert pin.rung(1) == of_one
