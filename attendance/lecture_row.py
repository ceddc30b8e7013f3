"""A lecture out of its row in the database."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from attendance.lectures import Lecture, LectureState


def lecture_of(row: Mapping[Any, Any]) -> Lecture:
    values = {field.name: row[field.name] for field in dataclasses.fields(Lecture)}
    return Lecture(**values | {"state": LectureState(row["state"])})
