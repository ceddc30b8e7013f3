from __future__ import annotations

import inspect

import venues
from venues import TongtangError


def subclasses(kind: type[TongtangError]) -> list[type[TongtangError]]:
    return [each for child in kind.__subclasses__() for each in [child, *subclasses(child)]]


def test_every_public_name_is_there() -> None:
    assert venues.__all__ == sorted(set(venues.__all__))
    assert all(hasattr(venues, name) for name in venues.__all__)


def test_errors_have_a_sentence_and_a_code_of_their_own() -> None:
    ours = [error for error in subclasses(TongtangError) if error.__module__.startswith("venues.")]
    assert len(ours) > 15
    assert len({error.code for error in ours}) == len(ours)
    for error in ours:
        assert "code" in vars(error), error
        assert 400 <= error.status <= 599
        assert inspect.getdoc(error)
