from __future__ import annotations

from argon2 import PasswordHasher, extract_parameters, profiles

from web import passwords
from web.passwords import Passwords


async def test_a_name_that_nobody_has_costs_what_every_other_does() -> None:
    assert extract_parameters(passwords._NOBODY) == profiles.RFC_9106_LOW_MEMORY
    assert not await Passwords().verify(None, "nobody")


async def test_only_the_right_password_is_right() -> None:
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stored = await cheap.hash("correct horse")
    assert await cheap.verify(stored, "correct horse")
    assert not await cheap.verify(stored, "battery staple")
    assert not await cheap.verify(None, "nobody")
    assert not await cheap.verify("no hash", "correct horse")
