from __future__ import annotations

import dataclasses

import pytest

from attendance.policy import (
    FIRST,
    RANGES,
    PolicyInvalid,
    Rules,
    clean_name,
    from_wire,
    rules_from_text,
    rules_of,
    rules_text,
    to_wire,
)

GOOD = dataclasses.asdict(Rules())


def test_rules_come_back_as_they_were() -> None:
    rules = rules_of(GOOD | {"least_percent": 80, "credit_whole": False})
    assert (rules.least_percent, rules.credit_whole, rules.hour_minutes) == (80, False, 45)
    assert rules_from_text(rules_text(rules)) == rules
    assert from_wire(to_wire(FIRST)) == FIRST


def test_rules_from_before_there_was_one_on_leave_take_it_whenever_it_is_entered() -> None:
    assert rules_from_text('{"makeup_days": 5}').leave_whenever


def test_rules_of_another_version_are_read_as_far_as_they_are_known() -> None:
    assert rules_from_text('{"late_after_minutes": 5, "of_tomorrow": 1}') == Rules(late_after_minutes=5)


@pytest.mark.parametrize(
    "changed",
    [
        {"least_percent": 101},
        {"least_percent": -1},
        {"least_percent": True},
        {"least_percent": "50"},
        {"hour_minutes": 0},
        {"credit_whole": 1},
        {"of_tomorrow": 1},
        {"makeup_days": None},
    ],
)
def test_a_rule_that_is_wrong_is_named(changed: dict[str, object]) -> None:
    with pytest.raises(PolicyInvalid, match=next(iter(changed))):
        rules_of(GOOD | changed)


def test_every_rule_must_be_given() -> None:
    with pytest.raises(PolicyInvalid, match="least_minutes"):
        rules_of({name: value for name, value in GOOD.items() if name != "least_minutes"})


def test_every_number_has_its_range_and_the_first_policy_keeps_to_it() -> None:
    numbers = {name for name, value in GOOD.items() if not isinstance(value, bool)}
    assert set(RANGES) == numbers
    assert rules_of(dataclasses.asdict(FIRST.rules)) == FIRST.rules


def test_a_name_is_one_line() -> None:
    assert clean_name("  2027  办法 ") == "2027 办法"
    for name in ("", "  ", "a" * 101, "a\x00b"):
        with pytest.raises(PolicyInvalid, match="name"):
            clean_name(name)
