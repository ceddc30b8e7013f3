from __future__ import annotations

import pickle

from venues.errors import TongtangError


class Lost(TongtangError):
    """{count} things were lost."""

    code = "lost"


def test_an_error_crosses_processes_with_its_fields() -> None:
    error = pickle.loads(pickle.dumps(Lost(count=3)))
    assert isinstance(error, Lost)
    assert str(error) == "3 things were lost."
